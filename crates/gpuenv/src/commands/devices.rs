//! `gpuenv devices`: which GPUs does a program see?

use std::path::{Path, PathBuf};

use fs_err as fs;
use gpuenv_core::{
    probe::{ComputeMode, DeviceObservation, Observation, VerdictKind},
    target::{ComputeCapability, CudaVersion},
};
use rattler_conda_types::Subdir;
use serde::Serialize;

use crate::{
    Failure, Outcome, Session,
    probing::{self, Question},
    table,
    untrusted::shown,
};

/// The form of an exported machine.
const SCHEMA: u32 = 1;

/// List the GPUs that a program sees
///
/// The driver is asked in a child process, as `gpuenv probe` does. `CUDA_VISIBLE_DEVICES` is obeyed.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Write what a lock has to know of this machine into a file
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    /// Returns whether one JSON document is wanted on stdout.
    pub fn json(&self) -> bool {
        self.json
    }
}

/// A machine, as far as a lock depends on it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Machine<'a> {
    schema: u32,
    platform: &'static str,
    cuda: Option<CudaVersion>,
    /// The lowest of all devices.
    compute_capability: Option<ComputeCapability>,
    glibc: Option<String>,
    driver: Option<&'a str>,
    devices: Vec<Device<'a>>,
}

/// A device, as tools list it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Device<'a> {
    index: u32,
    name: Option<&'a str>,
    uuid: Option<&'a str>,
    compute_capability: Option<ComputeCapability>,
    memory: Option<u64>,
    compute_mode: Option<ComputeMode>,
    mig: bool,
}

/// Lists the devices.
///
/// # Errors
/// Returns what keeps the driver from being asked, or the file from being written.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let question = Question::of_driver(None);
    let probed = probing::probe(&question, &*session.reporter())?;
    let observation = &probed.observation;
    let machine = machine(observation);
    let mut text = text(&machine, &probed.verdict.summary);
    if let Some(file) = &args.export {
        write(file, &machine)?;
        text += &format!("written to {}\n", file.display());
    }
    let outcome = match probed.verdict.ok {
        true => Outcome::done(),
        false => Outcome::no(),
    };
    let outcome = outcome.text(shown(&text, 1 << 20)).facts(&machine);
    // That there is no GPU is an answer, which the text gives; that one is broken is news.
    let absent = [VerdictKind::NoDriver, VerdictKind::NoDevice].contains(&probed.verdict.kind);
    let broken = probed.verdict.diagnostic.filter(|_| !absent);
    Ok(broken.into_iter().fold(outcome, Outcome::diagnostic))
}

fn machine(observation: &Observation) -> Machine<'_> {
    let driver = observation.driver.as_ref();
    let version = driver.and_then(|driver| driver.version.as_deref());
    let capabilities = observation.devices.iter();
    let glibc = gpuenv_provision::facts::host(Path::new("/"), &|_| None, None).glibc;
    Machine {
        schema: SCHEMA,
        platform: Subdir::current().unwrap_or(Subdir::NoArch).as_str(),
        cuda: observation.cuda,
        compute_capability: capabilities
            .filter_map(|device| device.compute_capability)
            .min(),
        glibc,
        driver: version.or(observation.kernel_module.as_deref()),
        devices: observation.devices.iter().map(device).collect(),
    }
}

fn device(seen: &DeviceObservation) -> Device<'_> {
    Device {
        index: seen.ordinal,
        name: seen.name.as_deref(),
        uuid: seen.uuid.as_deref(),
        compute_capability: seen.compute_capability,
        memory: seen.total_memory,
        compute_mode: seen.compute_mode,
        mig: seen.mig,
    }
}

fn text(machine: &Machine<'_>, summary: &str) -> String {
    if machine.devices.is_empty() {
        return format!("no devices: {summary}\n");
    }
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_string());
    let rows: Vec<Vec<String>> = machine
        .devices
        .iter()
        .map(|device| {
            vec![
                device.index.to_string(),
                or_dash(device.name.map(str::to_string)),
                or_dash(device.compute_capability.map(|c| c.to_string())),
                or_dash(device.memory.map(gibibytes)),
                or_dash(device.compute_mode.map(|mode| mode.to_string())),
                if device.mig { "yes" } else { "no" }.to_string(),
                or_dash(device.uuid.map(str::to_string)),
            ]
        })
        .collect();
    let cuda = or_dash(machine.cuda.map(|cuda| cuda.to_string()));
    let driver = machine.driver.unwrap_or("of unknown version");
    let head = [
        "Index",
        "Name",
        "Capability",
        "Memory",
        "Compute mode",
        "MIG",
        "UUID",
    ];
    format!(
        "driver {driver}, CUDA {cuda}\n{}",
        table::table(&head, &rows)
    )
}

fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

fn write(file: &Path, machine: &Machine<'_>) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(machine).unwrap_or_default();
    fs::write(file, text + "\n").map_err(Failure::io)
}
