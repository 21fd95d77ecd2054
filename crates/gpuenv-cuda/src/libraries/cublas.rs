//! cuBLAS: one product of matrices of whole numbers, which every way of adding
//! up gives exactly.
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

/// Rows of the result, its columns, and what is summed over: no round numbers.
const M: usize = 70;
const N: usize = 43;
const K: usize = 57;

/// Small enough that TF32 holds it and single precision its sums.
const LARGEST: i32 = 15;

type Create = unsafe extern "C" fn(*mut *mut c_void) -> c_int;
type Destroy = unsafe extern "C" fn(*mut c_void) -> c_int;
#[rustfmt::skip]
type Sgemm = unsafe extern "C" fn(
    *mut c_void, c_int, c_int, c_int, c_int, c_int,
    *const f32, u64, c_int, u64, c_int, *const f32, u64, c_int,
) -> c_int;

/// Multiplies and compares.
pub(super) fn multiply(
    library: &Handle<'_>,
    context: &Context<'_>,
    seen: &mut Library,
) -> Result<(), Stopped> {
    // SAFETY: the types of `cublas_api.h` for these names.
    let (create, destroy, sgemm) = unsafe {
        (
            library.function::<Create>("cublasCreate_v2")?,
            library.function::<Destroy>("cublasDestroy_v2")?,
            library.function::<Sgemm>("cublasSgemm_v2")?,
        )
    };
    let mut random = SplitMix(seed());
    let mut matrix = |size| -> Vec<f32> {
        let number = |_| random.between(-LARGEST, LARGEST);
        (0..size).map(number).collect()
    };
    let (a, b) = (matrix(M * K), matrix(K * N));
    let mut handle = ptr::null_mut();
    // SAFETY: the place is ours.
    library.call("cublasCreate_v2", || unsafe { create(&mut handle) })?;
    let there = (
        context.allocate(a.len())?,
        context.allocate(b.len())?,
        context.allocate(M * N)?,
    );
    there.0.upload(&a)?;
    there.1.upload(&b)?;
    let (one, zero) = (1.0f32, 0.0f32);
    let [m, n, k] = [M, N, K].map(|size| size as c_int);
    library.call("cublasSgemm_v2", || {
        let addresses = (there.0.address(), there.1.address(), there.2.address());
        // SAFETY: three matrices by columns, of the sizes that are said, in the
        // memory of the current context.
        unsafe {
            #[rustfmt::skip]
            let status = sgemm(
                handle, 0, 0, m, n, k,
                &one, addresses.0, m, addresses.1, k, &zero, addresses.2, m,
            );
            status
        }
    })?;
    context.synchronize()?;
    let mut found = vec![f32::NAN; M * N];
    there.2.download(&mut found)?;
    // SAFETY: made above and not yet given back.
    library.call("cublasDestroy_v2", || unsafe { destroy(handle) })?;
    seen.comparison = Some(compare(&product(&a, &b), &found));
    Ok(())
}

/// Multiplies on the CPU, by columns.
fn product(a: &[f32], b: &[f32]) -> Vec<f32> {
    let element = |index: usize| {
        let (column, row) = (index / M, index % M);
        (0..K).map(|k| a[k * M + row] * b[column * K + k]).sum()
    };
    (0..M * N).map(element).collect()
}
