//! The walk over memory: a part of what is free is filled with a pattern, then
//! with its complement, and looked through each time.

use std::ffi::CStr;

use gpuenv_core::probe::{MemoryWalk, WrongElement};

use crate::{
    context::{Argument, Buffer, Context, Grid, Module},
    driver::CallFailed,
};

/// The kernels' names in the text.
pub(crate) const FILL: &CStr = c"gpuenv_fill";
pub(crate) const CHECK: &CStr = c"gpuenv_check";

/// This part of what is free is walked over.
const PART: u64 = 256;

/// At most so many bytes: enough for the largest GPUs, and words that an index
/// of 32 bits counts.
const MOST: u64 = 2 << 30;

/// Less than this is not worth a walk.
const LEAST: u64 = 1 << 20;

/// Many blocks of many threads: the memory's speed is the limit.
const GRID: Grid = (1024, 1, 256);

/// The pattern and its complement, so that every bit is both.
const FLIPS: [u32; 2] = [0, u32::MAX];

/// Returns the word that the kernels write; `flip` turns bits round.
pub(crate) fn pattern(index: u32, seed: u32, flip: u32) -> u32 {
    let mixed = index.wrapping_add(seed).wrapping_mul(0x9e37_79b1);
    mixed ^ (mixed >> 15) ^ flip
}

/// Walks over a part of the free memory; `None` where too little is free.
pub(crate) fn walk(
    context: &Context<'_>,
    module: &Module<'_>,
    seed: u64,
) -> Result<Option<MemoryWalk>, CallFailed> {
    let free = context.free_memory().unwrap_or(0);
    let bytes = (free / PART).min(MOST) / 4 * 4;
    if bytes < LEAST {
        return Ok(None);
    }
    let words = (bytes / 4) as u32;
    let memory = context.allocate(words as usize)?;
    let mut walk = MemoryWalk {
        bytes,
        wrong: 0,
        first_wrong: None,
    };
    for flip in FLIPS {
        let arguments = [
            Argument::Address(&memory),
            Argument::Word(words),
            Argument::Word(seed as u32),
            Argument::Word(flip),
        ];
        module.launch(FILL, GRID, &arguments)?;
        let (wrong, first) = look_through(context, module, &arguments)?;
        walk.wrong += u64::from(wrong);
        if wrong > 0 && walk.first_wrong.is_none() {
            walk.first_wrong = Some(wrong_word(&memory, first, seed as u32, flip)?);
        }
    }
    Ok(Some(walk))
}

fn look_through(
    context: &Context<'_>,
    module: &Module<'_>,
    filled: &[Argument<'_>],
) -> Result<(u32, u32), CallFailed> {
    let result = context.allocate(2)?;
    result.upload(&[0, u32::MAX].map(f32::from_bits))?;
    let mut arguments = filled.to_vec();
    arguments.push(Argument::Address(&result));
    module.launch(CHECK, GRID, &arguments)?;
    context.synchronize()?;
    Ok((result.word(0)?, result.word(1)?))
}

fn wrong_word(
    memory: &Buffer<'_>,
    index: u32,
    seed: u32,
    flip: u32,
) -> Result<WrongElement, CallFailed> {
    Ok(WrongElement {
        index: u64::from(index),
        expected: format!("{:#010x}", pattern(index, seed, flip)),
        found: format!("{:#010x}", memory.word(index)?),
    })
}
