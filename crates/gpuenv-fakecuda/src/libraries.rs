//! Stand-ins for the CUDA libraries: the same file under another name.
//!
//! A copy of this library called `libcublas.so.12` is a process's second copy, with
//! a state of its own; the devices' memory lies in the copy that is the driver.
//! So it is reached as a real library reaches it: through the driver's functions.
#![expect(
    unsafe_code,
    reason = "a C library trusts the pointers that its callers hand over"
)]

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    ptr, slice,
};

use crate::{
    driver_beside::{read, write},
    machine::Answer,
    stage::enter_uninitialised,
};

/// What the libraries answer to a bad argument.
const BAD_PARAMETER: i32 = 7;

/// A handle that is no address.
const HANDLE: usize = 0x6000_0000;

fn put<T>(place: *mut T, value: T) -> Answer<String> {
    if place.is_null() {
        return Err(BAD_PARAMETER);
    }
    // SAFETY: the caller hands over a place for one `T`, or null.
    unsafe { place.write(value) };
    Ok(String::new())
}

fn make(call: &'static str, place: *mut *mut c_void) -> c_int {
    enter_uninitialised(call, |_| put(place, ptr::without_provenance_mut(HANDLE)))
}

fn done(call: &'static str) -> c_int {
    enter_uninitialised(call, |_| Ok(String::new()))
}

#[unsafe(no_mangle)]
extern "C" fn cudaRuntimeGetVersion(version: *mut c_int) -> c_int {
    enter_uninitialised("cudaRuntimeGetVersion", |_| put(version, 12040))
}

#[unsafe(no_mangle)]
extern "C" fn ncclGetVersion(version: *mut c_int) -> c_int {
    enter_uninitialised("ncclGetVersion", |_| put(version, 22703))
}

#[unsafe(no_mangle)]
extern "C" fn cublasGetProperty(part: c_int, value: *mut c_int) -> c_int {
    let numbers = [12, 4, 5];
    let number = usize::try_from(part)
        .ok()
        .and_then(|part| numbers.get(part));
    enter_uninitialised("cublasGetProperty", |_| {
        put(value, *number.ok_or(BAD_PARAMETER)?)
    })
}

#[unsafe(no_mangle)]
extern "C" fn cublasCreate_v2(handle: *mut *mut c_void) -> c_int {
    make("cublasCreate_v2", handle)
}

#[unsafe(no_mangle)]
extern "C" fn cublasDestroy_v2(_handle: *mut c_void) -> c_int {
    done("cublasDestroy_v2")
}

#[unsafe(no_mangle)]
#[rustfmt::skip]
extern "C" fn cublasSgemm_v2(
    handle: *mut c_void, _transpose_a: c_int, _transpose_b: c_int, m: c_int, n: c_int, k: c_int,
    alpha: *const f32, a: u64, a_rows: c_int, b: u64, b_rows: c_int,
    _beta: *const f32, c: u64, c_rows: c_int,
) -> c_int {
    enter_uninitialised("cublasSgemm_v2", |machine| {
        if handle.addr() != HANDLE || alpha.is_null() || (a_rows, b_rows, c_rows) != (m, k, m) {
            return Err(BAD_PARAMETER);
        }
        // SAFETY: not null, and the caller's number.
        let alpha = unsafe { alpha.read() };
        let [m, n, k] = [m, n, k].map(|size| size as usize);
        let (a, b) = (read(a, m * k)?, read(b, k * n)?);
        let element = |index: usize| {
            let (column, row) = (index / m, index % m);
            let terms = (0..k).map(|i| a[i * m + row] * b[column * k + i]);
            alpha * terms.sum::<f32>()
        };
        let mut result: Vec<f32> = (0..m * n).map(element).collect();
        spoil(machine.script.wrong_library.as_deref(), "cublas", &mut result);
        write(c, &result)?;
        Ok(format!("{m}x{n}x{k}"))
    })
}

/// Makes one number wrong where the script says so.
pub(crate) fn spoil(wrong: Option<&str>, library: &str, result: &mut [f32]) {
    if wrong == Some(library)
        && let Some(last) = result.last_mut()
    {
        *last += 1.0;
    }
}

