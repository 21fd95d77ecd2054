//! The second kernel: a product of matrices, by blocks that share memory.

use std::ffi::CStr;

use gpuenv_core::probe::Comparison;

use crate::{
    context::{Argument, Context, Module},
    driver::CallFailed,
    kernel::{SplitMix, compare},
};

/// The kernel's name in the text.
pub(crate) const ENTRY: &CStr = c"gpuenv_tiled_product";

/// Rows and columns of a tile; the kernel is written for this.
pub(crate) const TILE: u32 = 16;

/// Rows and columns of the matrices.
const SIZE: u32 = 256;

/// The numbers lie between minus and plus this: no sum reaches 2^24.
const LARGEST: i32 = 15;

/// Two matrices of whole numbers, by rows.
pub(crate) struct Factors {
    pub(crate) size: u32,
    pub(crate) a: Vec<f32>,
    pub(crate) b: Vec<f32>,
}

impl Factors {
    /// Makes the matrices that grow from the seed.
    pub(crate) fn grow(seed: u64) -> Self {
        Self::of_size(seed, SIZE)
    }

    pub(crate) fn of_size(seed: u64, size: u32) -> Self {
        let mut random = SplitMix(seed.rotate_left(17));
        let mut matrix = || -> Vec<f32> {
            let number = |_| random.between(-LARGEST, LARGEST);
            (0..size * size).map(number).collect()
        };
        let (a, b) = (matrix(), matrix());
        Self { size, a, b }
    }

    /// Multiplies on the CPU. All sums are whole numbers below 2^24.
    pub(crate) fn product(&self) -> Vec<f32> {
        let size = self.size as usize;
        let mut sums = vec![0.0; size * size];
        for (row, of_row) in sums.chunks_mut(size).enumerate() {
            for k in 0..size {
                let factor = self.a[row * size + k];
                let others = &self.b[k * size..][..size];
                for (sum, other) in of_row.iter_mut().zip(others) {
                    *sum += factor * other;
                }
            }
        }
        sums
    }
}

/// Multiplies on the device and compares; the module must be the text's.
pub(crate) fn multiply(
    context: &Context<'_>,
    module: &Module<'_>,
    seed: u64,
) -> Result<Comparison, CallFailed> {
    let factors = Factors::grow(seed);
    let (a, b) = (
        context.allocate(factors.a.len())?,
        context.allocate(factors.b.len())?,
    );
    let c = context.allocate(factors.a.len())?;
    a.upload(&factors.a)?;
    b.upload(&factors.b)?;
    let tiles = factors.size / TILE;
    let arguments = [
        Argument::Address(&c),
        Argument::Address(&a),
        Argument::Address(&b),
        Argument::Word(factors.size),
    ];
    module.launch(ENTRY, (tiles, tiles, TILE * TILE), &arguments)?;
    context.synchronize()?;
    let mut found = vec![f32::NAN; factors.a.len()];
    c.download(&mut found)?;
    Ok(compare(&factors.product(), &found))
}
