//! The driver and its devices: each call is noted before and checked after.
#![expect(unsafe_code, reason = "the driver speaks C")]

use std::{
    ffi::{CStr, c_char, c_int, c_uint},
    mem, ptr,
};

use crate::{
    context::Context,
    functions::{DeviceHandle, Functions, Status},
    journal::Journal,
    load::Library,
};

/// A call failed; the journal knows which one and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallFailed;

/// What can be asked of a device by number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Attribute {
    ComputeMode = 20,
    CapabilityMajor = 75,
    CapabilityMinor = 76,
}

/// The loaded driver.
pub(crate) struct Driver<'j> {
    pub(crate) functions: Functions,
    journal: &'j Journal,
}

impl<'j> Driver<'j> {
    /// Takes a library for the driver; returns the missing functions if it is none.
    pub(crate) fn new(library: Library, journal: &'j Journal) -> Result<Self, Vec<String>> {
        let functions = Functions::find(&library)?;
        if functions.release.or(functions.release_before_11).is_none() {
            return Err(vec!["cuDevicePrimaryCtxRelease_v2".to_string()]);
        }
        // Drivers are not made to be unloaded, and the functions must stay valid.
        mem::forget(library);
        Ok(Self { functions, journal })
    }

    /// Makes one call, noted before and checked after.
    pub(crate) fn call(&self, name: &str, run: impl FnOnce() -> Status) -> Result<(), CallFailed> {
        self.journal.at(name);
        match run() {
            0 => Ok(()),
            status => {
                let describe = |function| self.describe(function, status);
                let named = describe(self.functions.error_name);
                let text = describe(self.functions.error_text);
                self.journal.failed(name, status, named, text);
                Err(CallFailed)
            }
        }
    }

    fn describe(
        &self,
        function: Option<unsafe extern "system" fn(Status, *mut *const c_char) -> Status>,
        status: Status,
    ) -> Option<String> {
        let mut text = ptr::null();
        // SAFETY: the place is ours, and the driver fills it or leaves it null.
        let answer = unsafe { function?(status, &mut text) };
        if answer != 0 || text.is_null() {
            return None;
        }
        // SAFETY: the driver's own constant text, which ends with a zero.
        Some(printable(unsafe { CStr::from_ptr(text) }.to_bytes()))
    }

    /// Starts the driver.
    pub(crate) fn init(&self) -> Result<(), CallFailed> {
        // SAFETY: takes a plain number.
        self.call("cuInit", || unsafe { (self.functions.init)(0) })
    }

    /// Returns the CUDA version, as the driver counts it.
    pub(crate) fn version(&self) -> Result<i32, CallFailed> {
        let mut version = 0;
        self.call("cuDriverGetVersion", || {
            // SAFETY: the place is ours.
            unsafe { (self.functions.driver_version)(&mut version) }
        })?;
        Ok(version)
    }

    /// Returns how many devices are visible.
    pub(crate) fn device_count(&self) -> Result<u32, CallFailed> {
        let mut count = 0;
        self.call("cuDeviceGetCount", || {
            // SAFETY: the place is ours.
            unsafe { (self.functions.device_count)(&mut count) }
        })?;
        Ok(u32::try_from(count).unwrap_or(0))
    }

    /// Returns the device with that ordinal.
    pub(crate) fn device(&self, ordinal: u32) -> Result<Device<'_>, CallFailed> {
        let mut handle = 0;
        let number = c_int::try_from(ordinal).map_err(|_| CallFailed)?;
        self.call("cuDeviceGet", || {
            // SAFETY: the place is ours.
            unsafe { (self.functions.device)(&mut handle, number) }
        })?;
        Ok(Device {
            driver: self,
            handle,
        })
    }
}

/// A device.
#[derive(Clone, Copy)]
pub(crate) struct Device<'d> {
    pub(crate) driver: &'d Driver<'d>,
    pub(crate) handle: DeviceHandle,
}

impl<'d> Device<'d> {
    /// Returns the product's name.
    pub(crate) fn name(self) -> Result<String, CallFailed> {
        let mut name = [0u8; 256];
        let room = name.len() as c_int;
        self.driver.call("cuDeviceGetName", || {
            // SAFETY: the buffer is ours and as long as is said.
            unsafe {
                (self.driver.functions.device_name)(name.as_mut_ptr().cast(), room, self.handle)
            }
        })?;
        Ok(printable(up_to_zero(&name)))
    }

    /// Returns the memory, in bytes.
    pub(crate) fn memory(self) -> Result<u64, CallFailed> {
        let mut bytes = 0usize;
        self.driver.call("cuDeviceTotalMem_v2", || {
            // SAFETY: the place is ours.
            unsafe { (self.driver.functions.device_memory)(&mut bytes, self.handle) }
        })?;
        Ok(bytes as u64)
    }

    /// Returns an attribute.
    pub(crate) fn attribute(self, attribute: Attribute) -> Result<i32, CallFailed> {
        let mut value = 0;
        self.driver.call("cuDeviceGetAttribute", || {
            let number = attribute as c_uint;
            // SAFETY: the place is ours.
            unsafe { (self.driver.functions.device_attribute)(&mut value, number, self.handle) }
        })?;
        Ok(value)
    }

    /// Returns the UUID of the GPU, and that of the MIG instance or of the GPU again.
    ///
    /// Old drivers know the one, the other or neither; that is no failure.
    pub(crate) fn uuids(self) -> (Option<[u8; 16]>, Option<[u8; 16]>) {
        let functions = &self.driver.functions;
        let ask = |call,
                   function: Option<
            unsafe extern "system" fn(*mut [u8; 16], DeviceHandle) -> Status,
        >| {
            let mut uuid = [0; 16];
            self.driver.journal.at(call);
            // SAFETY: the place is ours and as large as a UUID.
            let status = unsafe { function?(&mut uuid, self.handle) };
            (status == 0).then_some(uuid)
        };
        let of_gpu = ask("cuDeviceGetUuid", functions.uuid);
        let of_instance = ask("cuDeviceGetUuid_v2", functions.instance_uuid);
        (of_gpu, of_instance)
    }

    /// Enters the device's primary context, the one that every library shares.
    pub(crate) fn enter(self) -> Result<Context<'d>, CallFailed> {
        let mut handle = ptr::null_mut();
        self.driver.call("cuDevicePrimaryCtxRetain", || {
            // SAFETY: the place is ours.
            unsafe { (self.driver.functions.retain)(&mut handle, self.handle) }
        })?;
        Context::of(self, handle)
    }
}

pub(crate) fn up_to_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Makes a text of a driver's bytes that no terminal takes for a command.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let harmless = text.chars().filter(|c| *c == '\n' || !c.is_control());
    harmless.collect()
}