/// What the fake compiler compiles everything to.
const PTX: &CStr = c"// made by nobody\n.version 8.4\n.target sm_52\n.address_size 64\n\n\
    .visible .entry gpuenv_rotated_saxpy(\n)\n{ ret; }\n";

const LOG: &CStr = c"gpuenv.cu(1): error: this compiler does not feel well";

#[unsafe(no_mangle)]
extern "C" fn nvrtcVersion(major: *mut c_int, minor: *mut c_int) -> c_int {
    enter_uninitialised("nvrtcVersion", |_| {
        put(major, 12)?;
        put(minor, 4)
    })
}

#[unsafe(no_mangle)]
extern "C" fn nvrtcGetNumSupportedArchs(count: *mut c_int) -> c_int {
    enter_uninitialised("nvrtcGetNumSupportedArchs", |_| put(count, 3))
}

#[unsafe(no_mangle)]
extern "C" fn nvrtcGetSupportedArchs(list: *mut c_int) -> c_int {
    enter_uninitialised("nvrtcGetSupportedArchs", |_| {
        if list.is_null() {
            return Err(BAD_PARAMETER);
        }
        // SAFETY: room for as many as the other function said.
        unsafe { ptr::copy_nonoverlapping([52, 80, 90].as_ptr(), list, 3) };
        Ok(String::new())
    })
}

#[unsafe(no_mangle)]
extern "C" fn nvrtcCreateProgram(
    program: *mut *mut c_void,
    source: *const c_char,
    _name: *const c_char,
    _headers: c_int,
    _texts: *const *const c_char,
    _names: *const *const c_char,
) -> c_int {
    if source.is_null() {
        return BAD_PARAMETER;
    }
    make("nvrtcCreateProgram", program)
}

#[unsafe(no_mangle)]
extern "C" fn nvrtcCompileProgram(
    _program: *mut c_void,
    count: c_int,
    options: *const *const c_char,
) -> c_int {
    enter_uninitialised("nvrtcCompileProgram", |_| {
        let count = usize::try_from(count).unwrap_or(0);
        if count == 0 || options.is_null() {
            return Ok(String::new());
        }
        // SAFETY: the caller says how many texts there are.
        let options = unsafe { slice::from_raw_parts(options, count) };
        // SAFETY: each one ends with a zero.
        let texts = options.iter().map(|text| unsafe { CStr::from_ptr(*text) });
        let texts: Vec<_> = texts.map(|text| text.to_string_lossy()).collect();
        Ok(texts.join(" "))
    })
}

/// Copies a text with its final zero.
fn copy(call: &'static str, text: &CStr, to: *mut c_char) -> c_int {
    enter_uninitialised(call, |_| {
        if to.is_null() {
            return Err(BAD_PARAMETER);
        }
        let bytes = text.to_bytes_with_nul();
        // SAFETY: room for as many as the other function said.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr().cast(), to, bytes.len()) };
        Ok(String::new())
    })
}

#[unsafe(no_mangle)]
extern "C" fn nvrtcGetPTXSize(_program: *mut c_void, size: *mut usize) -> c_int {
    enter_uninitialised("nvrtcGetPTXSize", |_| {
        put(size, PTX.to_bytes_with_nul().len())
    })
}

#[unsafe(no_mangle)]
extern "C" fn nvrtcGetPTX(_program: *mut c_void, to: *mut c_char) -> c_int {
    copy("nvrtcGetPTX", PTX, to)
}

#[unsafe(no_mangle)]
extern "C" fn nvrtcGetProgramLogSize(_program: *mut c_void, size: *mut usize) -> c_int {
    enter_uninitialised("nvrtcGetProgramLogSize", |_| {
        put(size, LOG.to_bytes_with_nul().len())
    })
}

#[unsafe(no_mangle)]
extern "C" fn nvrtcGetProgramLog(_program: *mut c_void, to: *mut c_char) -> c_int {
    copy("nvrtcGetProgramLog", LOG, to)
}
