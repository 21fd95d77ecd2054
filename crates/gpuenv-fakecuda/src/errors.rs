//! The driver's errors by number, as `cuda.h` of CUDA 12.9 names them.

use std::ffi::CStr;

/// One error.
pub(crate) struct Known {
    number: i32,
    pub(crate) name: &'static CStr,
    pub(crate) text: &'static CStr,
}

const fn error(number: i32, name: &'static CStr, text: &'static CStr) -> Known {
    Known { number, name, text }
}

const KNOWN: &[Known] = &[
    error(0, c"CUDA_SUCCESS", c"no error"),
    error(1, c"CUDA_ERROR_INVALID_VALUE", c"invalid argument"),
    error(2, c"CUDA_ERROR_OUT_OF_MEMORY", c"out of memory"),
    error(3, c"CUDA_ERROR_NOT_INITIALIZED", c"initialization error"),
    error(
        34,
        c"CUDA_ERROR_STUB_LIBRARY",
        c"CUDA driver is a stub library",
    ),
    error(
        46,
        c"CUDA_ERROR_DEVICE_UNAVAILABLE",
        c"CUDA-capable device(s) is/are busy or unavailable",
    ),
    error(
        100,
        c"CUDA_ERROR_NO_DEVICE",
        c"no CUDA-capable device is detected",
    ),
    error(101, c"CUDA_ERROR_INVALID_DEVICE", c"invalid device ordinal"),
    error(
        200,
        c"CUDA_ERROR_INVALID_IMAGE",
        c"device kernel image is invalid",
    ),
    error(
        201,
        c"CUDA_ERROR_INVALID_CONTEXT",
        c"invalid device context",
    ),
    error(
        209,
        c"CUDA_ERROR_NO_BINARY_FOR_GPU",
        c"no kernel image is available for execution on the device",
    ),
    error(
        214,
        c"CUDA_ERROR_ECC_UNCORRECTABLE",
        c"uncorrectable ECC error encountered",
    ),
    error(
        218,
        c"CUDA_ERROR_INVALID_PTX",
        c"a PTX JIT compilation failed",
    ),
    error(
        221,
        c"CUDA_ERROR_JIT_COMPILER_NOT_FOUND",
        c"PTX JIT compiler library not found",
    ),
    error(
        222,
        c"CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
        c"the provided PTX was compiled with an unsupported toolchain.",
    ),
    error(
        400,
        c"CUDA_ERROR_INVALID_HANDLE",
        c"invalid resource handle",
    ),
    error(500, c"CUDA_ERROR_NOT_FOUND", c"named symbol not found"),
    error(
        700,
        c"CUDA_ERROR_ILLEGAL_ADDRESS",
        c"an illegal memory access was encountered",
    ),
    error(
        719,
        c"CUDA_ERROR_LAUNCH_FAILED",
        c"unspecified launch failure",
    ),
    error(
        802,
        c"CUDA_ERROR_SYSTEM_NOT_READY",
        c"system not yet initialized",
    ),
    error(
        803,
        c"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
        c"system has unsupported display driver / cuda driver combination",
    ),
    error(
        804,
        c"CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE",
        c"forward compatibility was attempted on non supported HW",
    ),
    error(999, c"CUDA_ERROR_UNKNOWN", c"unknown error"),
];

/// Returns the error with that number.
pub(crate) fn known(number: i32) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.number == number)
}
