//! The kernel, the data for it, and its twin on the CPU.

use std::{
    ffi::CStr,
    hash::{BuildHasher, Hasher, RandomState},
};

use gpuenv_core::probe::{Comparison, WrongElement};

/// The text that the driver compiles.
pub(crate) const PTX: &CStr = {
    let text = concat!(include_str!("../kernels/rotated_saxpy.ptx"), "\0");
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text,
        Err(_) => panic!("the text holds a zero"),
    }
};

/// The kernel's name in the text.
pub(crate) const ENTRY: &CStr = c"gpuenv_rotated_saxpy";

/// Elements per vector: more than a million, and no multiple of a block.
const LENGTH: u32 = (1 << 20) + 37;

/// How often each element is added to.
const ROUNDS: u32 = 8;

/// The numbers lie between minus and plus this.
const LARGEST: i32 = 1023;

/// The factor lies between 1 and this.
const LARGEST_FACTOR: i32 = 15;

/// Threads per block.
pub(crate) const BLOCK: u32 = 256;

/// Blocks of the grid: fewer threads than elements, so that they must stride.
pub(crate) const BLOCKS: u32 = 256;

/// The text with the other three kernels.
pub(crate) const MORE_PTX: &CStr = {
    let text = concat!(include_str!("../kernels/product_and_memory.ptx"), "\0");
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text,
        Err(_) => panic!("the text holds a zero"),
    }
};

/// What one run of the kernel works on.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    pub(crate) y: Vec<f32>,
    pub(crate) x: Vec<f32>,
    pub(crate) factor: f32,
    pub(crate) rounds: u32,
    pub(crate) step: u32,
}

impl Workload {
    /// Makes the data that grow from the seed, fresh for each device.
    pub(crate) fn grow(seed: u64, device: u32) -> Self {
        Self::of_length(seed, device, LENGTH)
    }

    /// Makes data of that length.
    pub(crate) fn of_length(seed: u64, device: u32, length: u32) -> Self {
        let mut random = SplitMix(seed ^ u64::from(device).rotate_left(32));
        let mut vector = || {
            (0..length)
                .map(|_| random.between(-LARGEST, LARGEST))
                .collect()
        };
        let (y, x) = (vector(), vector());
        Self {
            y,
            x,
            factor: random.between(1, LARGEST_FACTOR),
            rounds: ROUNDS,
            step: 1 + (random.next() % u64::from(length - 1)) as u32,
        }
    }

    /// Computes on the CPU what the kernel must leave in `y`.
    ///
    /// All sums are integers below 2^24, so single precision is exact, and a
    /// fused multiply-add gives the same as a multiplication and an addition.
    pub(crate) fn expected(&self) -> Vec<f32> {
        let mut sums = self.y.clone();
        for round in 0..self.rounds as usize {
            let start = round * self.step as usize % self.x.len();
            let rotated = self.x[start..].iter().chain(&self.x[..start]);
            for (sum, x) in sums.iter_mut().zip(rotated) {
                *sum += self.factor * x;
            }
        }
        sums
    }

    /// Compares every element of a result with the CPU's.
    pub(crate) fn compare(&self, found: &[f32]) -> Comparison {
        compare(&self.expected(), found)
    }
}

/// Compares every element of a result with the right one, to the bit.
pub(crate) fn compare(expected: &[f32], found: &[f32]) -> Comparison {
    let pairs = || expected.iter().zip(found).enumerate();
    let mut wrong = pairs().filter(|(_, (expected, found))| expected.to_bits() != found.to_bits());
    let first_wrong = wrong.next().map(|(index, (expected, found))| WrongElement {
        index: index as u64,
        expected: expected.to_string(),
        found: found.to_string(),
    });
    Comparison {
        elements: pairs().len() as u64,
        wrong: wrong.count() as u64 + u64::from(first_wrong.is_some()),
        first_wrong,
    }
}

/// Draws a seed from the system's randomness.
pub(crate) fn fresh_seed() -> u64 {
    // The standard library keys its hash maps from the system's generator.
    RandomState::new().build_hasher().finish()
}

/// SplitMix64: small, known, and the same on every machine.
pub(crate) struct SplitMix(pub(crate) u64);

impl SplitMix {
    /// Returns the next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a whole number between two, both included.
    pub(crate) fn between(&mut self, low: i32, high: i32) -> f32 {
        let width = i64::from(high) - i64::from(low) + 1;
        let offset = (self.next() % width.unsigned_abs()) as i32;
        (low + offset) as f32
    }
}

#[cfg(test)]
mod ptx;
#[cfg(test)]
mod tests;
