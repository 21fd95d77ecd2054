//! The memory of the devices: blocks that know their context and their bounds.

use std::collections::BTreeMap;

/// Where device addresses begin: nothing of the host lies there.
const FIRST_ADDRESS: u64 = 0x7_0000_0000_0000;

/// What separates two blocks, so that a stride over the end hits nothing.
const GAP: u64 = 1 << 20;

/// All blocks of all devices.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    blocks: BTreeMap<u64, Block>,
    handed_out: u64,
}

#[derive(Debug)]
struct Block {
    context: u64,
    bytes: Vec<u8>,
}

impl Memory {
    /// Makes a block and returns its address.
    pub(crate) fn allocate(&mut self, context: u64, length: usize) -> u64 {
        let address = FIRST_ADDRESS + self.handed_out;
        self.handed_out += (length as u64).next_multiple_of(512) + GAP;
        // What was there before is unknown, as on a real device.
        let bytes = vec![0xa5; length];
        self.blocks.insert(address, Block { context, bytes });
        address
    }

    /// Returns how many bytes a context holds.
    pub(crate) fn held_by(&self, context: u64) -> usize {
        let own = self
            .blocks
            .values()
            .filter(|block| block.context == context);
        own.map(|block| block.bytes.len()).sum()
    }

    /// Gives a block back; `false` where no block of that context begins there.
    pub(crate) fn free(&mut self, context: u64, address: u64) -> bool {
        let own = self
            .blocks
            .get(&address)
            .is_some_and(|block| block.context == context);
        own && self.blocks.remove(&address).is_some()
    }

    /// Drops what a context still holds.
    pub(crate) fn free_all(&mut self, context: u64) {
        self.blocks.retain(|_, block| block.context != context);
    }

    /// Returns a stretch of memory, or `None` where it leaves its block.
    pub(crate) fn stretch(&self, context: u64, address: u64, length: usize) -> Option<&[u8]> {
        let (start, block) = self.blocks.range(..=address).next_back()?;
        let offset = (address - start) as usize;
        let end = offset.checked_add(length)?;
        block
            .bytes
            .get(offset..end)
            .filter(|_| block.context == context)
    }

    /// Returns a stretch of memory to write to, or `None` where it leaves its block.
    pub(crate) fn stretch_mut(
        &mut self,
        context: u64,
        address: u64,
        length: usize,
    ) -> Option<&mut [u8]> {
        let (start, block) = self.blocks.range_mut(..=address).next_back()?;
        let offset = (address - start) as usize;
        let end = offset.checked_add(length)?;
        if block.context != context {
            return None;
        }
        block.bytes.get_mut(offset..end)
    }
}
