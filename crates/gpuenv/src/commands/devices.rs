//! `gpuenv devices`: which GPUs does a program see?

use std::path::{Path, PathBuf};

use fs_err as fs;
use gpuenv_core::{Machine, probe::VerdictKind};

use crate::{
    Failure, Outcome, Session, checking,
    probing::{self, Question},
    table,
    untrusted::shown,
};

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

/// Lists the devices.
///
/// # Errors
/// Returns what keeps the driver from being asked, or the file from being written.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let question = Question::of_driver(None);
    let probed = probing::probe(&question, &*session.reporter())?;
    let observation = &probed.observation;
    let machine = checking::of_observation(observation)?;
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

fn text(machine: &Machine, summary: &str) -> String {
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
                or_dash(device.name.clone()),
                or_dash(device.compute_capability.map(|c| c.to_string())),
                or_dash(device.memory.map(gibibytes)),
                or_dash(device.compute_mode.map(|mode| mode.to_string())),
                if device.mig { "yes" } else { "no" }.to_string(),
                or_dash(device.uuid.clone()),
            ]
        })
        .collect();
    let cuda = or_dash(machine.cuda.map(|cuda| cuda.to_string()));
    let driver = machine.driver.as_deref().unwrap_or("of unknown version");
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

fn write(file: &Path, machine: &Machine) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(machine).unwrap_or_default();
    fs::write(file, text + "\n").map_err(Failure::io)
}
