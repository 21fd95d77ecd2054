//! Work inside of a context, as guards: what a guard has taken it gives back on
//! every path.
#![expect(unsafe_code, reason = "the driver speaks C")]

use std::{
    ffi::{CStr, c_uint, c_void},
    fmt, ptr,
};

use crate::{
    driver::{Attribute, CallFailed, Device, Driver, printable, up_to_zero},
    functions::{DeviceAddress, Handle},
};

/// Options of `cuModuleLoadDataEx`: the buffer for the compiler's log, and its size.
const ERROR_LOG: c_uint = 5;
const ERROR_LOG_SIZE: c_uint = 6;

/// Room for the compiler's log.
const LOG_ROOM: usize = 8 << 10;

/// The device's context, current as long as this lives.
pub(crate) struct Context<'d> {
    device: Device<'d>,
}

impl<'d> Context<'d> {
    /// Makes a context current that was just retained for the device.
    pub(crate) fn of(device: Device<'d>, handle: Handle) -> Result<Self, CallFailed> {
        let context = Self { device };
        context.make_current(handle)?;
        Ok(context)
    }
}

impl Context<'_> {
    /// Returns the compute capability as compilers count it, 89 for 8.9.
    pub(crate) fn capability(&self) -> Option<i32> {
        let number = |attribute| self.device.attribute(attribute).ok();
        let (major, minor) = (
            number(Attribute::CapabilityMajor)?,
            number(Attribute::CapabilityMinor)?,
        );
        Some(major * 10 + minor)
    }

    fn driver(&self) -> &Driver<'_> {
        self.device.driver
    }

    fn make_current(&self, handle: Handle) -> Result<(), CallFailed> {
        let driver = self.driver();
        // SAFETY: a context that we hold, or none.
        driver.call("cuCtxSetCurrent", || unsafe {
            (driver.functions.set_current)(handle)
        })
    }

    /// Has the driver compile a PTX text; the compiler's log comes in any case.
    pub(crate) fn compile(&self, ptx: &CStr) -> (Result<Module<'_>, CallFailed>, Option<String>) {
        let driver = self.driver();
        let mut handle = ptr::null_mut();
        let mut log = vec![0u8; LOG_ROOM];
        let mut options = [ERROR_LOG, ERROR_LOG_SIZE];
        // The size is handed over in the shape of a pointer.
        let mut values = [
            log.as_mut_ptr().cast::<c_void>(),
            ptr::without_provenance_mut(LOG_ROOM),
        ];
        let loaded = driver.call("cuModuleLoadDataEx", || {
            // SAFETY: the text ends with a zero; two options with two values;
            // the log is as long as is said and outlives the call.
            unsafe {
                (driver.functions.load_module)(
                    &mut handle,
                    ptx.as_ptr().cast(),
                    2,
                    options.as_mut_ptr(),
                    values.as_mut_ptr(),
                )
            }
        });
        let said = printable(up_to_zero(&log));
        let module = loaded.map(|()| Module {
            context: self,
            handle,
        });
        (module, Some(said).filter(|said| !said.trim().is_empty()))
    }

    /// Allocates room for so many numbers.
    pub(crate) fn allocate(&self, numbers: usize) -> Result<Buffer<'_>, CallFailed> {
        let driver = self.driver();
        let mut address = 0;
        driver.call("cuMemAlloc_v2", || {
            // SAFETY: the place is ours.
            unsafe { (driver.functions.allocate)(&mut address, numbers * size_of::<f32>()) }
        })?;
        Ok(Buffer {
            context: self,
            address,
            numbers,
        })
    }

    /// Returns how much memory is free, in bytes, where the driver tells it.
    pub(crate) fn free_memory(&self) -> Option<u64> {
        let driver = self.driver();
        let ask = driver.functions.memory_info?;
        let (mut free, mut total) = (0usize, 0usize);
        // SAFETY: the places are ours.
        let answer = driver.call("cuMemGetInfo_v2", || unsafe { ask(&mut free, &mut total) });
        answer.ok().map(|()| free as u64)
    }

    /// Waits until everything launched is done.
    pub(crate) fn synchronize(&self) -> Result<(), CallFailed> {
        let driver = self.driver();
        // SAFETY: takes nothing.
        driver.call("cuCtxSynchronize", || unsafe {
            (driver.functions.synchronize)()
        })
    }
}

impl Drop for Context<'_> {
    fn drop(&mut self) {
        // What fails here is in the journal.
        let _ = self.make_current(ptr::null_mut());
        let driver = self.driver();
        let functions = &driver.functions;
        let (name, release) = match (functions.release, functions.release_before_11) {
            (Some(release), _) => ("cuDevicePrimaryCtxRelease_v2", release),
            (None, Some(release)) => ("cuDevicePrimaryCtxRelease", release),
            (None, None) => return,
        };
        // SAFETY: retained once when the guard was made.
        let _ = driver.call(name, || unsafe { release(self.device.handle) });
    }
}

