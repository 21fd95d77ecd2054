//! What the driver answers when it is started and when it has to compute.

use super::{Case, Finding};
use crate::{
    plan::Gpu,
    probe::{DeviceObservation, VerdictKind, judge},
};

/// P29: a machine with NVSwitch whose fabric is not ready.
pub(super) fn fabric(case: &Case<'_>) -> Option<Finding> {
    let (_, failed) = case.failed(&[802])?;
    let host = case.host;
    let version = host.module.loaded.as_deref().unwrap_or("VERSION");
    let finding = Finding::broken(
        29,
        "the driver is not ready: its fabric is not set up",
        match host.fabric_manager {
            Some(true) => "the fabric manager runs, but did not get ready; likely its version is not the driver's",
            _ => "the fabric manager does not run, and the GPUs of a machine with NVSwitch wait for it",
        },
    )
    .seen(failed.to_string());
    let finding = match host.switches.len() {
        0 => finding.likely(),
        count => finding.seen(format!("{count} NVSwitch device(s) on the PCI bus")),
    };
    let finding = match host.fabric_manager {
        Some(false) => finding.seen("no process `nv-fabricmanager`"),
        _ => finding,
    };
    Some(
        finding
            .fix("`sudo systemctl enable --now nvidia-fabricmanager`")
            .fix(format!(
                "it must be of exactly the driver's version, {version}"
            ))
            .fix("in a rented container: give the node back, it cannot be mended from inside"),
    )
}

/// P33: `nvidia_uvm` is missing or broken.
pub(super) fn unified_memory(case: &Case<'_>) -> Option<Finding> {
    let (_, failed) = case.failed(&[999])?;
    let there = case.host.has_node("/dev/nvidia-uvm");
    let slept = case.host.suspends.unwrap_or(0);
    let finding = Finding::broken(
        33,
        "the driver's start fails with an unknown error",
        match (there, slept) {
            (false, _) => "there is no `/dev/nvidia-uvm`: the kernel module `nvidia_uvm` is not loaded, or the container was not given it",
            (true, 0) => "likely the kernel module `nvidia_uvm` is broken",
            (true, _) => "likely the kernel module `nvidia_uvm` did not survive the machine's sleep",
        },
    )
    .seen(failed.to_string());
    let finding = match (there, slept) {
        (false, _) => finding,
        (true, 0) => finding.likely(),
        (true, times) => finding.likely().seen(format!(
            "the machine has slept {times} time(s) since it was started"
        )),
    };
    Some(match (there, &case.host.container) {
        (false, Some(container)) => finding
            .seen(container.as_str())
            .fix("on the host: `sudo nvidia-modprobe -u -c 0`, then start the container again"),
        (false, None) => {
            finding.fix("`sudo nvidia-modprobe -u -c 0`, or `sudo modprobe nvidia_uvm`")
        }
        (true, _) => finding.fix("`sudo modprobe -r nvidia_uvm && sudo modprobe nvidia_uvm`"),
    })
}

/// P08: the driver itself says that it is too old.
pub(super) fn start_too_old(case: &Case<'_>) -> Option<Finding> {
    let observation = case.observation?;
    let failed = case.failed(&[35, 36]).map(|(_, failed)| failed.to_string());
    let missing = &observation.missing_functions;
    let lacks = !missing.is_empty() && !missing.iter().any(|name| name == "cuInit");
    let seen = failed.or(lacks.then(|| format!("it lacks `{}`", missing.join("`, `"))))?;
    Some(
        Finding::broken(
            8,
            "the driver is too old",
            "it lacks what CUDA of today calls",
        )
        .seen(seen)
        .fix("update the NVIDIA driver"),
    )
}

/// P61: a GPU with damaged memory.
pub(super) fn damaged_memory(case: &Case<'_>) -> Option<Finding> {
    let (device, failed) = case.failed(&[214])?;
    let finding = Finding::broken(
        61,
        format!("{} has damaged memory", name(device)),
        "an error of its memory that cannot be corrected; this is hardware, not software",
    )
    .seen(failed.to_string());
    let finding = match device.and_then(|device| device.uuid.as_deref()) {
        Some(uuid) => finding.fix(format!(
            "give this to the administrator, with the node's name: {uuid}, `nvidia-smi -q -d ECC`"
        )),
        None => finding.fix("show it to the administrator: `nvidia-smi -q -d ECC`"),
    };
    Some(finding.fix("meanwhile take another GPU with `CUDA_VISIBLE_DEVICES`"))
}

