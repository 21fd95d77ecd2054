//! cuDNN: one small convolution of whole numbers.
#![expect(unsafe_code, reason = "the library speaks C")]

use std::{
    ffi::{c_int, c_void},
    ptr,
};

use gpuenv_core::probe::Library;

use super::{
    handle::{Handle, Stopped},
    seed,
};
use crate::{
    context::Context,
    kernel::{SplitMix, compare},
};

/// Channels in and out, width and height of the image, of the filter, of the result.
const CHANNELS: usize = 3;
const FILTERS: usize = 5;
const IMAGE: usize = 17;
const FILTER: usize = 3;
const RESULT: usize = IMAGE - FILTER + 1;

/// Small enough that TF32 holds it and single precision its sums.
const LARGEST: i32 = 15;

/// `CUDNN_TENSOR_NCHW`, `CUDNN_DATA_FLOAT`, `CUDNN_CROSS_CORRELATION`, and the
/// algorithm that every GPU has: `…_ALGO_IMPLICIT_GEMM`.
const NCHW: c_int = 0;
const FLOAT: c_int = 0;
const CROSS_CORRELATION: c_int = 1;
const IMPLICIT_GEMM: c_int = 0;

type Make = unsafe extern "C" fn(*mut *mut c_void) -> c_int;
type End = unsafe extern "C" fn(*mut c_void) -> c_int;
type Describe =
    unsafe extern "C" fn(*mut c_void, c_int, c_int, c_int, c_int, c_int, c_int) -> c_int;
#[rustfmt::skip]
type DescribeConvolution = unsafe extern "C" fn(
    *mut c_void, c_int, c_int, c_int, c_int, c_int, c_int, c_int, c_int,
) -> c_int;
#[rustfmt::skip]
type RoomFor = unsafe extern "C" fn(
    *mut c_void, *mut c_void, *mut c_void, *mut c_void, *mut c_void, c_int, *mut usize,
) -> c_int;
#[rustfmt::skip]
type Forward = unsafe extern "C" fn(
    *mut c_void, *const f32, *mut c_void, u64, *mut c_void, u64, *mut c_void, c_int,
    u64, usize, *const f32, *mut c_void, u64,
) -> c_int;

/// What describes a convolution.
struct Descriptors {
    image: *mut c_void,
    filter: *mut c_void,
    convolution: *mut c_void,
    result: *mut c_void,
}

/// Convolves and compares.
pub(super) fn convolve(
    library: &Handle<'_>,
    context: &Context<'_>,
    seen: &mut Library,
) -> Result<(), Stopped> {
    // SAFETY: the types of `cudnn.h` for these names, since version 6.
    let (destroy, room_for, forward) = unsafe {
        (
            library.function::<End>("cudnnDestroy")?,
            library.function::<RoomFor>("cudnnGetConvolutionForwardWorkspaceSize")?,
            library.function::<Forward>("cudnnConvolutionForward")?,
        )
    };
    let mut random = SplitMix(seed());
    let mut numbers = |size| -> Vec<f32> {
        let number = |_| random.between(-LARGEST, LARGEST);
        (0..size).map(number).collect()
    };
    let image = numbers(CHANNELS * IMAGE * IMAGE);
    let filter = numbers(FILTERS * CHANNELS * FILTER * FILTER);
    let handle = make(library, "cudnnCreate")?;
    let parts = describe(library)?;
    let there = (
        context.allocate(image.len())?,
        context.allocate(filter.len())?,
        context.allocate(FILTERS * RESULT * RESULT)?,
    );
    there.0.upload(&image)?;
    there.1.upload(&filter)?;
    let mut room = 0;
    #[rustfmt::skip]
    library.call("cudnnGetConvolutionForwardWorkspaceSize", || unsafe {
        // SAFETY: descriptors that were made for this; the place is ours.
        room_for(
            handle, parts.image, parts.filter, parts.convolution, parts.result,
            IMPLICIT_GEMM, &mut room,
        )
    })?;
    let workspace = match room {
        0 => None,
        _ => Some(context.allocate(room.div_ceil(size_of::<f32>()))?),
    };
    let workspace = workspace.as_ref().map_or(0, |buffer| buffer.address());
    let (one, zero) = (1.0f32, 0.0f32);
    #[rustfmt::skip]
    library.call("cudnnConvolutionForward", || unsafe {
        // SAFETY: buffers of the sizes that the descriptors say, in the memory
        // of the current context.
        forward(
            handle, &one, parts.image, there.0.address(), parts.filter, there.1.address(),
            parts.convolution, IMPLICIT_GEMM, workspace, room, &zero, parts.result,
            there.2.address(),
        )
    })?;
    context.synchronize()?;
    let mut found = vec![f32::NAN; FILTERS * RESULT * RESULT];
    there.2.download(&mut found)?;
    // SAFETY: made above and not yet given back. The descriptors are memory of
    // this process, which ends soon.
    library.call("cudnnDestroy", || unsafe { destroy(handle) })?;
    seen.comparison = Some(compare(&convolution(&image, &filter), &found));
    Ok(())
}

