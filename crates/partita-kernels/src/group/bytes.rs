//! A table of distinct byte strings: each gets the next number at its first appearance.
//!
//! It serves a single text key alone, `interner`, which numbers texts for `field`, and [`crate::packed`].

use std::sync::Arc;

use arrow::buffer::{Buffer, NullBuffer, ScalarBuffer};

use super::slots::Slots;
use super::table::CHUNK;
use crate::hash::{bytes_word, fold, short_word};

/// Bytes of long texts lie in blocks of at least this size, so that a view's 32-bit offset always reaches.
const BLOCK: usize = 1 << 20;
const INLINE: u32 = 12;
/// Stands for null among the entries; it is no text's view (its length would be the longest, its block the last).
const NULL_VIEW: u128 = u128::MAX;
const MIX: u64 = 0x9fb2_1c65_1e98_df25;

/// Distinct byte strings (and null) in the order of their first appearance.
#[derive(Debug, Default)]
pub(crate) struct BytesTable {
    slots: Slots,
    /// One view per entry: inline up to 12 bytes, else block and offset in `blocks`.
    views: Vec<u128>,
    hashes: Vec<u64>,
    blocks: Vec<Vec<u8>>,
    null: Option<u32>,
}

impl BytesTable {
    pub(crate) fn len(&self) -> usize {
        self.views.len()
    }

    pub(super) fn size_bytes(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(Vec::capacity).sum();
        self.slots.size_bytes() + self.views.capacity() * 16 + self.hashes.capacity() * 8 + blocks
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.views.clear();
        self.hashes.clear();
        self.blocks.clear();
        self.null = None;
    }

    /// Appends the number of each of these texts (of one chunk at most), new ones included.
    pub(super) fn upsert(
        &mut self,
        views: &[u128],
        buffers: &[Buffer],
        nulls: Option<&NullBuffer>,
        first_row: usize,
        out: &mut Vec<u32>,
    ) {
        self.slots.reserve(self.views.len(), views.len(), &self.hashes);
        let is_null = |row: usize| nulls.is_some_and(|nulls| nulls.is_null(row));
        let mut hashes = [0u64; CHUNK];
        for ((hash, row), &view) in hashes.iter_mut().zip(first_row..).zip(views) {
            if !is_null(row) {
                *hash = hash_of(view, buffers);
            }
        }
        self.slots.warm(&hashes[..views.len()], &self.views);
        for ((&hash, row), &view) in hashes.iter().zip(first_row..).zip(views) {
            out.push(match is_null(row) {
                true => self.null_number(),
                false => self.upsert_one(hash, view, buffers),
            });
        }
    }

    /// The number of one text, a new one included.
    pub(crate) fn number(&mut self, view: u128, buffers: &[Buffer]) -> u32 {
        self.slots.reserve(self.views.len(), 1, &self.hashes);
        self.upsert_one(hash_of(view, buffers), view, buffers)
    }

    /// The number of null.
    pub(crate) fn null_number(&mut self) -> u32 {
        if let Some(id) = self.null {
            return id;
        }
        let id = self.views.len() as u32;
        self.views.push(NULL_VIEW);
        self.hashes.push(0);
        self.null = Some(id);
        id
    }

    #[inline(always)]
    fn upsert_one(&mut self, hash: u64, view: u128, buffers: &[Buffer]) -> u32 {
        match view as u32 <= INLINE {
            true => self.upsert_inline(hash, view),
            false => self.upsert_long(hash, view, long_bytes(view, buffers)),
        }
    }

    #[inline]
    fn upsert_inline(&mut self, hash: u64, view: u128) -> u32 {
        let views = &self.views;
        match self.slots.find(hash, |id| views.get(id as usize) == Some(&view)) {
            Ok(id) => id,
            Err(vacant) => self.insert(vacant, hash, view),
        }
    }

