//! The facts of an observation as lines for people.

use crate::probe::{Comparison, DeviceObservation, Observation, Timing};

/// How much of what the driver printed is shown.
const NOISE_LINES: usize = 3;

/// Returns what was seen, one fact per line.
pub(crate) fn evidence(observation: &Observation) -> Vec<String> {
    let mut lines = Vec::new();
    match &observation.driver {
        Some(driver) => {
            let version = driver.version.as_deref().map(|v| format!(", version {v}"));
            lines.push(format!(
                "driver: `{}`{}",
                driver.file,
                version.unwrap_or_default()
            ));
        }
        None => {
            let attempts = observation.load_attempts.iter();
            lines.extend(attempts.map(|a| format!("`{}`: {}", a.file, a.error)));
        }
    }
    if let Some(version) = &observation.kernel_module {
        lines.push(format!("kernel module: version {version}"));
    }
    if let Some(cuda) = observation.cuda {
        lines.push(format!("CUDA version of the driver: {cuda}"));
    }
    let devices = &observation.devices;
    let well = !devices.is_empty() && devices.iter().all(DeviceObservation::computes);
    for (name, value) in &observation.variables {
        // Where the driver came from matters only to who must mend it.
        if !(well && name.starts_with("LD_")) {
            lines.push(format!("`{name}` is `{value}`"));
        }
    }
    lines.extend(observation.failures.iter().map(ToString::to_string));
    for device in devices {
        lines.extend(device_lines(device));
    }
    if let Some(seed) = observation.seed.as_ref().filter(|_| !devices.is_empty()) {
        lines.push(format!("random data grown from the seed {seed}"));
    }
    if let Some(noise) = &observation.noise {
        let said: Vec<&str> = noise
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let last = &said[said.len().saturating_sub(NOISE_LINES)..];
        lines.extend(
            last.iter()
                .map(|line| format!("the driver printed: {line}")),
        );
    }
    lines
}

fn device_lines(device: &DeviceObservation) -> Vec<String> {
    let ordinal = device.ordinal;
    let facts = [
        device.name.clone(),
        device
            .compute_capability
            .map(|capability| format!("compute capability {capability}")),
        device.total_memory.map(gibibytes),
        device
            .compute_mode
            .map(|mode| format!("compute mode {mode}")),
        device.mig.then(|| "a MIG instance".to_string()),
        device.uuid.clone(),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    let mut lines = vec![format!("GPU {ordinal}: {}", facts.join(", "))];
    if let Some(comparison) = &device.comparison {
        lines.push(format!("GPU {ordinal}: {}", compared(comparison)));
    }
    if !device.timings.is_empty() {
        let times: Vec<String> = device.timings.iter().map(time).collect();
        lines.push(format!("GPU {ordinal}: {}", times.join(", ")));
    }
    lines.extend(
        device
            .failures
            .iter()
            .map(|failed| format!("GPU {ordinal}: {failed}")),
    );
    lines
}

fn compared(comparison: &Comparison) -> String {
    match comparison.wrong {
        0 => format!(
            "{} numbers compared with the CPU, all equal",
            comparison.elements
        ),
        wrong => format!(
            "{} numbers compared with the CPU, {wrong} differ",
            comparison.elements
        ),
    }
}

fn time(timing: &Timing) -> String {
    format!("{} {:.1} ms", timing.step, timing.milliseconds)
}

fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}
