//! The driver in the same process, as a library reaches it: by its name.
#![cfg_attr(unix, expect(unsafe_code, reason = "plain calls of the loader"))]

use crate::machine::Answer;

/// What a library answers when it cannot reach the driver.
const NO_DRIVER: i32 = 1;

/// Reads numbers from the memory of the current device.
#[cfg(unix)]
pub(crate) fn read(address: u64, count: usize) -> Answer<Vec<f32>> {
    type Download = extern "system" fn(*mut u8, u64, usize) -> i32;
    let function = symbol(c"cuMemcpyDtoH_v2").ok_or(NO_DRIVER)?;
    // SAFETY: the driver's function of that name has this type.
    let download = unsafe { std::mem::transmute::<*mut std::ffi::c_void, Download>(function) };
    let mut numbers = vec![0f32; count];
    match download(numbers.as_mut_ptr().cast(), address, 4 * count) {
        0 => Ok(numbers),
        number => Err(number),
    }
}

/// Writes numbers into the memory of the current device.
#[cfg(unix)]
pub(crate) fn write(address: u64, numbers: &[f32]) -> Answer<()> {
    type Upload = extern "system" fn(u64, *const u8, usize) -> i32;
    let function = symbol(c"cuMemcpyHtoD_v2").ok_or(NO_DRIVER)?;
    // SAFETY: the driver's function of that name has this type.
    let upload = unsafe { std::mem::transmute::<*mut std::ffi::c_void, Upload>(function) };
    match upload(address, numbers.as_ptr().cast(), size_of_val(numbers)) {
        0 => Ok(()),
        number => Err(number),
    }
}

/// Finds a function of the driver that the program has loaded already.
#[cfg(unix)]
fn symbol(name: &std::ffi::CStr) -> Option<*mut std::ffi::c_void> {
    use std::ffi::{c_char, c_int, c_void};
    unsafe extern "C" {
        fn dlopen(file: *const c_char, flags: c_int) -> *mut c_void;
        fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    }
    const NOW: c_int = 2;
    // SAFETY: texts that end with a zero.
    let found = unsafe {
        let driver = dlopen(c"libcuda.so.1".as_ptr(), NOW);
        match driver.is_null() {
            true => return None,
            false => dlsym(driver, name.as_ptr()),
        }
    };
    Some(found).filter(|found| !found.is_null())
}

/// There is no such library here.
#[cfg(not(unix))]
pub(crate) fn read(_address: u64, _count: usize) -> Answer<Vec<f32>> {
    Err(NO_DRIVER)
}

/// There is no such library here.
#[cfg(not(unix))]
pub(crate) fn write(_address: u64, _numbers: &[f32]) -> Answer<()> {
    Err(NO_DRIVER)
}
