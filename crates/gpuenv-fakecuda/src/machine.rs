//! The driver's state, and what each call does to it.
//!
//! A call answers like the real one, also to misuse, which is written down too.

use std::{
    collections::{BTreeMap, HashMap},
    thread::ThreadId,
};

use crate::{
    contexts::Context,
    memory::Memory,
    script::{Device, Mode, Script},
    work::Module,
};

pub(crate) const INVALID_VALUE: i32 = 1;
pub(crate) const OUT_OF_MEMORY: i32 = 2;
pub(crate) const NOT_INITIALIZED: i32 = 3;
pub(crate) const DEVICE_UNAVAILABLE: i32 = 46;
pub(crate) const NO_DEVICE: i32 = 100;
pub(crate) const INVALID_DEVICE: i32 = 101;
pub(crate) const INVALID_IMAGE: i32 = 200;
pub(crate) const INVALID_CONTEXT: i32 = 201;
pub(crate) const INVALID_PTX: i32 = 218;
pub(crate) const UNSUPPORTED_PTX_VERSION: i32 = 222;
pub(crate) const INVALID_HANDLE: i32 = 400;
pub(crate) const NOT_FOUND: i32 = 500;
pub(crate) const ILLEGAL_ADDRESS: i32 = 700;

/// What a call answers: a value, or the number of an error.
pub(crate) type Answer<T> = Result<T, i32>;

/// A driver.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) script: Script,
    visible: Vec<usize>,
    initialised: bool,
    pub(crate) contexts: BTreeMap<u64, Context>,
    pub(crate) current: HashMap<ThreadId, u64>,
    pub(crate) modules: BTreeMap<u64, Module>,
    pub(crate) functions: BTreeMap<u64, (u64, String)>,
    pub(crate) memory: Memory,
    next_handle: u64,
    pub(crate) misuses: Vec<String>,
}

impl Machine {
    /// Makes a driver that obeys the script and `CUDA_VISIBLE_DEVICES`.
    pub(crate) fn new(script: Script, visible_devices: Option<&str>) -> Self {
        let visible = match (script.mode, visible_devices) {
            (Mode::NoDevice, _) => Vec::new(),
            (_, None) => (0..script.devices.len()).collect(),
            (_, Some(list)) => select(&script.devices, list),
        };
        Self {
            script,
            visible,
            initialised: false,
            contexts: BTreeMap::new(),
            current: HashMap::new(),
            modules: BTreeMap::new(),
            functions: BTreeMap::new(),
            memory: Memory::default(),
            next_handle: 0x1000,
            misuses: Vec::new(),
        }
    }

    /// Answers `cuInit`.
    pub(crate) fn init(&mut self, flags: u32) -> Answer<()> {
        if flags != 0 {
            return self.misuse(INVALID_VALUE, "cuInit takes no flags");
        }
        if self.visible.is_empty() {
            return Err(NO_DEVICE);
        }
        self.initialised = true;
        Ok(())
    }

    /// Refuses every call before `cuInit`, as the real driver does.
    pub(crate) fn check_initialised(&mut self) -> Answer<()> {
        if !self.initialised {
            return self.misuse(NOT_INITIALIZED, "a call before cuInit");
        }
        Ok(())
    }

    /// Returns the misuses since the last time it was asked.
    pub(crate) fn take_misuses(&mut self) -> Vec<String> {
        std::mem::take(&mut self.misuses)
    }

    /// Writes a misuse down and answers with the number.
    pub(crate) fn misuse<T>(&mut self, number: i32, what: &str) -> Answer<T> {
        self.misuses.push(what.to_string());
        Err(number)
    }

    /// Returns how many devices a program sees.
    pub(crate) fn device_count(&self) -> i32 {
        self.visible.len() as i32
    }

    /// Returns the device behind an ordinal.
    pub(crate) fn device(&self, ordinal: i32) -> Answer<&Device> {
        let index = usize::try_from(ordinal).map_err(|_| INVALID_DEVICE)?;
        let index = *self.visible.get(index).ok_or(INVALID_DEVICE)?;
        self.script.devices.get(index).ok_or(INVALID_DEVICE)
    }

    /// Returns a handle that was never given out.
    pub(crate) fn handle(&mut self) -> u64 {
        self.next_handle += 0x10;
        self.next_handle
    }
}

/// Returns the devices that `CUDA_VISIBLE_DEVICES` lets through.
///
/// The first word that names no device ends the list, as the driver's own
/// documentation says.
fn select(devices: &[Device], list: &str) -> Vec<usize> {
    let named = |word: &str| match word.parse::<usize>() {
        Ok(index) => Some(index).filter(|index| *index < devices.len()),
        Err(_) => devices
            .iter()
            .position(|device| word.len() > "GPU-".len() && device.uuid_text().starts_with(word)),
    };
    list.split(',')
        .map_while(|word| named(word.trim()))
        .collect()
}
