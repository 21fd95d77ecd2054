//! What is installed in an environment, against the machine that it is on.

use std::collections::BTreeSet;

use rattler_conda_types::Version;

use super::{Case, Finding, Package, case::major_minor};
use crate::{channel::short_name, plan::Gpu};

/// CUDA libraries and tools by their conda names, as far as their channel matters.
const CUDA_PACKAGES: [&str; 10] = [
    "cuda-cudart",
    "cuda-nvcc",
    "cuda-nvrtc",
    "cudatoolkit",
    "libcublas",
    "libcufft",
    "libcurand",
    "libcusolver",
    "libcusparse",
    "libnvjitlink",
];

/// P08: the environment's CUDA is of a newer major version than the driver's.
pub(super) fn driver_too_old(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment.filter(|_| case.expects_gpu())?;
    let wanted = major_minor(environment.cuda()?)?;
    let driver = case.driver_cuda()?;
    if wanted.major <= driver.major {
        return None;
    }
    let floors = &case.facts.drivers.floors;
    let floor = floors.iter().find(|floor| floor.cuda == wanted.major);
    let finding = Finding::broken(
        8,
        format!("the driver is too old for CUDA {wanted}: it supports {driver}"),
        format!(
            "CUDA {} runs on drivers made for it or for a later one",
            wanted.major
        ),
    )
    .seen(format!(
        "the environment is made for CUDA {}",
        environment.cuda().unwrap_or_default()
    ));
    let finding = match &case.host.module.loaded {
        Some(version) => finding.seen(format!("the driver is of version {version}")),
        None => finding,
    };
    let finding = match floor {
        Some(floor) => finding.fix(format!("update the driver to {} or newer", floor.linux)),
        None => finding.fix("update the driver"),
    };
    Some(finding.fix(format!(
        "or lock for this driver: `cuda: \"{driver}\"` in the recipe's `target`"
    )))
}

/// P50: wheels without a Python to run them.
pub(super) fn no_python(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment?;
    let wheel = environment.packages.iter().find(|package| package.wheel)?;
    (!environment.has_python).then(|| {
        Finding::broken(
            50,
            "the environment has wheels and no Python",
            "no conda package in it depends on `python`, so `pip` was that of another Python",
        )
        .seen(format!("{} is there, `bin/python` is not", wheel.label()))
        .fix("write `python` into the recipe's `dependencies`, and create the environment again")
    })
}

/// P38: a TensorFlow that has no GPU support on Windows.
pub(super) fn windows_tensorflow(case: &Case<'_>) -> Option<Finding> {
    let environment = case
        .environment
        .filter(|e| e.platform.starts_with("win-"))?;
    let tensorflow = environment.tensorflow()?;
    let last = &case.facts.tensorflow.last_on_windows;
    let version = tensorflow.version()?;
    // 2.10.1 still belongs to 2.10.
    let newer = version > *last && !version.starts_with(last);
    (newer && environment.gpu != Some(Gpu::None)).then(|| {
        Finding::doubtful(
            38,
            format!("{} uses no GPU on Windows", tensorflow.label()),
            format!("TensorFlow {last} was the last one with GPU support on native Windows"),
        )
        .fix("pin `tensorflow <2.11` in the recipe")
        .fix("or use WSL 2, where newer ones use the GPU")
    })
}

/// P13, P47: a framework without CUDA where there is a GPU for it.
pub(super) fn cpu_build(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment?;
    let required = environment.gpu == Some(Gpu::Required);
    let idle = environment.gpu != Some(Gpu::None) && case.computes();
    if !required && !idle {
        return None;
    }
    let mut packages = environment.packages.iter();
    let package = packages.find(|package| package.cuda == Some(false))?;
    let arm = package.wheel && environment.platform == "linux-aarch64";
    let (mode, cause) = match arm {
        true => (47, "the wheel for ARM is built without CUDA"),
        false if package.wheel => (13, "a wheel without CUDA was installed"),
        false => (
            13,
            "the solver chose a CPU build, because no CUDA build fits the other wishes",
        ),
    };
    let finding = Finding::doubtful(
        mode,
        format!("{} computes on the CPU only", package.label()),
        cause,
    );
    Some(match (arm, required) {
        (true, _) => finding
            .fix("take `pytorch-gpu` from `conda-forge`: it has CUDA builds for `linux-aarch64`"),
        (false, true) => finding.fix("write `cuda` into the recipe's `target`, and lock again"),
        (false, false) => finding
            .fix("say `gpu: required` in the recipe, and lock again: then a CPU build is refused"),
    })
}

