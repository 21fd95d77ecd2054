//! The script: what the driver is to say and do.

use std::{fmt, path::PathBuf};

/// What the driver is to say and do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) driver_version: i32,
    pub(crate) mode: Mode,
    pub(crate) devices: Vec<Device>,
    pub(crate) wrong_element: Option<u64>,
    pub(crate) wrong_device: Option<usize>,
    pub(crate) wrong_library: Option<String>,
    pub(crate) wrong_product: bool,
    pub(crate) stuck_bit: Option<u64>,
    pub(crate) newest_ptx: Option<(u32, u32)>,
    pub(crate) mischief: Vec<Mischief>,
    pub(crate) noise: Option<String>,
    pub(crate) flood: usize,
    pub(crate) log: Option<PathBuf>,
}

/// What goes wrong all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Ok,
    WrongResult,
    NoDevice,
    OldDriver,
    JitFailure,
    Stub,
}

/// A GPU that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) capability: (i32, i32),
    pub(crate) memory: usize,
    pub(crate) uuid: [u8; 16],
    pub(crate) compute_mode: i32,
    pub(crate) state: State,
}

/// Who else uses a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Free,
    Busy,
    Mig,
}

/// What goes wrong in one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mischief {
    pub(crate) call: String,
    pub(crate) nth: Option<u32>,
    pub(crate) action: Action,
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Fail(i32),
    Hang,
    Abort,
    Segfault,
    Exit,
}

/// A line of the script that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadLine(pub(crate) usize, pub(crate) String);

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: `{}`", self.0, self.1)
    }
}

impl Default for Script {
    fn default() -> Self {
        Self {
            driver_version: 12040,
            mode: Mode::Ok,
            devices: vec![Device::new("Fake GPU", 0)],
            wrong_element: None,
            wrong_device: None,
            wrong_library: None,
            wrong_product: false,
            stuck_bit: None,
            newest_ptx: None,
            mischief: Vec::new(),
            noise: None,
            flood: 0,
            log: None,
        }
    }
}

impl Device {
    fn new(name: &str, ordinal: usize) -> Self {
        let mut uuid = *b"gpuenv-fakecuda\0";
        uuid[15] = ordinal as u8;
        Self {
            name: name.to_string(),
            capability: (8, 6),
            memory: 8 << 30,
            uuid,
            compute_mode: 0,
            state: State::Free,
        }
    }

    /// Returns the UUID as tools print it.
    pub(crate) fn uuid_text(&self) -> String {
        let digits = format!("{:032x}", u128::from_be_bytes(self.uuid));
        let (a, b, c, d, e) = (
            &digits[..8],
            &digits[8..12],
            &digits[12..16],
            &digits[16..20],
            &digits[20..],
        );
        format!("GPU-{a}-{b}-{c}-{d}-{e}")
    }
}

/// Reads a script.
pub(crate) fn parse(text: &str) -> Result<Script, BadLine> {
    let mut script = Script::default();
    let mut devices = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let understood = line
            .split_once('=')
            .and_then(|(key, value)| apply(&mut script, &mut devices, key.trim(), value.trim()));
        understood.ok_or_else(|| BadLine(number + 1, line.to_string()))?;
    }
    if !devices.is_empty() {
        script.devices = devices;
    }
    Ok(script)
}

fn apply(script: &mut Script, devices: &mut Vec<Device>, key: &str, value: &str) -> Option<()> {
    match key {
        "driver-version" => script.driver_version = value.parse().ok()?,
        "mode" => script.mode = mode(value)?,
        "device" => devices.push(Device::new(value, devices.len())),
        "wrong-element" => script.wrong_element = Some(value.parse().ok()?),
        "wrong-device" => script.wrong_device = Some(value.parse().ok()?),
        "wrong-library" => script.wrong_library = Some(value.to_string()),
        "wrong-product" => script.wrong_product = (value == "yes").then_some(true)?,
        "stuck-bit" => script.stuck_bit = Some(value.parse().ok()?),
        "newest-ptx" => script.newest_ptx = Some(two_numbers(value)?),
        "noise" => script.noise = Some(value.to_string()),
        "flood" => script.flood = value.parse().ok()?,
        "log" => script.log = Some(value.into()),
        "fail" | "hang" | "abort" | "segfault" | "exit" => {
            script.mischief.push(mischief(key, value)?);
        }
        _ => describe(devices.last_mut()?, key, value)?,
    }
    Some(())
}

/// Reads a version of two numbers.
pub(crate) fn two_numbers(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.trim().split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn describe(device: &mut Device, key: &str, value: &str) -> Option<()> {
    match key {
        "compute-capability" => {
            let (major, minor) = value.split_once('.')?;
            device.capability = (major.parse().ok()?, minor.parse().ok()?);
        }
        "memory" => device.memory = value.parse().ok()?,
        "uuid" => {
            let number = u128::from_str_radix(value, 16).ok()?;
            device.uuid = number.to_be_bytes();
        }
        "compute-mode" => {
            device.compute_mode = match value {
                "default" => 0,
                "prohibited" => 2,
                "exclusive-process" => 3,
                _ => return None,
            }
        }
        "state" => {
            device.state = match value {
                "free" => State::Free,
                "busy" => State::Busy,
                "mig" => State::Mig,
                _ => return None,
            }
        }
        _ => return None,
    }
    Some(())
}

fn mode(value: &str) -> Option<Mode> {
    Some(match value {
        "ok" => Mode::Ok,
        "wrong-result" => Mode::WrongResult,
        "no-device" => Mode::NoDevice,
        "old-driver" => Mode::OldDriver,
        "jit-failure" => Mode::JitFailure,
        "stub" => Mode::Stub,
        _ => return None,
    })
}

fn mischief(key: &str, value: &str) -> Option<Mischief> {
    let mut words = value.split_whitespace();
    let call = words.next()?.to_string();
    let action = match key {
        "fail" => Action::Fail(words.next()?.parse().ok()?),
        "hang" => Action::Hang,
        "abort" => Action::Abort,
        "segfault" => Action::Segfault,
        _ => Action::Exit,
    };
    let nth = words.next().map(str::parse).transpose().ok()?;
    words
        .next()
        .is_none()
        .then_some(Mischief { call, nth, action })
}
