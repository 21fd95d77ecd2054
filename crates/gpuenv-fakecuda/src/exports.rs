//! The C side: the entry points, under the names that a program looks up.
//!
//! Each one turns its arguments into values, asks the machine, and writes the
//! answer where the caller wants it. What the script does to a call happens in
//! `stage::enter`, before the machine hears of it.
#![expect(
    unsafe_code,
    reason = "a C library trusts the pointers that its callers hand over"
)]

use std::{
    ffi::{CStr, c_char, c_int, c_uint, c_void},
    ptr, slice,
};

use crate::{
    errors,
    kernel::Scalars,
    machine::{Answer, INVALID_HANDLE, INVALID_VALUE, Machine},
    more_kernels::{CHECK, FILL, Launch, PRODUCT, Pattern},
    script::State,
    stage::{enter, enter_uninitialised},
};

const COMPUTE_MODE: c_uint = 20;
const CAPABILITY_MAJOR: c_uint = 75;
const CAPABILITY_MINOR: c_uint = 76;
const ERROR_LOG: c_uint = 5;
const ERROR_LOG_SIZE: c_uint = 6;

/// Writes an answer through a caller's pointer.
fn put<T>(place: *mut T, value: T) -> Answer<()> {
    if place.is_null() {
        return Err(INVALID_VALUE);
    }
    // SAFETY: the caller of the driver hands over a place for one `T`, or null.
    unsafe { place.write(value) };
    Ok(())
}

/// Copies a text through a caller's pointer, cut to fit, with its final zero.
fn put_text(place: *mut c_char, room: usize, text: &str) -> Answer<()> {
    if place.is_null() || room == 0 {
        return Err(INVALID_VALUE);
    }
    let length = text.len().min(room - 1);
    // SAFETY: the caller hands over `room` bytes, and `length + 1 <= room`.
    unsafe {
        ptr::copy_nonoverlapping(text.as_ptr().cast(), place, length);
        place.add(length).write(0);
    }
    Ok(())
}

#[unsafe(no_mangle)]
extern "system" fn cuInit(flags: c_uint) -> c_int {
    enter_uninitialised("cuInit", |machine| {
        machine.init(flags)?;
        Ok(String::new())
    })
}

#[unsafe(no_mangle)]
extern "system" fn cuDriverGetVersion(version: *mut c_int) -> c_int {
    enter_uninitialised("cuDriverGetVersion", |machine| {
        put(version, machine.script.driver_version)?;
        Ok(String::new())
    })
}

fn put_static(place: *mut *const c_char, text: Option<&'static CStr>) -> c_int {
    match put(place, text.map_or(ptr::null(), CStr::as_ptr)) {
        Ok(()) if text.is_some() => 0,
        _ => INVALID_VALUE,
    }
}

#[unsafe(no_mangle)]
extern "system" fn cuGetErrorName(number: c_int, name: *mut *const c_char) -> c_int {
    put_static(name, errors::known(number).map(|error| error.name))
}

#[unsafe(no_mangle)]
extern "system" fn cuGetErrorString(number: c_int, text: *mut *const c_char) -> c_int {
    put_static(text, errors::known(number).map(|error| error.text))
}

#[unsafe(no_mangle)]
extern "system" fn cuDeviceGetCount(count: *mut c_int) -> c_int {
    enter("cuDeviceGetCount", |machine| {
        put(count, machine.device_count())?;
        Ok(machine.device_count().to_string())
    })
}

#[unsafe(no_mangle)]
extern "system" fn cuDeviceGet(device: *mut c_int, ordinal: c_int) -> c_int {
    enter("cuDeviceGet", |machine| {
        machine.device(ordinal)?;
        put(device, ordinal)?;
        Ok(ordinal.to_string())
    })
}

#[unsafe(no_mangle)]
extern "system" fn cuDeviceGetName(name: *mut c_char, length: c_int, device: c_int) -> c_int {
    enter("cuDeviceGetName", |machine| {
        let found = machine.device(device)?;
        let text = match found.state {
            State::Mig => format!("{} MIG 1g.10gb", found.name),
            State::Free | State::Busy => found.name.clone(),
        };
        put_text(name, usize::try_from(length).unwrap_or(0), &text)?;
        Ok(text)
    })
}

#[unsafe(no_mangle)]
extern "system" fn cuDeviceGetUuid(uuid: *mut [u8; 16], device: c_int) -> c_int {
    enter("cuDeviceGetUuid", |machine| {
        put(uuid, machine.device(device)?.uuid)?;
        Ok(String::new())
    })
}

#[unsafe(no_mangle)]
extern "system" fn cuDeviceGetUuid_v2(uuid: *mut [u8; 16], device: c_int) -> c_int {
    enter("cuDeviceGetUuid_v2", |machine| {
        let found = machine.device(device)?;
        let mut bytes = found.uuid;
        // A MIG instance has a UUID of its own, which only this call tells.
        if found.state == State::Mig {
            bytes[0] ^= 0xff;
        }
        put(uuid, bytes)?;
        Ok(String::new())
    })
}