fn make(library: &Handle<'_>, name: &str) -> Result<*mut c_void, Stopped> {
    let mut made = ptr::null_mut();
    // SAFETY: the type that `cudnn.h` gives everything that is made this way.
    let make = unsafe { library.function::<Make>(name)? };
    // SAFETY: the place is ours.
    library.call(name, || unsafe { make(&mut made) })?;
    Ok(made)
}

fn describe(library: &Handle<'_>) -> Result<Descriptors, Stopped> {
    let parts = Descriptors {
        image: make(library, "cudnnCreateTensorDescriptor")?,
        filter: make(library, "cudnnCreateFilterDescriptor")?,
        convolution: make(library, "cudnnCreateConvolutionDescriptor")?,
        result: make(library, "cudnnCreateTensorDescriptor")?,
    };
    // SAFETY: the types of `cudnn.h` for these names.
    let (tensor, filter, convolution) = unsafe {
        (
            library.function::<Describe>("cudnnSetTensor4dDescriptor")?,
            library.function::<Describe>("cudnnSetFilter4dDescriptor")?,
            library.function::<DescribeConvolution>("cudnnSetConvolution2dDescriptor")?,
        )
    };
    let [channels, filters, image, width, result] =
        [CHANNELS, FILTERS, IMAGE, FILTER, RESULT].map(|size| size as c_int);
    // SAFETY: descriptors that were just made, of the kinds that are said.
    unsafe {
        library.call("cudnnSetTensor4dDescriptor", || {
            tensor(parts.image, NCHW, FLOAT, 1, channels, image, image)
        })?;
        library.call("cudnnSetTensor4dDescriptor", || {
            tensor(parts.result, NCHW, FLOAT, 1, filters, result, result)
        })?;
        // Type and form stand the other way round here.
        library.call("cudnnSetFilter4dDescriptor", || {
            filter(parts.filter, FLOAT, NCHW, filters, channels, width, width)
        })?;
        library.call("cudnnSetConvolution2dDescriptor", || {
            let mode = CROSS_CORRELATION;
            convolution(parts.convolution, 0, 0, 1, 1, 1, 1, mode, FLOAT)
        })?;
    }
    Ok(parts)
}

/// Convolves on the CPU.
fn convolution(image: &[f32], filter: &[f32]) -> Vec<f32> {
    let element = |index: usize| {
        let (out, rest) = (index / (RESULT * RESULT), index % (RESULT * RESULT));
        let (y, x) = (rest / RESULT, rest % RESULT);
        let mut sum = 0.0;
        for channel in 0..CHANNELS {
            for dy in 0..FILTER {
                for dx in 0..FILTER {
                    let pixel = image[(channel * IMAGE + y + dy) * IMAGE + x + dx];
                    let weight = filter[((out * CHANNELS + channel) * FILTER + dy) * FILTER + dx];
                    sum += pixel * weight;
                }
            }
        }
        sum
    };
    (0..FILTERS * RESULT * RESULT).map(element).collect()
}
