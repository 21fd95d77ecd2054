//! Which machine a lock is checked against, and what `create` makes of the answer.

use std::path::Path;

use fs_err as fs;
use gpuenv_core::{
    Code, Diagnostic, Machine, Place, Severity, Solution,
    event::Silent,
    fits,
    machine::{self, Device, MachineError},
    plan::Gpu,
    probe::{DeviceObservation, Observation, VerdictKind},
};
use gpuenv_provision::facts as seen;
use rattler_conda_types::{RepoDataRecord, package::DistArchiveType};

use crate::{
    Failure, Session,
    deciding::Deciding,
    env, facts,
    probing::{self, Question},
};

/// Returns the machine that a driver's answer belongs to.
pub fn of_observation(observation: &Observation) -> Result<Machine, Diagnostic> {
    Ok(with_driver(without_driver()?, observation))
}

fn with_driver(mut machine: Machine, observation: &Observation) -> Machine {
    let capabilities = observation.devices.iter();
    let least = capabilities
        .filter_map(|device| device.compute_capability)
        .min();
    machine.cuda = observation.cuda;
    machine.compute_capability = least;
    let driver = observation.driver.as_ref();
    let version = driver.and_then(|driver| driver.version.clone());
    let version = version.or_else(|| observation.kernel_module.clone());
    // A driver that answers garbage has no version.
    machine.driver = version.filter(|version| machine::dotted(version).is_some());
    machine.devices = observation.devices.iter().map(device).collect();
    machine
}

/// Returns this machine, without what only its driver can say.
///
/// # Errors
/// GE517 for a variable that holds no version.
pub fn without_driver() -> Result<Machine, Diagnostic> {
    Ok(seen::machine_without_driver(Path::new("/"), &variable)?)
}

fn variable(name: &str) -> Option<String> {
    let variables = env::variables();
    variables
        .get(std::ffi::OsStr::new(name))
        .and_then(|value| value.to_str().map(ToString::to_string))
}

fn device(seen: &DeviceObservation) -> Device {
    Device {
        index: seen.ordinal,
        name: seen.name.clone(),
        uuid: seen.uuid.clone(),
        compute_capability: seen.compute_capability,
        memory: seen.total_memory,
        compute_mode: seen.compute_mode,
        mig: seen.mig,
    }
}

/// Returns this machine, and what is wrong with its driver if it is there and broken.
///
/// The driver is asked in a child process, and not at all where conda's
/// variables stand in for it.
///
/// # Errors
/// GE517 for a variable that holds no version.
pub fn this_machine() -> Result<(Machine, Option<Diagnostic>), Diagnostic> {
    let mut broken = None;
    let machine = seen::machine(Path::new("/"), &variable, |machine| {
        let probed = probing::probe(&Question::of_driver(None), &Silent)?;
        let absent = [VerdictKind::NoDriver, VerdictKind::NoDevice].contains(&probed.verdict.kind);
        broken = probed.verdict.diagnostic.filter(|_| !absent);
        Ok::<_, Diagnostic>(with_driver(machine, &probed.observation))
    })?;
    Ok((machine, broken))
}

/// Reads the file of a machine.
///
/// # Errors
/// GE208 if it cannot be read or makes no sense, GE209 if it is of another version.
pub fn read_machine(file: &Path) -> Result<Machine, Diagnostic> {
    let label = file.display().to_string();
    let refuse = |cause: String| {
        Diagnostic::error(Code::TARGET_BAD, "the target file cannot be read")
            .at(Place::file(&label))
            .cause(cause)
            .help("write one on that machine: `gpuenv devices --export FILE`")
    };
    let metadata = fs::metadata(file).map_err(|error| refuse(error.to_string()))?;
    if !metadata.is_file() {
        return Err(refuse("it is not a regular file".to_string()));
    }
    if metadata.len() > machine::MAX_BYTES as u64 {
        return Err(MachineError::TooLarge { file: label }.into());
    }
    let text = fs::read_to_string(file).map_err(|error| refuse(error.to_string()))?;
    Ok(Machine::parse(&label, &text)?)
}

/// Returns the packages that are no wheels in conda's clothes.
pub fn conda_packages(records: &[RepoDataRecord]) -> Vec<RepoDataRecord> {
    let conda = records
        .iter()
        .filter(|record| matches!(record.identifier.archive_type, DistArchiveType::Conda(_)));
    conda.cloned().collect()
}

/// Refuses, before anything is downloaded, what this machine cannot run.
///
/// Returns what is only worth a warning. A machine without any GPU is no reason
/// to stop: it may be the login node of a cluster, and the probe says the rest.
///
/// # Errors
/// GE203, GE205, GE206 and GE210 to GE213, each with what to do about it.
pub fn before_install(
    solution: &Solution,
    gpu: Gpu,
    deciding: &Deciding,
    session: &Session,
) -> Result<Vec<Diagnostic>, Failure> {
    let (facts, mut warnings) = facts::read(session.env.facts.as_deref())?;
    let records = conda_packages(&solution.records);
    let asks = gpu != Gpu::None && fits::uses_gpu(&records, &solution.wheels);
    let machine = match asks || deciding.is_elsewhere() {
        true => deciding.machine()?.clone(),
        false => without_driver()?,
    };
    let found = fits::check(&records, &solution.wheels, gpu, &machine, &facts);
    let known = found
        .into_iter()
        .filter(|found| found.code != Code::PLAN_NO_GPU);
    let (errors, more): (Vec<_>, Vec<_>) =
        known.partition(|found| found.severity == Severity::Error);
    warnings.extend(more);
    match errors.is_empty() {
        true => Ok(warnings),
        false => Err(Failure::several(errors).help("`--no-check` installs it all the same")),
    }
}