#[unsafe(no_mangle)]
extern "system" fn cuDeviceTotalMem_v2(bytes: *mut usize, device: c_int) -> c_int {
    enter("cuDeviceTotalMem_v2", |machine| {
        put(bytes, machine.device(device)?.memory)?;
        Ok(String::new())
    })
}

fn attribute(machine: &Machine, attribute: c_uint, device: c_int) -> Answer<c_int> {
    let device = machine.device(device)?;
    match attribute {
        COMPUTE_MODE => Ok(device.compute_mode),
        CAPABILITY_MAJOR => Ok(device.capability.0),
        CAPABILITY_MINOR => Ok(device.capability.1),
        _ => Err(INVALID_VALUE),
    }
}

#[unsafe(no_mangle)]
extern "system" fn cuDeviceGetAttribute(value: *mut c_int, number: c_uint, device: c_int) -> c_int {
    enter("cuDeviceGetAttribute", |machine| {
        let found = attribute(machine, number, device)?;
        put(value, found)?;
        Ok(format!("{number} {found}"))
    })
}

#[unsafe(no_mangle)]
extern "system" fn cuDevicePrimaryCtxRetain(context: *mut u64, device: c_int) -> c_int {
    enter("cuDevicePrimaryCtxRetain", |machine| {
        let handle = machine.retain(device)?;
        put(context, handle)?;
        Ok(format!("{device} {handle:#x}"))
    })
}

#[unsafe(no_mangle)]
extern "system" fn cuDevicePrimaryCtxRelease_v2(device: c_int) -> c_int {
    enter("cuDevicePrimaryCtxRelease_v2", |machine| {
        machine.release(device)?;
        Ok(device.to_string())
    })
}

#[unsafe(no_mangle)]
extern "system" fn cuCtxCreate_v2(context: *mut u64, _flags: c_uint, device: c_int) -> c_int {
    enter("cuCtxCreate_v2", |machine| {
        let handle = machine.create_context(device)?;
        put(context, handle)?;
        Ok(format!("{device} {handle:#x}"))
    })
}

#[unsafe(no_mangle)]
extern "system" fn cuCtxDestroy_v2(context: u64) -> c_int {
    enter("cuCtxDestroy_v2", |machine| {
        machine.destroy_context(context)?;
        Ok(format!("{context:#x}"))
    })
}

#[unsafe(no_mangle)]
extern "system" fn cuCtxSetCurrent(context: u64) -> c_int {
    enter("cuCtxSetCurrent", |machine| {
        machine.set_current(context)?;
        Ok(format!("{context:#x}"))
    })
}

#[unsafe(no_mangle)]
extern "system" fn cuCtxSynchronize() -> c_int {
    enter("cuCtxSynchronize", |machine| {
        machine.context()?;
        Ok(String::new())
    })
}

/// Finds the buffer for the compiler's error log among the options.
///
/// # Safety
///
/// `numbers` and `values` must each hold `count` entries.
unsafe fn error_log(
    count: c_uint,
    numbers: *const c_uint,
    values: *const *mut c_void,
) -> (*mut c_char, usize) {
    let mut found = (ptr::null_mut(), 0);
    if numbers.is_null() || values.is_null() {
        return found;
    }
    // SAFETY: the caller vouches for the lengths, and neither is null.
    let (numbers, values) = unsafe {
        (
            slice::from_raw_parts(numbers, count as usize),
            slice::from_raw_parts(values, count as usize),
        )
    };
    for (number, value) in numbers.iter().zip(values) {
        match *number {
            ERROR_LOG => found.0 = value.cast(),
            // The option's value is the number itself, in the shape of a pointer.
            ERROR_LOG_SIZE => found.1 = value.addr() & 0xffff_ffff,
            _ => {}
        }
    }
    found
}

#[unsafe(no_mangle)]
extern "system" fn cuModuleLoadDataEx(
    module: *mut u64,
    image: *const c_char,
    count: c_uint,
    numbers: *const c_uint,
    values: *const *mut c_void,
) -> c_int {
    enter("cuModuleLoadDataEx", |machine| {
        if image.is_null() {
            return Err(INVALID_VALUE);
        }
        // SAFETY: a PTX image is a text that ends with a zero.
        let text = unsafe { CStr::from_ptr(image) };
        let text = text.to_str().unwrap_or_default();
        match machine.load_module(text) {
            Ok(handle) => {
                put(module, handle)?;
                Ok(format!("{handle:#x}"))
            }
            Err((number, log)) => {
                // SAFETY: the caller says how many options there are.
                let (buffer, room) = unsafe { error_log(count, numbers, values) };
                if room > 0 {
                    put_text(buffer, room, &log)?;
                }
                Err(number)
            }
        }
    })
}

#[unsafe(no_mangle)]
extern "system" fn cuModuleUnload(module: u64) -> c_int {
    enter("cuModuleUnload", |machine| {
        machine.unload_module(module)?;
        Ok(format!("{module:#x}"))
    })
}

