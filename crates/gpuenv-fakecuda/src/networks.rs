//! A stand-in for cuDNN: descriptors that remember, and one convolution.
#![expect(
    unsafe_code,
    reason = "a C library trusts the pointers that its callers hand over"
)]

use std::{
    collections::HashMap,
    ffi::{c_int, c_void},
    ptr,
    sync::{LazyLock, Mutex, PoisonError},
};

use crate::{
    driver_beside::{read, write},
    libraries::spoil,
    stage::enter_uninitialised,
};

const BAD_PARAMETER: i32 = 3;

/// What each descriptor was told.
static SHAPES: LazyLock<Mutex<HashMap<usize, [usize; 4]>>> = LazyLock::new(Mutex::default);

fn shape(descriptor: *mut c_void) -> Result<[usize; 4], i32> {
    let shapes = SHAPES.lock().unwrap_or_else(PoisonError::into_inner);
    shapes.get(&descriptor.addr()).copied().ok_or(BAD_PARAMETER)
}

fn make(call: &'static str, place: *mut *mut c_void) -> c_int {
    enter_uninitialised(call, |_| {
        if place.is_null() {
            return Err(BAD_PARAMETER);
        }
        let mut shapes = SHAPES.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = 0x5000_0000 + 16 * shapes.len();
        shapes.insert(handle, [0; 4]);
        // SAFETY: a place for one handle, and not null.
        unsafe { place.write(ptr::without_provenance_mut(handle)) };
        Ok(String::new())
    })
}

fn describe(call: &'static str, descriptor: *mut c_void, sizes: [c_int; 4]) -> c_int {
    enter_uninitialised(call, |_| {
        shape(descriptor)?;
        let sizes = sizes.map(|size| usize::try_from(size).unwrap_or(0));
        let mut shapes = SHAPES.lock().unwrap_or_else(PoisonError::into_inner);
        shapes.insert(descriptor.addr(), sizes);
        Ok(format!("{sizes:?}"))
    })
}

#[unsafe(no_mangle)]
extern "C" fn cudnnGetVersion() -> usize {
    90100
}

#[unsafe(no_mangle)]
extern "C" fn cudnnCreate(handle: *mut *mut c_void) -> c_int {
    make("cudnnCreate", handle)
}

#[unsafe(no_mangle)]
extern "C" fn cudnnDestroy(_handle: *mut c_void) -> c_int {
    enter_uninitialised("cudnnDestroy", |_| Ok(String::new()))
}

#[unsafe(no_mangle)]
extern "C" fn cudnnCreateTensorDescriptor(place: *mut *mut c_void) -> c_int {
    make("cudnnCreateTensorDescriptor", place)
}

#[unsafe(no_mangle)]
extern "C" fn cudnnCreateFilterDescriptor(place: *mut *mut c_void) -> c_int {
    make("cudnnCreateFilterDescriptor", place)
}

#[unsafe(no_mangle)]
extern "C" fn cudnnCreateConvolutionDescriptor(place: *mut *mut c_void) -> c_int {
    make("cudnnCreateConvolutionDescriptor", place)
}

#[unsafe(no_mangle)]
#[rustfmt::skip]
extern "C" fn cudnnSetTensor4dDescriptor(
    descriptor: *mut c_void, format: c_int, kind: c_int, n: c_int, c: c_int, h: c_int, w: c_int,
) -> c_int {
    if (format, kind) != (0, 0) {
        return BAD_PARAMETER;
    }
    describe("cudnnSetTensor4dDescriptor", descriptor, [n, c, h, w])
}

#[unsafe(no_mangle)]
#[rustfmt::skip]
extern "C" fn cudnnSetFilter4dDescriptor(
    descriptor: *mut c_void, kind: c_int, format: c_int, k: c_int, c: c_int, h: c_int, w: c_int,
) -> c_int {
    if (format, kind) != (0, 0) {
        return BAD_PARAMETER;
    }
    describe("cudnnSetFilter4dDescriptor", descriptor, [k, c, h, w])
}

#[unsafe(no_mangle)]
#[rustfmt::skip]
extern "C" fn cudnnSetConvolution2dDescriptor(
    descriptor: *mut c_void, pad_h: c_int, pad_w: c_int, step_h: c_int, step_w: c_int,
    dilation_h: c_int, dilation_w: c_int, mode: c_int, kind: c_int,
) -> c_int {
    if [pad_h, pad_w, step_h, step_w, dilation_h, dilation_w, mode, kind] != [0, 0, 1, 1, 1, 1, 1, 0] {
        return BAD_PARAMETER;
    }
    describe("cudnnSetConvolution2dDescriptor", descriptor, [1; 4])
}

#[unsafe(no_mangle)]
#[rustfmt::skip]
extern "C" fn cudnnGetConvolutionForwardWorkspaceSize(
    _handle: *mut c_void, image: *mut c_void, filter: *mut c_void, convolution: *mut c_void,
    result: *mut c_void, _algorithm: c_int, size: *mut usize,
) -> c_int {
    enter_uninitialised("cudnnGetConvolutionForwardWorkspaceSize", |_| {
        for descriptor in [image, filter, convolution, result] {
            shape(descriptor)?;
        }
        if size.is_null() {
            return Err(BAD_PARAMETER);
        }
        // SAFETY: a place for one number, and not null.
        unsafe { size.write(1001) };
        Ok(String::new())
    })
}

#[unsafe(no_mangle)]
#[rustfmt::skip]
extern "C" fn cudnnConvolutionForward(
    _handle: *mut c_void, _alpha: *const f32, image: *mut c_void, image_at: u64,
    filter: *mut c_void, filter_at: u64, _convolution: *mut c_void, _algorithm: c_int,
    workspace: u64, room: usize, _beta: *const f32, result: *mut c_void, result_at: u64,
) -> c_int {
    enter_uninitialised("cudnnConvolutionForward", |machine| {
        let ([_, c, h, w], [k, of, fh, fw]) = (shape(image)?, shape(filter)?);
        let [_, filters, rh, rw] = shape(result)?;
        if of != c || filters != k || (rh, rw) != (h - fh + 1, w - fw + 1) || workspace == 0 || room != 1001 {
            return Err(BAD_PARAMETER);
        }
        let (pixels, weights) = (read(image_at, c * h * w)?, read(filter_at, k * c * fh * fw)?);
        let mut sums = vec![0.0; k * rh * rw];
        for (index, sum) in sums.iter_mut().enumerate() {
            let (out, y, x) = (index / (rh * rw), index / rw % rh, index % rw);
            for part in 0..c * fh * fw {
                let (channel, dy, dx) = (part / (fh * fw), part / fw % fh, part % fw);
                let pixel = pixels[(channel * h + y + dy) * w + x + dx];
                *sum += pixel * weights[out * c * fh * fw + part];
            }
        }
        spoil(machine.script.wrong_library.as_deref(), "cudnn", &mut sums);
        write(result_at, &sums)?;
        Ok(String::new())
    })
}
