//! Whether a machine runs a lock, as far as tables of facts and file names tell it.
//!
//! [`fits`](super::fits) reads what the packages demand of a solver's virtual packages. Here is what no
//! package says: which GPUs a build has code for, which a driver still drives,
//! what a wheel's tag demands, and what is compiled on the machine.

use std::cmp::Reverse;

use rattler_conda_types::{RepoDataRecord, Subdir, Version};

use super::{Need, runtime_version, with_causes};
use crate::{
    Code, Diagnostic, Machine, Severity, Wheel,
    facts::{Architecture, Facts, TorchArchitectures},
    plan::Gpu,
    solution,
    target::{ComputeCapability, CudaVersion},
    wheels,
};

/// Packages that compile code for the GPU while a program runs, by the beginning of their names.
const COMPILERS: [&str; 9] = [
    "cuda-nvcc",
    "cuda-nvrtc",
    "cupy",
    "jaxlib",
    "nvidia-cuda-nvcc",
    "nvidia-cuda-nvrtc",
    "numba",
    "tensorflow",
    "triton",
];

/// The first build of Windows 10 with GPUs inside WSL 2.
pub(crate) const WINDOWS_WITH_WSL_GPU: u32 = 19044;

/// Returns everything that keeps a machine from running what a lock holds.
///
/// Where the environment is of use without a GPU, nothing about the GPU is an error.
pub fn check(
    records: &[RepoDataRecord],
    wheels: &[Wheel],
    gpu: Gpu,
    machine: &Machine,
    facts: &Facts,
) -> Vec<Diagnostic> {
    let tags = wheels.iter().filter_map(tag).collect();
    let cuda = cuda(records, wheels);
    let mut found = super::found(records, tags, gpu, &machine.target(), &facts.drivers);
    let too_old = |d: &Diagnostic| d.code == Code::PLAN_DRIVER_TOO_OLD;
    if !found.iter().any(too_old) {
        found.extend(wheel_runtime(wheels, machine, facts));
    }
    if !found.iter().any(too_old) {
        found.extend(minor_version(records, wheels, cuda, machine));
    }
    found.extend(dropped(machine, facts));
    found.extend(no_code(cuda, machine, facts));
    found.extend(torch(records, wheels, cuda, machine, facts));
    found.extend(cudnn(records, wheels, machine, facts));
    found.extend(tensorflow_on_windows(records, wheels, machine, facts));
    found.extend(windows_build(machine));
    for diagnostic in &mut found {
        let about_gpu = diagnostic.code != Code::PLAN_GLIBC_TOO_OLD;
        if gpu != Gpu::Required && about_gpu && diagnostic.severity == Severity::Error {
            diagnostic.severity = Severity::Warning;
        }
    }
    found
}

/// Tells whether anything in a lock depends on the GPU of the machine.
pub fn uses_gpu(records: &[RepoDataRecord], wheels: &[Wheel]) -> bool {
    let asks = |record: &RepoDataRecord| {
        let package = &record.package_record;
        let texts = package.depends.iter().chain(&package.constrains);
        texts
            .map(|text| solution::name_of(text))
            .any(|name| matches!(name, "__cuda" | "__cuda_arch"))
    };
    cuda(records, wheels).is_some() || records.iter().any(asks)
}

/// Says whether a driver runs a CUDA, where there is no lock to ask.
pub fn check_cuda(cuda: CudaVersion, machine: &Machine, facts: &Facts) -> Vec<Diagnostic> {
    let too_old = driver_floor(cuda, format!("CUDA {cuda} is asked for"), machine, facts);
    let mut found: Vec<Diagnostic> = too_old.into_iter().collect();
    found.extend(dropped(machine, facts));
    found.extend(no_code(Some(cuda), machine, facts));
    found
}

/// Returns the CUDA that the environment brings.
pub fn cuda(records: &[RepoDataRecord], wheels: &[Wheel]) -> Option<CudaVersion> {
    let of_records = records.iter().filter_map(runtime_version);
    of_records.chain(wheels.iter().filter_map(of_wheel)).max()
}