/// P14: CUDA where no GPU is wanted.
pub(super) fn cuda_without_gpu(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment.filter(|e| e.gpu == Some(Gpu::None))?;
    let mut packages = environment.packages.iter();
    let package = packages.find(|package| package.cuda == Some(true))?;
    Some(
        Finding::doubtful(
            14,
            format!(
                "{} is built for CUDA, and the recipe says `gpu: none`",
                package.label()
            ),
            "CUDA builds have higher build numbers, so a solver prefers them",
        )
        .fix(format!(
            "write `{} =*=cpu*` into the recipe, and lock again",
            package.name
        )),
    )
}

/// P20: a package that needs a newer glibc.
pub(super) fn glibc(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment?;
    let here: Version = case.host.glibc.as_deref()?.parse().ok()?;
    let needed = |package: &Package| package.glibc.as_deref()?.parse::<Version>().ok();
    let most = environment
        .packages
        .iter()
        .filter_map(|package| Some((needed(package)?, package)))
        .max_by(|a, b| a.0.cmp(&b.0))?;
    let (version, package) = most;
    (version > here).then(|| {
        Finding::broken(
            20,
            format!(
                "{} needs glibc {version}, this machine has {here}",
                package.label()
            ),
            "it was built on a newer system",
        )
        .fix(format!(
            "write `glibc: \"{here}\"` into the recipe's `target`, and lock again"
        ))
        .fix("or run in a container with a newer system")
    })
}

/// P39: modules for NumPy 1 beside NumPy 2.
pub(super) fn numpy(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment?;
    let numpy = environment
        .package(&["numpy"])
        .filter(|p| p.at_least("2"))?;
    let torch = environment.torch().filter(|p| p.below("2.3"));
    let tensorflow = environment.tensorflow().filter(|p| p.below("2.18"));
    let old = torch.or(tensorflow)?;
    Some(
        Finding::doubtful(
            39,
            format!(
                "{} was compiled for NumPy 1, and {} is there",
                old.label(),
                numpy.label()
            ),
            "its package does not say that it needs NumPy 1",
        )
        .fix("write `numpy <2` into the recipe, and lock again"),
    )
}

/// P43: wheels of several CUDAs, or of another than conda's.
pub(super) fn several_cudas(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment?;
    let mut majors: BTreeSet<u32> = BTreeSet::new();
    let mut seen = Vec::new();
    for package in &environment.packages {
        let major = match package.wheel {
            true => wheel_major(package),
            false if ["cudatoolkit", "cuda-cudart"].contains(&package.name.as_str()) => {
                major_minor(&package.version).map(|version| version.major)
            }
            false => None,
        };
        if let Some(major) = major
            && majors.insert(major)
        {
            seen.push(format!("{} is of CUDA {major}", package.label()));
        }
    }
    if majors.len() < 2 {
        return None;
    }
    let list: Vec<String> = majors.iter().map(ToString::to_string).collect();
    let mut finding = Finding::doubtful(
        43,
        format!(
            "the environment holds several CUDAs: {}",
            list.join(" and ")
        ),
        "each framework brings the CUDA that it was built with",
    );
    finding.evidence = seen;
    Some(
        finding
            .fix("make one environment for each framework")
            .fix("or take both from `conda-forge`, where they share one `cuda-version`"),
    )
}

fn wheel_major(package: &Package) -> Option<u32> {
    let name = package.name.strip_prefix("nvidia-")?;
    name.rsplit_once("-cu")?.1.parse().ok()
}

/// P46: CUDA of several channels.
pub(super) fn mixed_channels(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment?;
    let cuda = major_minor(environment.cuda()?)?;
    // From 12.5 on they are the same packages.
    if (cuda.major, cuda.minor) >= (12, 5) {
        return None;
    }
    let packages = environment.packages.iter();
    let ours = packages.filter(|p| !p.wheel && CUDA_PACKAGES.contains(&p.name.as_str()));
    let channels: BTreeSet<String> = ours
        .map(|package| short_name(&package.channel).to_string())
        .filter(|channel| !channel.is_empty())
        .collect();
    (channels.len() > 1).then(|| {
        let list: Vec<&str> = channels.iter().map(String::as_str).collect();
        Finding::doubtful(
            46,
            format!("CUDA comes from several channels: {}", list.join(", ")),
            format!("before 12.5 their builds do not fit each other; this is {cuda}"),
        )
        .fix("take CUDA from one channel: name only that one in the recipe's `channels`")
    })
}

/// P48: a build for servers on a Jetson.
pub(super) fn jetson(case: &Case<'_>) -> Option<Finding> {
    let release = case.host.tegra.as_deref()?;
    let environment = case.environment.filter(|e| e.gpu != Some(Gpu::None))?;
    let variant = environment.package(&["arm-variant"])?;
    variant.build.contains("sbsa").then(|| {
        Finding::doubtful(
            48,
            "the packages are built for ARM servers, and this is a Jetson",
            "a Jetson's GPU has an architecture of its own, for which server builds have no code",
        )
        .seen(format!("this is {release}"))
        .seen(variant.label())
        .fix("write `arm-variant =*=tegra` into the recipe, and lock again")
    })
}