/// A compiled PTX text.
pub(crate) struct Module<'c> {
    context: &'c Context<'c>,
    handle: Handle,
}

/// A vector in the device's memory.
#[derive(Debug)]
pub(crate) struct Buffer<'c> {
    context: &'c Context<'c>,
    address: DeviceAddress,
    numbers: usize,
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({})", self.device.handle)
    }
}

/// One argument of a kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Argument<'b> {
    /// Where a buffer begins.
    Address(&'b Buffer<'b>),
    /// A word of 32 bits.
    Word(u32),
    /// A number in single precision.
    Float(f32),
}

/// Blocks in two dimensions, and the threads of each.
pub(crate) type Grid = (u32, u32, u32);

impl Module<'_> {
    /// Launches the kernel of that name.
    ///
    /// The arguments must be those that the module's text declares, and the
    /// buffers as large as it takes them to be.
    pub(crate) fn launch(
        &self,
        entry: &CStr,
        (across, down, block): Grid,
        arguments: &[Argument<'_>],
    ) -> Result<(), CallFailed> {
        let driver = self.context.driver();
        let mut function = ptr::null_mut();
        driver.call("cuModuleGetFunction", || {
            // SAFETY: the place is ours, and the name ends with a zero.
            unsafe { (driver.functions.function)(&mut function, self.handle, entry.as_ptr()) }
        })?;
        let value = |argument: &Argument<'_>| match argument {
            Argument::Address(buffer) => buffer.address.to_le_bytes(),
            Argument::Word(word) => u64::from(*word).to_le_bytes(),
            Argument::Float(number) => u64::from(number.to_bits()).to_le_bytes(),
        };
        let mut values: Vec<[u8; 8]> = arguments.iter().map(value).collect();
        let mut parameters: Vec<*mut c_void> = values
            .iter_mut()
            .map(|value| value.as_mut_ptr().cast())
            .collect();
        driver.call("cuLaunchKernel", || {
            // SAFETY: as many parameters as the PTX text declares, each with at
            // least as many bytes, which the driver copies before it returns.
            unsafe {
                (driver.functions.launch)(
                    function,
                    across,
                    down,
                    1,
                    block,
                    1,
                    1,
                    0,
                    ptr::null_mut(),
                    parameters.as_mut_ptr(),
                    ptr::null_mut(),
                )
            }
        })
    }
}

impl Drop for Module<'_> {
    fn drop(&mut self) {
        let driver = self.context.driver();
        // SAFETY: loaded when the guard was made. What fails here is in the journal.
        let _ = driver.call("cuModuleUnload", || unsafe {
            (driver.functions.unload_module)(self.handle)
        });
    }
}

impl Buffer<'_> {
    /// Returns where it begins, for the libraries that take addresses.
    pub(crate) fn address(&self) -> DeviceAddress {
        self.address
    }

    fn bytes_of(&self, numbers: &[f32]) -> usize {
        size_of_val(numbers).min(self.numbers * size_of::<f32>())
    }

    /// Copies numbers to the device.
    pub(crate) fn upload(&self, numbers: &[f32]) -> Result<(), CallFailed> {
        let driver = self.context.driver();
        let bytes = self.bytes_of(numbers);
        driver.call("cuMemcpyHtoD_v2", || {
            // SAFETY: no more bytes than the slice holds.
            unsafe { (driver.functions.upload)(self.address, numbers.as_ptr().cast(), bytes) }
        })
    }

    /// Returns the word at an index.
    pub(crate) fn word(&self, index: u32) -> Result<u32, CallFailed> {
        let driver = self.context.driver();
        let index = (index as usize).min(self.numbers.saturating_sub(1));
        let address = self.address + (index * size_of::<u32>()) as u64;
        let mut word = 0u32;
        driver.call("cuMemcpyDtoH_v2", || {
            let place = (&raw mut word).cast();
            // SAFETY: one word inside of the buffer, and a place for it.
            unsafe { (driver.functions.download)(place, address, size_of::<u32>()) }
        })?;
        Ok(word)
    }

    /// Copies numbers back from the device.
    pub(crate) fn download(&self, numbers: &mut [f32]) -> Result<(), CallFailed> {
        let driver = self.context.driver();
        let bytes = self.bytes_of(numbers);
        driver.call("cuMemcpyDtoH_v2", || {
            // SAFETY: no more bytes than the slice holds, and every bit
            // pattern is a number.
            unsafe { (driver.functions.download)(numbers.as_mut_ptr().cast(), self.address, bytes) }
        })
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        let driver = self.context.driver();
        // SAFETY: allocated when the guard was made. What fails here is in the journal.
        let _ = driver.call("cuMemFree_v2", || unsafe {
            (driver.functions.free)(self.address)
        });
    }
}
