//! What an observation comes down to: the one thing to tell, with cause and help.

use crate::probe::{
    Comparison, DeviceObservation, End, Observation, VerdictKind, WrongElement,
    failed_calls::{failed_call, failed_on_device, no_device},
};

/// What an observation comes down to.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) kind: VerdictKind,
    pub(crate) summary: String,
    pub(crate) causes: Vec<String>,
    pub(crate) help: Vec<String>,
}

impl Finding {
    /// Makes a finding without cause and help.
    pub(crate) fn new(kind: VerdictKind, summary: impl Into<String>) -> Self {
        Self {
            kind,
            summary: summary.into(),
            causes: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Adds a cause.
    pub(crate) fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Adds something that the user can type.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}

/// Finds the one thing that the observation comes down to.
pub(crate) fn find(observation: &Observation) -> Finding {
    match &observation.end {
        End::Finished => finished(observation),
        End::Crashed {
            signal, exit_code, ..
        } => crashed(observation, *signal, *exit_code),
        End::Hung {
            after_ms, killed, ..
        } => hung(observation, *after_ms, *killed),
        End::Garbled { why } => {
            let summary = "the probe ended without a readable answer";
            Finding::new(VerdictKind::Crashed, summary).cause(why.as_str())
        }
        End::NotStarted { why } => {
            Finding::new(VerdictKind::NotStarted, "the probe could not be started").cause(why)
        }
    }
}

fn finished(observation: &Observation) -> Finding {
    let devices = &observation.devices;
    if observation.driver.is_none() {
        return no_driver(observation);
    }
    if !observation.missing_functions.is_empty() {
        return incomplete_driver(observation);
    }
    if let Some(failed) = observation.failures.first() {
        return failed_call(observation, failed);
    }
    if let (Some(wanted), Some(shown @ 1..)) = (observation.wanted, observation.device_count)
        && wanted >= shown
    {
        return no_such_device(wanted, shown);
    }
    if devices.is_empty() {
        return no_device(observation, Finding::new(VerdictKind::NoDevice, ""));
    }
    if let Some(finding) = devices.iter().find_map(wrong_numbers) {
        return others_compute(finding, observation);
    }
    if let Some((device, failed)) = devices.iter().find_map(|d| Some((d, d.failures.first()?))) {
        let finding = failed_on_device(observation, device, failed);
        return others_compute(finding, observation);
    }
    if let Some(device) = devices.iter().find(|device| !device.computes()) {
        let summary = format!("{} gave no result", named(device));
        return Finding::new(VerdictKind::DriverError, summary);
    }
    let shown = observation.device_count.unwrap_or(0);
    if observation.wanted.is_none() && devices.len() as u64 != u64::from(shown) {
        let summary = format!(
            "the driver shows {shown} devices, {} were probed",
            devices.len()
        );
        return Finding::new(VerdictKind::DriverError, summary);
    }
    Finding::new(VerdictKind::Computes, computes(devices))
}

fn no_such_device(wanted: u32, shown: u32) -> Finding {
    let count = match shown {
        1 => "one, GPU 0".to_string(),
        _ => format!("{shown}, GPU 0 to GPU {}", shown - 1),
    };
    let summary = format!("there is no GPU {wanted}: the driver shows {count}");
    Finding::new(VerdictKind::NoDevice, summary)
        .cause("devices are counted from 0, and `CUDA_VISIBLE_DEVICES` renumbers them")
        .help(format!("name one from 0 to {}", shown - 1))
}

fn computes(devices: &[DeviceObservation]) -> String {
    let mut names: Vec<(&str, usize)> = Vec::new();
    for device in devices {
        let name = device.name.as_deref().unwrap_or("unnamed");
        match names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => names.push((name, 1)),
        }
    }
    let each = names.iter().map(|(name, count)| match count {
        1 => name.to_string(),
        _ => format!("{count} × {name}"),
    });
    let names = each.collect::<Vec<_>>().join(", ");
    match devices.len() {
        1 => format!("1 GPU computes: {names}"),
        count => format!("{count} GPUs compute: {names}"),
    }
}

fn no_driver(observation: &Observation) -> Finding {
    if let Some(broken) = observation
        .load_attempts
        .iter()
        .find(|attempt| attempt.exists)
    {
        let summary = format!("the driver's library `{}` cannot be loaded", broken.file);
        return Finding::new(VerdictKind::DriverError, summary).cause(broken.error.as_str());
    }
    let asked = observation.load_attempts.first();
    let asked = asked.map_or("libcuda.so.1", |attempt| attempt.file.as_str());
    let summary = format!("no NVIDIA driver is loaded: there is no `{asked}`");
    let finding = Finding::new(VerdictKind::NoDriver, summary);
    match &observation.kernel_module {
        Some(version) => finding
            .cause(format!(
                "yet the kernel module of driver {version} is there"
            ))
            .help("in a container: `docker run --gpus all …` or `apptainer exec --nv …`"),
        None if on_linux(observation) => finding
            .help("on a machine with a GPU: install the driver, then `nvidia-smi` must list it")
            .help("in a container: `docker run --gpus all …` or `apptainer exec --nv …`"),
        None => finding
            .help("on a machine with a GPU: install the driver, then `nvidia-smi` must list it"),
    }
}

fn incomplete_driver(observation: &Observation) -> Finding {
    let file = driver_file(observation);
    let missing = observation.missing_functions.join("`, `");
    if observation
        .missing_functions
        .iter()
        .any(|function| function == "cuInit")
    {
        let summary = format!("`{file}` is not a CUDA driver");
        return Finding::new(VerdictKind::DriverError, summary)
            .cause(format!("it lacks `{missing}`"));
    }
    Finding::new(
        VerdictKind::DriverTooOld,
        format!("the driver `{file}` is too old"),
    )
    .cause(format!("it lacks `{missing}`"))
    .help("update the NVIDIA driver")
}

/// Looks for numbers that differ: of the kernels, then of the memory.
fn wrong_numbers(device: &DeviceObservation) -> Option<Finding> {
    let comparisons = [&device.comparison, &device.product];
    let mut comparisons = comparisons.into_iter().flatten();
    if let Some((comparison, element)) =
        comparisons.find_map(|c| Some((c, c.first_wrong.as_ref()?)))
    {
        let Comparison {
            elements, wrong, ..
        } = comparison;
        let summary = format!(
            "{} computed {wrong} of {elements} numbers wrong",
            named(device)
        );
        return Some(wrong_result(summary, element));
    }
    let walk = device.walk.as_ref()?;
    let summary = format!(
        "{} does not keep what is in its memory: {} of {} words differ",
        named(device),
        walk.wrong,
        walk.bytes / 4
    );
    Some(wrong_result(summary, walk.first_wrong.as_ref()?))
}

fn wrong_result(summary: String, element: &WrongElement) -> Finding {
    let WrongElement {
        index,
        expected,
        found,
    } = element;
    Finding::new(VerdictKind::WrongResult, summary)
        .cause(format!(
            "element {index} came back as {found}, the CPU has {expected}"
        ))
        .cause("every call of the driver went well, so nothing else would have noticed")
        .help("do not compute on this GPU; show it to the administrator: `nvidia-smi -q -d ECC`")
}

/// Says how many other devices are fine, so that one bad device is seen as one.
fn others_compute(finding: Finding, observation: &Observation) -> Finding {
    let good = observation
        .devices
        .iter()
        .filter(|device| device.computes())
        .count();
    match good {
        0 => finding,
        1 => finding.cause("1 other GPU computes"),
        _ => finding.cause(format!("{good} other GPUs compute")),
    }
}

fn crashed(observation: &Observation, signal: Option<i32>, exit_code: Option<i32>) -> Finding {
    let how = match (signal, exit_code) {
        (Some(signal), _) => format!("died of signal {}", signal_name(signal)),
        (None, Some(code)) => format!("ended with status {code} and no answer"),
        (None, None) => "ended without an answer".to_string(),
    };
    let summary = format!("the probe {how}{}", last_step(observation));
    let finding = Finding::new(VerdictKind::Crashed, summary);
    let finding = match signal {
        Some(9) => {
            finding.cause("likely the system ended it for want of memory, or the job's limit did")
        }
        _ => finding,
    };
    look_for_xid(observation, finding)
}

fn hung(observation: &Observation, after_ms: u64, killed: bool) -> Finding {
    let seconds = after_ms as f64 / 1000.0;
    let step = last_step(observation);
    let summary = format!("the probe did not answer within {seconds:.1} s{step}");
    let finding = Finding::new(VerdictKind::Hung, summary);
    let finding = match killed {
        true => finding,
        false => finding.cause(
            "it cannot even be killed: it is stuck in the kernel, so likely only a reboot helps",
        ),
    };
    look_for_xid(observation, finding)
}

fn look_for_xid(observation: &Observation, finding: Finding) -> Finding {
    match on_linux(observation) && observation.driver.is_some() {
        true => {
            finding.help("look for what the kernel says: `sudo dmesg | grep -i -e xid -e nvrm`")
        }
        false => finding,
    }
}

fn last_step(observation: &Observation) -> String {
    match &observation.end {
        End::Crashed { last_step, .. } | End::Hung { last_step, .. } => last_step
            .as_ref()
            .map(|step| format!(", in {step}"))
            .unwrap_or_default(),
        End::Finished | End::Garbled { .. } | End::NotStarted { .. } => String::new(),
    }
}

/// Names a signal for people.
pub(crate) fn signal_name(signal: i32) -> String {
    let name = match signal {
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        _ => return signal.to_string(),
    };
    format!("{signal} ({name})")
}

/// Names a device for people.
pub(crate) fn named(device: &DeviceObservation) -> String {
    match &device.name {
        Some(name) => format!("GPU {} (`{name}`)", device.ordinal),
        None => format!("GPU {}", device.ordinal),
    }
}

/// Returns the driver's file, or nothing.
pub(crate) fn driver_file(observation: &Observation) -> &str {
    observation
        .driver
        .as_ref()
        .map_or("", |driver| driver.file.as_str())
}

/// Tells whether what exists only on Linux is of help.
pub(crate) fn on_linux(observation: &Observation) -> bool {
    observation.os == "linux"
}
