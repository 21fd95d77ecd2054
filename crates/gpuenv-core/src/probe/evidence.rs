//! The facts of an observation as lines for people.

use crate::probe::{
    Check, Comparison, DeviceObservation, FrameworkObservation, Library, LibraryObservation,
    Observation, Timing,
    framework_findings::{named, one_line},
};

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

/// Returns what the libraries showed, one fact per line.
pub(crate) fn library_evidence(seen: &LibraryObservation) -> Vec<String> {
    let mut lines: Vec<String> = seen.libraries.iter().flat_map(library_lines).collect();
    if seen.libraries.is_empty() {
        lines.push("libraries: the environment holds no CUDA library".to_string());
    }
    let present = |file: &crate::probe::FoundFile| {
        let place = file.file.as_ref()?;
        Some(format!("`{}`: `{place}`", file.name))
    };
    lines.extend(seen.files.iter().filter_map(present));
    lines
}

fn library_lines(library: &Library) -> Vec<String> {
    let kind = library.kind;
    let version = library.version.as_deref().map(|v| format!(" {v}"));
    let file = library.loaded.as_deref().unwrap_or(&library.held);
    let mut lines = vec![format!("{kind}{}: `{file}`", version.unwrap_or_default())];
    let comparison = library.comparison.as_ref().map(compared);
    lines.extend(comparison.map(|text| format!("{kind}: {text}")));
    lines.extend(
        library
            .failures
            .iter()
            .map(|call| format!("{kind}: {call}")),
    );
    lines
}

/// Returns what a framework showed, one fact per line.
pub(crate) fn framework_evidence(seen: &FrameworkObservation) -> Vec<String> {
    let name = seen.framework.name();
    if seen.is_absent() {
        return vec![format!("{name}: not installed")];
    }
    let told = &seen.told;
    let file = told.module.as_ref().and_then(|module| module.file.as_ref());
    let file = file.map(|file| format!(", from `{file}`"));
    let mut lines = vec![format!("{}{}", named(seen), file.unwrap_or_default())];
    if let Some(build) = &told.build {
        lines.push(match (build.cuda, &build.cuda_version) {
            (false, _) => format!("{name}: built for the CPU"),
            (true, Some(version)) => format!("{name}: built for CUDA {version}"),
            (true, None) => format!("{name}: built for CUDA"),
        });
    }
    for device in &told.devices {
        let facts = [
            device.name.clone(),
            device
                .compute_capability
                .as_ref()
                .map(|capability| format!("compute capability {capability}")),
        ];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        lines.push(format!(
            "{name}: GPU {}: {}",
            device.index,
            facts.join(", ")
        ));
    }
    lines.extend(told.checks.iter().map(|check| check_line(name, check)));
    if let Some(memory) = &told.memory {
        let mebibytes = |bytes: u64| bytes >> 20;
        lines.push(format!(
            "{name}: {} MiB allocated; after `del` {} MiB stay reserved, after `empty_cache` {} MiB",
            mebibytes(memory.asked),
            mebibytes(memory.reserved_dropped),
            mebibytes(memory.reserved_emptied)
        ));
    }
    if let Some(why) = &told.why_unavailable {
        lines.push(format!("{name}: no GPU: {}", one_line(why)));
    }
    let times: Vec<String> = told.timings.iter().map(time).collect();
    if !times.is_empty() {
        lines.push(format!("{name}: {}", times.join(", ")));
    }
    lines
}

fn check_line(name: &str, check: &Check) -> String {
    let mut places = check.places.clone();
    places.dedup();
    let right = if check.right { "right" } else { "wrong" };
    format!("{name}: {} on {}: {right}", check.name, places.join(", "))
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
    if let Some(product) = &device.product {
        let text = compared(product);
        lines.push(format!("GPU {ordinal}: product of matrices: {text}"));
    }
    if let Some(walk) = &device.walk {
        lines.push(format!(
            "GPU {ordinal}: {} MiB of memory written and read twice, {} words differ",
            walk.bytes >> 20,
            walk.wrong
        ));
    }
    for bench in &device.bench {
        lines.push(format!(
            "GPU {ordinal}: {} elements: upload {:.3} ms, run {:.3} ms, download {:.3} ms",
            bench.elements, bench.upload_ms, bench.run_ms, bench.download_ms
        ));
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