/// Returns the CUDA of a wheel that is a runtime, or says in its version what it was built for.
fn of_wheel(wheel: &Wheel) -> Option<CudaVersion> {
    let is_runtime = wheel.name.starts_with("nvidia-cuda-runtime");
    let text = match wheel.version.split_once('+') {
        _ if is_runtime => wheel.version.clone(),
        // `cu121`: the last digit is the minor version.
        Some((_, local)) => {
            let digits = local.strip_prefix("cu")?;
            let cut = digits.len().checked_sub(1).filter(|cut| *cut > 0)?;
            format!("{}.{}", digits.get(..cut)?, digits.get(cut..)?)
        }
        None => return None,
    };
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    Some(CudaVersion {
        major: numbers.next()??,
        minor: numbers.next()??,
    })
}

/// Returns what the tag of a wheel demands of glibc; of several tags the least.
fn tag(wheel: &Wheel) -> Option<Need> {
    let file = wheels::file_name(&wheel.url)?;
    let least = |tag: &String| -> Option<(u64, u64)> {
        let rest = tag.strip_prefix("manylinux")?;
        match rest.split_once('_')? {
            ("1", _) => Some((2, 5)),
            ("2010", _) => Some((2, 12)),
            ("2014", _) => Some((2, 17)),
            ("", rest) => {
                let mut numbers = rest.split('_').map(|number| number.parse().ok());
                Some((numbers.next()??, numbers.next()??))
            }
            _ => None,
        }
    };
    let bound = file.platforms.iter().filter_map(least).min()?;
    let text = format!(
        "the wheel `{}` is for glibc {}.{}",
        wheel.label(),
        bound.0,
        bound.1
    );
    Some(Need {
        least: Reverse(Some(bound)),
        optional: false,
        text,
    })
}

fn wheel_runtime(wheels: &[Wheel], machine: &Machine, facts: &Facts) -> Option<Diagnostic> {
    let versions = wheels
        .iter()
        .filter_map(|wheel| Some((of_wheel(wheel)?, wheel)));
    let (cuda, wheel) = versions.max_by_key(|(cuda, _)| *cuda)?;
    let why = format!("the wheel `{}` is built for CUDA {cuda}", wheel.label());
    driver_floor(cuda, why, machine, facts)
}

/// Compares a runtime with the first driver of its major version.
pub(super) fn driver_floor(
    cuda: CudaVersion,
    why: String,
    machine: &Machine,
    facts: &Facts,
) -> Option<Diagnostic> {
    let windows = machine.platform.is_windows();
    let floors = &facts.drivers.floors;
    let floor = floors.iter().find(|floor| floor.cuda == cuda.major);
    let floor = floor.and_then(|floor| match windows {
        true => floor.windows.clone(),
        false => Some(floor.linux.clone()),
    });
    let driver = machine.driver_version();
    let too_old = match (&floor, driver) {
        (Some(floor), Some(driver)) => driver < *floor.version(),
        _ => machine.cuda.is_some_and(|there| there.major < cuda.major),
    };
    if !too_old {
        return None;
    }
    let there = match (&machine.driver, machine.cuda) {
        (Some(driver), _) => format!("this machine's is {driver}"),
        (None, Some(there)) => format!("this machine's is for {there}"),
        (None, None) => return None,
    };
    let message = format!(
        "CUDA {cuda} needs a driver for CUDA {}.0 or newer, {there}",
        cuda.major
    );
    let error = Diagnostic::error(Code::PLAN_DRIVER_TOO_OLD, message).cause(why);
    Some(match floor {
        Some(floor) => error.help(format!("update the driver to {floor} or newer")),
        None => error.help("update the driver"),
    })
}

/// Warns of code that is compiled on the machine by a newer CUDA than the driver's (error 222).
fn minor_version(
    records: &[RepoDataRecord],
    wheels: &[Wheel],
    cuda: Option<CudaVersion>,
    machine: &Machine,
) -> Option<Diagnostic> {
    let (cuda, driver) = (cuda?, machine.cuda?);
    if cuda.major != driver.major || cuda <= driver {
        return None;
    }
    let is_compiler = |name: &str| COMPILERS.iter().any(|known| name.starts_with(known));
    let of_records = records
        .iter()
        .filter(|record| is_compiler(record.package_record.name.as_normalized()))
        .map(solution::label);
    let of_wheels = wheels.iter().filter(|wheel| is_compiler(&wheel.name));
    let compilers: Vec<String> = of_records.chain(of_wheels.map(Wheel::label)).collect();
    if compilers.is_empty() {
        return None;
    }
    let message = format!(
        "the lock brings CUDA {cuda}, the driver is for {driver}: code that is compiled on the machine may fail there"
    );
    let warning = Diagnostic::warning(Code::CHECK_MINOR_VERSION, message);
    let causes = compilers
        .into_iter()
        .take(3)
        .map(|label| format!("`{label}` compiles for the GPU, or brings what does"))
        .collect();
    Some(
        with_causes(warning, causes)
            .cause("compiled code runs: a driver runs every minor version of its CUDA; PTX of a newer one fails with error 222")
            .help(format!("update the driver to one for CUDA {cuda} or newer"))
            .help(format!("or lock for this driver: `cuda: \"{driver}\"` under `target`, and `cuda-version {driver}.*` under `dependencies`")),
    )
}