#[unsafe(no_mangle)]
extern "system" fn cuModuleGetFunction(
    function: *mut u64,
    module: u64,
    name: *const c_char,
) -> c_int {
    enter("cuModuleGetFunction", |machine| {
        if name.is_null() {
            return Err(INVALID_VALUE);
        }
        // SAFETY: a name is a text that ends with a zero.
        let name = unsafe { CStr::from_ptr(name) };
        let name = name.to_str().unwrap_or_default();
        put(function, machine.function(module, name)?)?;
        Ok(name.to_string())
    })
}

#[unsafe(no_mangle)]
extern "system" fn cuMemAlloc_v2(address: *mut u64, length: usize) -> c_int {
    enter("cuMemAlloc_v2", |machine| {
        let allocated = machine.allocate(length)?;
        put(address, allocated)?;
        Ok(format!("{allocated:#x} {length}"))
    })
}

#[unsafe(no_mangle)]
extern "system" fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> c_int {
    enter("cuMemGetInfo_v2", |machine| {
        let found = machine.memory_info()?;
        put(free, found.0)?;
        put(total, found.1)?;
        Ok(format!("{} {}", found.0, found.1))
    })
}

#[unsafe(no_mangle)]
extern "system" fn cuMemFree_v2(address: u64) -> c_int {
    enter("cuMemFree_v2", |machine| {
        machine.free(address)?;
        Ok(format!("{address:#x}"))
    })
}

#[unsafe(no_mangle)]
extern "system" fn cuMemcpyHtoD_v2(to: u64, from: *const u8, length: usize) -> c_int {
    enter("cuMemcpyHtoD_v2", |machine| {
        if from.is_null() {
            return Err(INVALID_VALUE);
        }
        // SAFETY: the caller hands over `length` bytes to read.
        machine.upload(to, unsafe { slice::from_raw_parts(from, length) })?;
        Ok(format!("{to:#x} {length}"))
    })
}

#[unsafe(no_mangle)]
extern "system" fn cuMemcpyDtoH_v2(to: *mut u8, from: u64, length: usize) -> c_int {
    enter("cuMemcpyDtoH_v2", |machine| {
        if to.is_null() {
            return Err(INVALID_VALUE);
        }
        // SAFETY: the caller hands over `length` bytes to write.
        machine.download(from, unsafe { slice::from_raw_parts_mut(to, length) })?;
        Ok(format!("{from:#x} {length}"))
    })
}

/// Reads one parameter of a launch.
///
/// # Safety
///
/// `parameters` must hold more than `index` pointers, and that one must point
/// to a `T` or be null.
unsafe fn parameter<T: Copy>(parameters: *const *const c_void, index: usize) -> Answer<T> {
    // SAFETY: the caller vouches for the length.
    let place = unsafe { parameters.add(index).read() };
    if place.is_null() {
        return Err(INVALID_VALUE);
    }
    // SAFETY: the caller vouches for the type.
    Ok(unsafe { place.cast::<T>().read() })
}

/// Reads what a kernel of that name takes.
///
/// # Safety
///
/// `parameters` must be what a launch of that kernel hands over.
unsafe fn arguments(entry: &str, parameters: *const *const c_void) -> Answer<Launch> {
    // SAFETY: the caller vouches for number and types.
    unsafe {
        let pattern = || -> Answer<Pattern> {
            Ok(Pattern {
                address: parameter(parameters, 0)?,
                words: parameter(parameters, 1)?,
                seed: parameter(parameters, 2)?,
                flip: parameter(parameters, 3)?,
            })
        };
        Ok(match entry {
            PRODUCT => Launch::Product {
                c: parameter(parameters, 0)?,
                a: parameter(parameters, 1)?,
                b: parameter(parameters, 2)?,
                size: parameter(parameters, 3)?,
            },
            FILL => Launch::Fill(pattern()?),
            CHECK => Launch::Check(pattern()?, parameter(parameters, 4)?),
            _ => {
                let scalars = Scalars {
                    factor: parameter(parameters, 2)?,
                    length: parameter(parameters, 3)?,
                    rounds: parameter(parameters, 4)?,
                    step: parameter(parameters, 5)?,
                };
                Launch::Saxpy(
                    parameter(parameters, 0)?,
                    parameter(parameters, 1)?,
                    scalars,
                )
            }
        })
    }
}

#[unsafe(no_mangle)]
extern "system" fn cuLaunchKernel(
    function: u64,
    grid_x: c_uint,
    grid_y: c_uint,
    grid_z: c_uint,
    block_x: c_uint,
    block_y: c_uint,
    block_z: c_uint,
    _shared_bytes: c_uint,
    stream: u64,
    parameters: *const *const c_void,
    _extra: *const *const c_void,
) -> c_int {
    enter("cuLaunchKernel", |machine| {
        if stream != 0 {
            return Err(INVALID_HANDLE);
        }
        if parameters.is_null() {
            return Err(INVALID_VALUE);
        }
        let entry = machine.entry(function)?;
        // SAFETY: the kernels of these names have these parameters.
        let launch = unsafe { arguments(&entry, parameters)? };
        let grid = [grid_x, grid_y, grid_z, block_x, block_y, block_z];
        machine.launch(grid, launch)?;
        Ok(format!("{grid_x}x{block_x} {launch:?}"))
    })
}
