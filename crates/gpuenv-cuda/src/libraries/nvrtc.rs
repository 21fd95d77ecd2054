//! NVRTC: the probe's kernel, compiled by the environment's own compiler and
//! loaded by the machine's driver. Where the compiler is newer than the driver,
//! the driver answers 222.
#![expect(unsafe_code, reason = "the library speaks C")]

use std::{
    ffi::{CString, c_char, c_int, c_void},
    ptr,
};

use gpuenv_core::probe::Library;

use super::{
    handle::{Handle, Stopped},
    seed,
};
use crate::{context::Context, device::saxpy, driver::printable, kernel::Workload};

/// The same kernel as the driver level's, in CUDA C++.
const SOURCE: &std::ffi::CStr = c"
extern \"C\" __global__ void gpuenv_rotated_saxpy(
    float* y, const float* x, float factor, unsigned length, unsigned rounds, unsigned step)
{
    for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < length;
         i += blockDim.x * gridDim.x) {
        float sum = y[i];
        unsigned j = i;
        for (unsigned k = 0; k < rounds; ++k) {
            sum += factor * x[j];
            j += step;
            if (j >= length) j -= length;
        }
        y[i] = sum;
    }
}
";

/// No text that is larger is read back.
const MOST: usize = 16 << 20;

type Program = *mut c_void;
#[rustfmt::skip]
type Create = unsafe extern "C" fn(
    *mut Program, *const c_char, *const c_char, c_int, *const *const c_char, *const *const c_char,
) -> c_int;
type Compile = unsafe extern "C" fn(Program, c_int, *const *const c_char) -> c_int;
type Size = unsafe extern "C" fn(Program, *mut usize) -> c_int;
type Read = unsafe extern "C" fn(Program, *mut c_char) -> c_int;
type Numbers = unsafe extern "C" fn(*mut c_int) -> c_int;

/// Compiles, and with a GPU runs and compares.
pub(super) fn compile(
    library: &Handle<'_>,
    context: Option<&Context<'_>>,
    seen: &mut Library,
) -> Result<(), Stopped> {
    let capability = context.and_then(Context::capability);
    let ptx = translate(library, capability, seen)?;
    let Some(context) = context else {
        return Ok(());
    };
    let workload = Workload::grow(seed(), 0);
    let (found, log) = saxpy(context, &ptx, &workload, &mut Vec::new());
    seen.log = log;
    seen.comparison = Some(workload.compare(&found?));
    Ok(())
}

fn translate(
    library: &Handle<'_>,
    capability: Option<i32>,
    seen: &mut Library,
) -> Result<CString, Stopped> {
    // SAFETY: the types of `nvrtc.h` for these names.
    let (create, compile) = unsafe {
        (
            library.function::<Create>("nvrtcCreateProgram")?,
            library.function::<Compile>("nvrtcCompileProgram")?,
        )
    };
    let mut program = ptr::null_mut();
    library.call("nvrtcCreateProgram", || {
        let (name, none) = (c"gpuenv.cu".as_ptr(), ptr::null());
        // SAFETY: the place is ours; two texts that end with a zero; no headers.
        unsafe { create(&mut program, SOURCE.as_ptr(), name, 0, none, none) }
    })?;
    let architecture = architecture(library, capability)?;
    let option = architecture.map(|number| format!("--gpu-architecture=compute_{number}\0"));
    let options: Vec<*const c_char> = option.iter().map(|text| text.as_ptr().cast()).collect();
    let compiled = library.call("nvrtcCompileProgram", || {
        let count = options.len() as c_int;
        // SAFETY: as many options as is said, which end with a zero.
        unsafe { compile(program, count, options.as_ptr()) }
    });
    if compiled.is_err() {
        let log = text(
            library,
            program,
            ["nvrtcGetProgramLogSize", "nvrtcGetProgramLog"],
        );
        seen.log = log.ok().map(|log| printable(log.as_bytes()));
        return Err(Stopped::Failed);
    }
    text(library, program, ["nvrtcGetPTXSize", "nvrtcGetPTX"])
}

/// Chooses the latest architecture that the compiler knows and the GPU is, or
/// without a GPU the first one.
fn architecture(library: &Handle<'_>, capability: Option<i32>) -> Result<Option<i32>, Stopped> {
    // SAFETY: the types of `nvrtc.h` for these names, since 11.2.
    let functions = unsafe {
        (
            library.function::<Numbers>("nvrtcGetNumSupportedArchs"),
            library.function::<Numbers>("nvrtcGetSupportedArchs"),
        )
    };
    let (Ok(count_of), Ok(list)) = functions else {
        return Ok(capability);
    };
    let mut count = 0;
    // SAFETY: the place is ours.
    library.call("nvrtcGetNumSupportedArchs", || unsafe {
        count_of(&mut count)
    })?;
    let mut known = vec![0; usize::try_from(count).unwrap_or(0).min(1024)];
    if known.len() as i64 != i64::from(count) || known.is_empty() {
        return Ok(capability);
    }
    // SAFETY: room for as many numbers as the library said.
    library.call("nvrtcGetSupportedArchs", || unsafe {
        list(known.as_mut_ptr())
    })?;
    known.sort_unstable();
    let fits = known
        .iter()
        .rev()
        .find(|known| capability.is_some_and(|c| **known <= c));
    Ok(fits.or(known.first()).copied())
}

fn text(
    library: &Handle<'_>,
    program: Program,
    [size_name, read_name]: [&str; 2],
) -> Result<CString, Stopped> {
    // SAFETY: the types of `nvrtc.h` for these names.
    let (size_of, read) = unsafe {
        (
            library.function::<Size>(size_name)?,
            library.function::<Read>(read_name)?,
        )
    };
    let mut size = 0;
    // SAFETY: the place is ours.
    library.call(size_name, || unsafe { size_of(program, &mut size) })?;
    let mut bytes = vec![0u8; size.clamp(1, MOST)];
    if size > bytes.len() {
        return Err(Stopped::Failed);
    }
    // SAFETY: room for as many bytes as the library said.
    library.call(read_name, || unsafe {
        read(program, bytes.as_mut_ptr().cast())
    })?;
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    bytes.truncate(end);
    CString::new(bytes).map_err(|_| Stopped::Failed)
}