    #[inline]
    fn upsert_long(&mut self, hash: u64, view: u128, bytes: &[u8]) -> u32 {
        let (views, blocks) = (&self.views, &self.blocks);
        // The low half of a view is length and first four bytes: most unequal texts part there.
        let found = self.slots.find(hash, |id| match views.get(id as usize) {
            Some(&known) => known as u64 == view as u64 && block_bytes(known, blocks) == bytes,
            None => false,
        });
        match found {
            Ok(id) => id,
            Err(vacant) => {
                let view = self.store(view, bytes);
                self.insert(vacant, hash, view)
            }
        }
    }

    fn insert(&mut self, vacant: usize, hash: u64, view: u128) -> u32 {
        let id = self.views.len() as u32;
        self.slots.fill(vacant, hash, id);
        self.views.push(view);
        self.hashes.push(hash);
        id
    }

    /// Copies the bytes to the blocks and returns a view of the copy.
    fn store(&mut self, view: u128, bytes: &[u8]) -> u128 {
        let has_room = self.blocks.last().is_some_and(|block| block.capacity() - block.len() >= bytes.len());
        if !has_room {
            // Blocks grow with the table: a small one must stay small, a large one must not have a million.
            let stored: usize = self.blocks.iter().map(Vec::len).sum();
            self.blocks.push(Vec::with_capacity(bytes.len().max(stored.clamp(BLOCK / 256, BLOCK))));
        }
        let index = self.blocks.len() - 1;
        let block = &mut self.blocks[index];
        let offset = block.len();
        block.extend_from_slice(bytes);
        (view as u64 as u128) | (index as u128) << 64 | (offset as u128) << 96
    }

    /// The entries as views with their buffers.
    pub(super) fn entries(&self) -> Texts {
        let buffers = self.blocks.iter().map(|block| Buffer::from(block.as_slice())).collect();
        texts(self.views.clone(), buffers, self.null.is_some())
    }

    /// The entries as views with their buffers, leaving the table empty; no byte is copied.
    pub(crate) fn take_entries(&mut self) -> Texts {
        let buffers = std::mem::take(&mut self.blocks).into_iter().map(Buffer::from_vec).collect();
        let entries = texts(std::mem::take(&mut self.views), buffers, self.null.is_some());
        self.clear();
        entries
    }

    /// The texts of `codes` as views with their buffers.
    pub(super) fn resolve(&self, codes: &[u32]) -> Texts {
        let buffers = self.blocks.iter().map(|block| Buffer::from(block.as_slice())).collect();
        let views = codes.iter().map(|&code| self.views[code as usize]).collect();
        texts(views, buffers, self.null.is_some())
    }
}

/// Views, the buffers that long ones point into, and validity.
pub(crate) type Texts = (ScalarBuffer<u128>, Arc<[Buffer]>, Option<NullBuffer>);

/// Replaces the view that stands for null by validity.
fn texts(mut views: Vec<u128>, buffers: Arc<[Buffer]>, has_null: bool) -> Texts {
    let nulls = has_null.then(|| {
        let valid: Vec<bool> = views.iter().map(|&view| view != NULL_VIEW).collect();
        views.iter_mut().filter(|view| **view == NULL_VIEW).for_each(|view| *view = 0);
        NullBuffer::from(valid)
    });
    (views.into(), buffers, nulls)
}

#[inline(always)]
fn hash_of(view: u128, buffers: &[Buffer]) -> u64 {
    let word = if view as u32 <= INLINE { short_word(view) } else { bytes_word(long_bytes(view, buffers)) };
    fold(word, MIX)
}

/// The bytes of a view of more than 12 bytes.
#[inline(always)]
fn long_bytes(view: u128, buffers: &[Buffer]) -> &[u8] {
    let (length, buffer, offset) = parts(view);
    &buffers[buffer][offset..offset + length]
}

#[inline(always)]
fn block_bytes(view: u128, blocks: &[Vec<u8>]) -> &[u8] {
    let (length, block, offset) = parts(view);
    &blocks[block][offset..offset + length]
}

#[inline(always)]
fn parts(view: u128) -> (usize, usize, usize) {
    (view as u32 as usize, (view >> 64) as u32 as usize, (view >> 96) as u32 as usize)
}