/// P55: a GPU that another process holds for itself.
pub(super) fn busy(case: &Case<'_>) -> Option<Finding> {
    let (device, failed) = case.failed(&[46])?;
    let mode = device.and_then(|device| device.compute_mode);
    let exclusive = mode.is_some_and(|mode| mode != crate::probe::ComputeMode::Default);
    let finding = Finding::broken(
        55,
        format!("{} is held by another process", name(device)),
        match exclusive {
            true => "its compute mode lets one process in, and one is in",
            false => "another process holds it; a virtual GPU without a licence answers the same",
        },
    )
    .seen(failed.to_string());
    let finding = match mode {
        Some(mode) if exclusive => finding.seen(format!("its compute mode is `{mode}`")),
        _ => finding.likely(),
    };
    Some(
        finding
            .fix("see who it is: `nvidia-smi -q -d COMPUTE,PIDS`")
            .fix("or take another GPU with `CUDA_VISIBLE_DEVICES`"),
    )
}

/// P63: a GPU without free memory.
pub(super) fn memory_held(case: &Case<'_>) -> Option<Finding> {
    let (device, failed) = case.failed(&[2])?;
    Some(
        Finding::broken(
            63,
            format!("{} has no free memory", name(device)),
            "the probe needs a few megabytes, so another process holds the rest",
        )
        .likely()
        .seen(failed.to_string())
        .fix("see who holds it: `nvidia-smi`")
        .fix("or take another GPU with `CUDA_VISIBLE_DEVICES`")
        .fix("keep frameworks from taking it all: write `memory-growth: true` under `activation` in the recipe"),
    )
}

/// P32, P10: the driver does not compile the probe's kernel.
pub(super) fn architecture(case: &Case<'_>) -> Option<Finding> {
    if let Some((device, failed)) = case.failed(&[222]) {
        return Some(
            Finding::broken(
                32,
                format!(
                    "the driver's compiler is too old for the kernel on {}",
                    name(device)
                ),
                "PTX of a newer CUDA than the driver's",
            )
            .seen(failed.to_string())
            .fix("update the NVIDIA driver, or keep `cuda-version` at or below the driver's CUDA"),
        );
    }
    let (device, failed) = case.failed(&[200, 209, 218])?;
    let finding = Finding::broken(
        10,
        format!("the driver has no code for {}", name(device)),
        "the driver's compiler does not serve this architecture",
    )
    .seen(failed.to_string());
    let capability = device.and_then(|device| device.compute_capability);
    let finding = match capability {
        Some(capability) => finding.seen(format!("compute capability {capability}")),
        None => finding,
    };
    Some(finding.fix("update the NVIDIA driver"))
}

/// P52 and what else the probe's own verdict says.
pub(super) fn any_other(case: &Case<'_>) -> Option<Finding> {
    let observation = case.observation?;
    let verdict = judge(Gpu::Required, true, observation);
    let diagnostic = verdict.diagnostic.filter(|_| !verdict.ok)?;
    let by_number = observation
        .failures
        .iter()
        .chain(
            observation
                .devices
                .iter()
                .flat_map(|device| &device.failures),
        )
        .find_map(|failed| {
            let errors = &case.facts.errors.errors;
            let error = errors.iter().find(|error| error.code == failed.number)?;
            error.mode.as_deref()?.strip_prefix('P')?.parse().ok()
        });
    let mode = by_number.unwrap_or(match verdict.kind {
        VerdictKind::NoDriver => 15,
        VerdictKind::NoDevice => 41,
        VerdictKind::StubDriver => 30,
        VerdictKind::DriverTooOld => 8,
        VerdictKind::Architecture => 10,
        _ => 52,
    });
    let cause = diagnostic.causes.first().cloned();
    let cause =
        cause.unwrap_or_else(|| "listing a GPU does not prove that it computes".to_string());
    let mut finding = Finding::broken(mode, verdict.summary, cause).likely();
    finding.evidence = diagnostic.causes.into_iter().skip(1).collect();
    finding.fix = diagnostic.help;
    Some(match finding.fix.is_empty() {
        true => finding.fix("look for what the kernel says: `sudo dmesg | grep -i -e xid -e nvrm`"),
        false => finding,
    })
}

fn name(device: Option<&DeviceObservation>) -> String {
    match device {
        Some(device) => match &device.name {
            Some(name) => format!("GPU {} (`{name}`)", device.ordinal),
            None => format!("GPU {}", device.ordinal),
        },
        None => "the GPU".to_string(),
    }
}
