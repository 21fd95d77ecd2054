//! What a failed call of the driver means: the table's words, and what else the
//! observation knows about that very error.

use std::path::Path;

use crate::probe::{
    DeviceObservation, FailedCall, Observation, VerdictKind,
    driver_errors::driver_error,
    findings::{Finding, driver_file, named, on_linux},
};

/// The number of `CUDA_ERROR_NO_DEVICE`.
const NO_DEVICE: i32 = 100;

/// The number of `CUDA_ERROR_STUB_LIBRARY`.
const STUB_LIBRARY: i32 = 34;

/// The number of `CUDA_ERROR_SYSTEM_DRIVER_MISMATCH`.
const DRIVER_MISMATCH: i32 = 803;

/// The first driver that leaves out Maxwell, Pascal and Volta.
const FIRST_WITHOUT_VOLTA: u32 = 590;

/// Explains a call that failed and belongs to no device.
pub(crate) fn failed_call(observation: &Observation, failed: &FailedCall) -> Finding {
    // Old stubs answer another number, but they give themselves away by their place.
    let in_stubs = Path::new(driver_file(observation))
        .parent()
        .is_some_and(|directory| directory.file_name().is_some_and(|name| name == "stubs"));
    let number = match in_stubs {
        true => STUB_LIBRARY,
        false => failed.number,
    };
    let Some(error) = driver_error(number) else {
        let finding = Finding::new(VerdictKind::DriverError, failed.to_string());
        return failed
            .text
            .iter()
            .fold(finding, |finding, text| finding.cause(text));
    };
    let finding = Finding {
        kind: error.verdict,
        summary: match error.verdict {
            VerdictKind::DriverTooOld => format!("the driver is too old: {failed}"),
            VerdictKind::StubDriver => {
                format!("`{}` is not a driver but a stub", driver_file(observation))
            }
            _ => failed.to_string(),
        },
        causes: vec![error.cause.clone()],
        help: error.help.clone(),
    };
    let mut finding = match number {
        NO_DEVICE => no_device(observation, finding),
        STUB_LIBRARY => stub(observation, finding.cause(failed.to_string())),
        DRIVER_MISMATCH => mismatch(observation, finding),
        _ => finding,
    };
    if on_linux(observation) {
        finding.help.extend(error.linux.iter().cloned());
    }
    finding
}

/// Explains a call that failed on a device.
pub(crate) fn failed_on_device(
    observation: &Observation,
    device: &DeviceObservation,
    failed: &FailedCall,
) -> Finding {
    let mut finding = failed_call(observation, failed);
    // The device is there; what it says is that it does not work.
    if finding.kind == VerdictKind::NoDevice {
        finding.kind = VerdictKind::DriverError;
    }
    finding.summary = match finding.kind {
        VerdictKind::Architecture => {
            format!(
                "the driver cannot run the kernel on {}: {failed}",
                named(device)
            )
        }
        _ => format!("{}: {}", named(device), finding.summary),
    };
    if let Some(capability) = device.compute_capability
        && finding.kind == VerdictKind::Architecture
    {
        finding = finding.cause(format!("the GPU has compute capability {capability}"));
    }
    if let Some(log) = &device.compiler_log {
        finding = finding.cause(format!("the driver's compiler said: {}", log.trim()));
    }
    finding
}

/// Explains why the driver may see no device.
pub(crate) fn no_device(observation: &Observation, mut finding: Finding) -> Finding {
    let variable = |name: &str| observation.variables.get(name);
    finding.summary = "the driver sees no device".to_string();
    let selected = variable("CUDA_VISIBLE_DEVICES");
    if let Some(list) = selected {
        finding.summary = format!("the driver sees no device: `CUDA_VISIBLE_DEVICES` is `{list}`");
        finding = finding
            .cause("a device that the list does not name stays hidden, and so does every one behind a wrong name")
            .help("`unset CUDA_VISIBLE_DEVICES`, or set it to what `nvidia-smi -L` lists");
    } else if variable("SLURM_JOB_ID").is_some() {
        finding = finding
            .cause("likely the Slurm job was given no GPU")
            .help("ask for one: `srun --gres=gpu:1 …`");
    }
    let driver = observation
        .driver
        .as_ref()
        .and_then(|driver| driver.version.as_deref());
    let branch = driver.and_then(|version| version.split('.').next()?.parse().ok());
    if branch.is_some_and(|branch: u32| branch >= FIRST_WITHOUT_VOLTA) {
        finding = finding.cause(
            "this driver no longer drives Maxwell, Pascal and Volta; for those install branch 580",
        );
    }
    finding
}

fn stub(observation: &Observation, finding: Finding) -> Finding {
    let directory = Path::new(driver_file(observation)).parent();
    let directory = directory.map(|directory| directory.display().to_string());
    let searched = observation.variables.get("LD_LIBRARY_PATH");
    match directory.zip(searched) {
        Some((directory, path))
            if path
                .split(':')
                .any(|entry| entry.trim_end_matches('/') == directory) =>
        {
            finding.help(format!("take `{directory}` out of `LD_LIBRARY_PATH`"))
        }
        Some((directory, _)) => finding.help(format!(
            "find out what puts `{directory}` before the driver: `ldconfig -p | grep libcuda`"
        )),
        None => finding.help("find out what comes before the driver: `ldconfig -p | grep libcuda`"),
    }
}

fn mismatch(observation: &Observation, finding: Finding) -> Finding {
    let library = observation.driver.as_ref();
    let versions = library.and_then(|library| library.version.as_ref());
    match versions.zip(observation.kernel_module.as_ref()) {
        Some((library, module)) => finding.cause(format!(
            "the library `{}` is of version {library}, the kernel module of version {module}",
            driver_file(observation)
        )),
        None => finding.cause(format!("the library is `{}`", driver_file(observation))),
    }
}
