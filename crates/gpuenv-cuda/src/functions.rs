//! The driver's functions, by the names under which its library offers them.
//!
//! Types and numbers are those of `cuda.h`; nothing is called here.
#![expect(unsafe_code, reason = "a symbol's type is what we say it is")]

use std::ffi::{c_char, c_int, c_uint, c_void};

use crate::load::Library;

/// What every function of the driver answers.
pub(crate) type Status = c_int;

/// A device, as the driver numbers it.
pub(crate) type DeviceHandle = c_int;

/// Something that the driver keeps for us: a context, a module, a function.
pub(crate) type Handle = *mut c_void;

/// An address in a device's memory.
pub(crate) type DeviceAddress = u64;

macro_rules! functions {
    (
        required { $($field:ident = $symbol:literal ($($argument:ty),*);)* }
        optional { $($rare:ident = $rare_symbol:literal ($($rare_argument:ty),*);)* }
    ) => {
        /// The driver's functions.
        pub(crate) struct Functions {
            $(pub(crate) $field: unsafe extern "system" fn($($argument),*) -> Status,)*
            $(pub(crate) $rare: Option<unsafe extern "system" fn($($rare_argument),*) -> Status>,)*
        }

        impl Functions {
            /// Looks all functions up, and returns the names of those that are missing.
            pub(crate) fn find(library: &Library) -> Result<Self, Vec<String>> {
                let mut missing = Vec::new();
                // SAFETY: the types are those of `cuda.h` for these names.
                unsafe {
                    $(
                        let $field = library.get(concat!($symbol, "\0").as_bytes());
                        if $field.is_err() {
                            missing.push($symbol.to_string());
                        }
                    )*
                    if let ($(Ok($field),)*) = ($($field,)*) {
                        return Ok(Self {
                            $($field: *$field,)*
                            $($rare: library
                                .get(concat!($rare_symbol, "\0").as_bytes())
                                .ok()
                                .map(|symbol| *symbol),)*
                        });
                    }
                }
                Err(missing)
            }
        }
    };
}

functions! {
    required {
        init = "cuInit" (c_uint);
        driver_version = "cuDriverGetVersion" (*mut c_int);
        device_count = "cuDeviceGetCount" (*mut c_int);
        device = "cuDeviceGet" (*mut DeviceHandle, c_int);
        device_name = "cuDeviceGetName" (*mut c_char, c_int, DeviceHandle);
        device_memory = "cuDeviceTotalMem_v2" (*mut usize, DeviceHandle);
        device_attribute = "cuDeviceGetAttribute" (*mut c_int, c_uint, DeviceHandle);
        retain = "cuDevicePrimaryCtxRetain" (*mut Handle, DeviceHandle);
        set_current = "cuCtxSetCurrent" (Handle);
        synchronize = "cuCtxSynchronize" ();
        load_module = "cuModuleLoadDataEx" (*mut Handle, *const c_void, c_uint, *mut c_uint, *mut *mut c_void);
        unload_module = "cuModuleUnload" (Handle);
        function = "cuModuleGetFunction" (*mut Handle, Handle, *const c_char);
        allocate = "cuMemAlloc_v2" (*mut DeviceAddress, usize);
        free = "cuMemFree_v2" (DeviceAddress);
        upload = "cuMemcpyHtoD_v2" (DeviceAddress, *const c_void, usize);
        download = "cuMemcpyDtoH_v2" (*mut c_void, DeviceAddress, usize);
        launch = "cuLaunchKernel" (Handle, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, Handle, *mut *mut c_void, *mut *mut c_void);
    }
    optional {
        release = "cuDevicePrimaryCtxRelease_v2" (DeviceHandle);
        // Drivers before CUDA 11 have only the first form, with the same arguments.
        release_before_11 = "cuDevicePrimaryCtxRelease" (DeviceHandle);
        uuid = "cuDeviceGetUuid" (*mut [u8; 16], DeviceHandle);
        instance_uuid = "cuDeviceGetUuid_v2" (*mut [u8; 16], DeviceHandle);
        memory_info = "cuMemGetInfo_v2" (*mut usize, *mut usize);
        error_name = "cuGetErrorName" (Status, *mut *const c_char);
        error_text = "cuGetErrorString" (Status, *mut *const c_char);
    }
}