/// Finds a GPU that drivers of this branch no longer drive.
fn dropped(machine: &Machine, facts: &Facts) -> Option<Diagnostic> {
    let (branch, _) = machine.driver_version()?.as_major_minor()?;
    let (row, last) = machine.capabilities().into_iter().find_map(|capability| {
        let row = facts.architectures.get(capability)?;
        let dropped = facts.architectures.dropped.iter();
        let dropped = dropped
            .filter(|dropped| dropped.architectures.contains(&row.name) && !row.jetson)
            .find(|dropped| branch > u64::from(dropped.last_branch))?;
        Some((row, dropped.last_branch))
    })?;
    let message = format!(
        "driver {} no longer drives a GPU of compute capability {}",
        machine.driver.as_deref().unwrap_or_default(),
        row.capability
    );
    Some(
        Diagnostic::error(Code::CHECK_DRIVER_DROPPED_GPU, message)
            .cause(format!(
                "{} ({}): branch {last} was the last one",
                row.name, row.examples
            ))
            .help(format!("install a driver of branch {last}"))
            .help("or hide that GPU: set `CUDA_VISIBLE_DEVICES` to the others"),
    )
}

/// Finds a GPU for which a CUDA does not compile: dropped, or not yet known.
fn no_code(cuda: Option<CudaVersion>, machine: &Machine, facts: &Facts) -> Option<Diagnostic> {
    let cuda = cuda?;
    let rows = machine.capabilities().into_iter();
    let mut rows = rows.filter_map(|capability| facts.architectures.get(capability));
    let wrong = |row: &&Architecture| row.last.is_some_and(|last| last < cuda) || cuda < row.first;
    let row = rows.find(wrong)?;
    let gpu = row.capability;
    match row.last {
        Some(last) if last < cuda => Some(
            no_code_for(format!("CUDA {cuda}"), gpu)
                .cause(format!(
                    "{} ({}): CUDA {last} was the last one for it",
                    row.name, row.examples
                ))
                .help(format!(
                    "lock with an older CUDA: `cuda-version <={last}` under `dependencies`"
                )),
        ),
        _ => {
            let message = format!("CUDA {cuda} is older than GPUs of compute capability {gpu}");
            let warning = Diagnostic::warning(Code::CHECK_NO_CODE, message);
            Some(
                warning
                    .cause(format!("{}: CUDA {} was the first one for it", row.name, row.first))
                    .cause("the driver compiles older code anew, where a package brought PTX; that takes minutes, and fails where it did not")
                    .help(format!("lock with a newer CUDA: `cuda-version >={}` under `dependencies`", row.first)),
            )
        }
    }
}

fn no_code_for(what: String, gpu: ComputeCapability) -> Diagnostic {
    let message = format!("{what} has no code for a GPU of compute capability {gpu}");
    Diagnostic::error(Code::CHECK_NO_CODE, message)
}

/// Names what the environment brings, as a conda package or else as a wheel; what stands
/// behind a `+` in a wheel's version is no part of the release.
fn label_and_version(
    record: Option<&RepoDataRecord>,
    wheel: Option<&Wheel>,
) -> Option<(String, Version)> {
    if let Some(record) = record {
        let version = record.package_record.version.version().clone();
        return Some((solution::label(record), version));
    }
    let wheel = wheel?;
    let release = wheel.version.split('+').next().unwrap_or_default();
    Some((wheel.label(), release.parse().ok()?))
}

