//! The twins of the probe's other kernels, and what a launch hands them.

use crate::{
    kernel::Scalars,
    machine::{Answer, INVALID_VALUE, Machine},
    work::Grid,
};

/// The names by which a module's text must offer them.
pub(crate) const PRODUCT: &str = "gpuenv_tiled_product";
pub(crate) const FILL: &str = "gpuenv_fill";
pub(crate) const CHECK: &str = "gpuenv_check";

/// Rows and columns of a tile of the product.
const TILE: u32 = 16;

/// A launch, with its arguments.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Launch {
    Saxpy(u64, u64, Scalars),
    Product { c: u64, a: u64, b: u64, size: u32 },
    Fill(Pattern),
    Check(Pattern, u64),
}

/// A stretch of memory, and what is or should be in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pattern {
    pub(crate) address: u64,
    pub(crate) words: u32,
    pub(crate) seed: u32,
    pub(crate) flip: u32,
}

impl Pattern {
    fn word(self, index: u32) -> u32 {
        let mixed = index.wrapping_add(self.seed).wrapping_mul(0x9e37_79b1);
        mixed ^ (mixed >> 15) ^ self.flip
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    let word = |four: &[u8]| u32::from_ne_bytes([four[0], four[1], four[2], four[3]]);
    bytes.chunks_exact(4).map(word)
}

fn numbers(bytes: &[u8]) -> Vec<f32> {
    words(bytes).map(f32::from_bits).collect()
}

impl Machine {
    /// Runs the product; `None` where a thread would leave its memory.
    pub(crate) fn product(
        &mut self,
        context: u64,
        grid: Grid,
        (c, a, b): (u64, u64, u64),
        size: u32,
    ) -> Answer<Option<()>> {
        let tiles = size / TILE;
        if grid != [tiles, tiles, 1, TILE * TILE, 1, 1] || !size.is_multiple_of(TILE) {
            return self.misuse(INVALID_VALUE, "a product with a grid that is not its own");
        }
        let size = size as usize;
        let length = 4 * size * size;
        let factor = |address| self.memory.stretch(context, address, length).map(numbers);
        let (Some(a), Some(b)) = (factor(a), factor(b)) else {
            return Ok(None);
        };
        let Some(result) = self.memory.stretch_mut(context, c, length) else {
            return Ok(None);
        };
        for (index, place) in result.chunks_exact_mut(4).enumerate() {
            let (row, column) = (index / size, index % size);
            let sum: f32 = (0..size)
                .map(|k| a[row * size + k] * b[k * size + column])
                .sum();
            place.copy_from_slice(&sum.to_ne_bytes());
        }
        if self.script.wrong_product
            && let Some(first) = result.first_mut()
        {
            *first ^= 1;
        }
        Ok(Some(()))
    }

    /// Writes a pattern, and has one bit stick where the script says so.
    pub(crate) fn fill(&mut self, context: u64, pattern: Pattern) -> Option<()> {
        let stuck_at = self.script.stuck_bit;
        let length = 4 * pattern.words as usize;
        let memory = self.memory.stretch_mut(context, pattern.address, length)?;
        for (index, place) in (0..).zip(memory.chunks_exact_mut(4)) {
            // A cell that always holds a one.
            let stuck = u32::from(stuck_at == Some(u64::from(index)));
            place.copy_from_slice(&(pattern.word(index) | stuck).to_ne_bytes());
        }
        Some(())
    }

    /// Counts what differs from a pattern.
    pub(crate) fn check(&mut self, context: u64, pattern: Pattern, result: u64) -> Option<()> {
        let length = 4 * pattern.words as usize;
        let memory = self.memory.stretch(context, pattern.address, length)?;
        let (mut wrong, mut first) = (0u32, u32::MAX);
        for (index, word) in (0..).zip(words(memory)) {
            if word != pattern.word(index) {
                wrong += 1;
                first = first.min(index);
            }
        }
        let place = self.memory.stretch_mut(context, result, 8)?;
        let old: Vec<u32> = words(place).collect();
        place[..4].copy_from_slice(&(old[0] + wrong).to_ne_bytes());
        place[4..].copy_from_slice(&old[1].min(first).to_ne_bytes());
        Some(())
    }
}
