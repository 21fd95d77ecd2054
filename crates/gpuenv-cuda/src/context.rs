//! Work inside of a context, as guards: what a guard has taken it gives back on
//! every path.
#![expect(unsafe_code, reason = "the driver speaks C")]

use std::{
    ffi::{CStr, c_uint, c_void},
    ptr,
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
pub(crate) struct Buffer<'c> {
    context: &'c Context<'c>,
    address: DeviceAddress,
    numbers: usize,
}

/// The arguments of the kernel that are plain numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scalars {
    pub(crate) factor: f32,
    pub(crate) rounds: u32,
    pub(crate) step: u32,
}

impl Module<'_> {
    /// Launches the saxpy kernel under that name; the module must be its text.
    pub(crate) fn launch_saxpy(
        &self,
        entry: &CStr,
        (blocks, block): (u32, u32),
        (y, x): (&Buffer<'_>, &Buffer<'_>),
        scalars: Scalars,
    ) -> Result<(), CallFailed> {
        let driver = self.context.driver();
        let mut function = ptr::null_mut();
        driver.call("cuModuleGetFunction", || {
            // SAFETY: the place is ours, and the name ends with a zero.
            unsafe { (driver.functions.function)(&mut function, self.handle, entry.as_ptr()) }
        })?;
        let (mut y_address, mut x_address) = (y.address, x.address);
        let (mut factor, mut rounds, mut step) = (scalars.factor, scalars.rounds, scalars.step);
        // Both vectors are read to the end of the shorter one and no further.
        let mut length = y.numbers.min(x.numbers) as u32;
        let mut parameters: [*mut c_void; 6] = [
            (&raw mut y_address).cast(),
            (&raw mut x_address).cast(),
            (&raw mut factor).cast(),
            (&raw mut length).cast(),
            (&raw mut rounds).cast(),
            (&raw mut step).cast(),
        ];
        driver.call("cuLaunchKernel", || {
            // SAFETY: six parameters of the types that the PTX text declares,
            // which the driver copies before it returns.
            unsafe {
                (driver.functions.launch)(
                    function,
                    blocks,
                    1,
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