/// Finds a GPU for which a build of PyTorch has no code.
///
/// The table knows the builds of the project itself, conda-forge's differ.
fn torch(
    records: &[RepoDataRecord],
    wheels: &[Wheel],
    cuda: Option<CudaVersion>,
    machine: &Machine,
    facts: &Facts,
) -> Option<Diagnostic> {
    let from_project = |record: &&RepoDataRecord| {
        let channel = record.channel.as_deref().unwrap_or_default();
        record.package_record.name.as_normalized() == "pytorch"
            && crate::channel::short_name(channel) == "pytorch"
    };
    let record = records.iter().find(from_project);
    let wheel = wheels.iter().find(|wheel| wheel.name == "torch");
    let (label, version) = label_and_version(record, wheel)?;
    let (cuda, version) = (cuda?, version.as_major_minor()?);
    let known = facts.torch.architectures.iter();
    let row = known.into_iter().find(|row: &&TorchArchitectures| {
        row.platform == machine.platform.as_str()
            && row.cuda == cuda
            && (u64::from(row.pytorch.major), u64::from(row.pytorch.minor)) == version
    })?;
    let gpu = machine
        .capabilities()
        .into_iter()
        .find(|gpu| !row.runs_on(*gpu))?;
    let list: Vec<String> = row.sm.iter().map(ToString::to_string).collect();
    Some(
        no_code_for(format!("`{label}` for CUDA {cuda}"), gpu)
            .cause(format!("it is compiled for {} ({})", list.join(", "), row.evidence))
            .help("take another CUDA or another release of PyTorch: `gpuenv doctor --facts` names the tables")
            .help("or hide that GPU: set `CUDA_VISIBLE_DEVICES` to the others"),
    )
}

/// Finds a GPU that is too old for a cuDNN.
fn cudnn(
    records: &[RepoDataRecord],
    wheels: &[Wheel],
    machine: &Machine,
    facts: &Facts,
) -> Option<Diagnostic> {
    let record = records.iter().find(|record| {
        matches!(
            record.package_record.name.as_normalized(),
            "cudnn" | "libcudnn"
        )
    });
    let wheel = wheels.iter().find(|w| w.name.starts_with("nvidia-cudnn"));
    let (label, version) = label_and_version(record, wheel)?;
    let rows = facts.architectures.cudnn.iter();
    let row = rows
        .filter(|row| row.from <= version)
        .max_by(|a, b| a.from.cmp(&b.from))?;
    let gpu = machine
        .capabilities()
        .into_iter()
        .find(|gpu| *gpu < row.least)?;
    Some(
        no_code_for(format!("`{label}`"), gpu)
            .cause(format!("cuDNN {} and newer need {}", row.from, row.least))
            .help(format!(
                "lock with `cudnn <{}` under `dependencies`",
                row.from
            )),
    )
}

fn tensorflow_on_windows(
    records: &[RepoDataRecord],
    wheels: &[Wheel],
    machine: &Machine,
    facts: &Facts,
) -> Option<Diagnostic> {
    if machine.platform != Subdir::Win64 {
        return None;
    }
    let mut records = records.iter();
    let record = records.find(|r| r.package_record.name.as_normalized() == "tensorflow");
    let wheel = wheels.iter().find(|wheel| wheel.name == "tensorflow");
    let (label, version) = label_and_version(record, wheel)?;
    let last = &facts.tensorflow.last_on_windows;
    let newer = version > *last && !version.starts_with(last);
    newer.then(|| {
        let message = format!("`{label}` uses no GPU on Windows");
        Diagnostic::error(Code::CHECK_PLATFORM, message)
            .cause(format!(
                "TensorFlow {last} was the last one with GPU support on native Windows"
            ))
            .help("pin `tensorflow <2.11` in the recipe, or use WSL 2")
    })
}

fn windows_build(machine: &Machine) -> Option<Diagnostic> {
    let build = machine
        .windows_build
        .filter(|build| *build < WINDOWS_WITH_WSL_GPU)?;
    machine.wsl.then(|| {
        let message = format!("Windows build {build} gives no GPU to WSL 2");
        Diagnostic::error(Code::CHECK_PLATFORM, message)
            .cause(format!(
                "build {WINDOWS_WITH_WSL_GPU} is the first one that does"
            ))
            .help("update Windows, then in PowerShell: `wsl --update`")
    })
}

#[cfg(test)]
mod tests;
