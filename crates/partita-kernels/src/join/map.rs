//! The open-addressing maps from a key to the first build row that has it.
//!
//! [`FixedMap`] keeps keys of 64 or 128 bits in its slots; [`BytesMap`] keeps a piece of the hash and compares with the key
//! column. Both spread hashes over a capacity that need not be a power of two, so that a table is never more than twice
//! as large as it must be, and both look up in batches that prefetch the slots they will read.

use std::hash::{BuildHasher, Hasher};

use arrow::array::{Array, BinaryViewArray};
use foldhash::fast::FixedState;

use super::NO_ROW;
use super::prefetch::prefetch;
use crate::{Error, Result};

/// How many lookups ahead a slot is prefetched.
const AHEAD: usize = 16;
/// How many lookups of text go through each step together.
const BLOCK: usize = 32;
/// Tables below this many bytes live in the cache anyway.
const PREFETCH_BYTES: usize = 256 * 1024;

/// A key of fixed width.
pub(crate) trait TableKey: Copy + Eq + Default + std::fmt::Debug {
    fn hash(self) -> u64;
}

impl TableKey for u64 {
    #[inline(always)]
    fn hash(self) -> u64 {
        fold(self ^ 0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93)
    }
}

impl TableKey for u128 {
    #[inline(always)]
    fn hash(self) -> u64 {
        let (low, high) = (self as u64, (self >> 64) as u64);
        fold(
            low ^ 0x9e37_79b9_7f4a_7c15 ^ fold(high ^ 0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db),
            0xd6e8_feb8_6659_fd93,
        )
    }
}

/// The two halves of a 128-bit product, xor-ed: every input bit reaches the high bits, which choose the slot.
#[inline(always)]
pub(super) fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The slot in which the search for `hash` starts.
#[inline(always)]
fn slot_of(hash: u64, capacity: usize) -> usize {
    ((u128::from(hash) * capacity as u128) >> 64) as usize
}

/// Two thirds full: longer searches than in an emptier table, but most end in the cache line where they began.
fn capacity_for(rows: usize) -> usize {
    (rows + rows / 2).max(8)
}

fn try_slots<T: Copy>(capacity: usize, empty: T) -> Result<Vec<T>> {
    let mut slots = Vec::new();
    slots.try_reserve_exact(capacity).map_err(|_| {
        Error::invalid(format!(
            "a join table of {} bytes does not fit in memory; lower the memory limit so that the join is partitioned",
            capacity * size_of::<T>()
        ))
    })?;
    slots.resize(capacity, empty);
    Ok(slots)
}

#[derive(Debug, Clone, Copy)]
#[repr(C, packed(4))]
struct Slot<K> {
    key: K,
    row: u32,
}

/// A map from keys of fixed width to rows.
#[derive(Debug)]
pub(crate) struct FixedMap<K: TableKey> {
    slots: Vec<Slot<K>>,
}

impl<K: TableKey> FixedMap<K> {
    /// Enters every row whose `valid` byte is not 0 and writes to `heads` the first row with the same key.
    pub(crate) fn build(keys: &[K], valid: &[u8], heads: &mut Vec<u32>) -> Result<FixedMap<K>> {
        let capacity = capacity_for(keys.len());
        let mut map = FixedMap { slots: try_slots(capacity, Slot { key: K::default(), row: NO_ROW })? };
        let prefetching = map.size_bytes() > PREFETCH_BYTES;
        heads.clear();
        heads.resize(keys.len(), NO_ROW);
        for row in 0..keys.len() {
            if prefetching && let Some(ahead) = keys.get(row + AHEAD) {
                prefetch(&map.slots, slot_of(ahead.hash(), capacity));
            }
            if valid[row] != 0 {
                heads[row] = map.enter(keys[row], u32::try_from(row).unwrap_or(NO_ROW));
            }
        }
        Ok(map)
    }

    #[inline]
    fn enter(&mut self, key: K, row: u32) -> u32 {
        let mut index = slot_of(key.hash(), self.slots.len());
        loop {
            let slot = &mut self.slots[index];
            if slot.row == NO_ROW {
                *slot = Slot { key, row };
                return row;
            }
            if { slot.key } == key {
                return slot.row;
            }
            index += 1;
            if index == self.slots.len() {
                index = 0;
            }
        }
    }

    #[inline]
    fn find(&self, key: K) -> u32 {
        let mut index = slot_of(key.hash(), self.slots.len());
        loop {
            let slot = self.slots[index];
            if slot.row == NO_ROW || { slot.key } == key {
                return slot.row;
            }
            index += 1;
            if index == self.slots.len() {
                index = 0;
            }
        }
    }

    /// Appends to `heads` the row of each key, or [`NO_ROW`].
    pub(crate) fn lookup(&self, keys: &[K], valid: &[u8], heads: &mut Vec<u32>) {
        let capacity = self.slots.len();
        let prefetching = self.size_bytes() > PREFETCH_BYTES;
        heads.extend(keys.iter().zip(valid).enumerate().map(|(row, (key, valid))| {
            if prefetching && let Some(ahead) = keys.get(row + AHEAD) {
                prefetch(&self.slots, slot_of(ahead.hash(), capacity));
            }
            if *valid == 0 { NO_ROW } else { self.find(*key) }
        }));
    }

    /// Each key in the map.
    pub(crate) fn keys(&self) -> impl Iterator<Item = K> + '_ {
        self.slots.iter().filter(|slot| slot.row != NO_ROW).map(|slot| slot.key)
    }

    /// The hash of each key in the map.
    pub(crate) fn hashes(&self) -> impl Iterator<Item = u64> + '_ {
        self.keys().map(K::hash)
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot<K>>()
    }
}

/// A slot of a [`BytesMap`]: the hash's low half above, the row below.
const EMPTY_SLOT: u64 = u64::MAX;

/// A map from byte strings of any length to rows.
#[derive(Debug)]
pub(crate) struct BytesMap {
    slots: Vec<u64>,
    keys: BinaryViewArray,
}

impl BytesMap {
    /// Enters every row of `keys` that is not null; see [`FixedMap::build`].
    pub(crate) fn build(keys: &BinaryViewArray, valid: &[u8], heads: &mut Vec<u32>) -> Result<BytesMap> {
        let capacity = capacity_for(keys.len());
        let mut map = BytesMap { slots: try_slots(capacity, EMPTY_SLOT)?, keys: keys.clone() };
        heads.clear();
        heads.resize(keys.len(), NO_ROW);
        let hashes: Vec<u64> = (0..keys.len()).map(|row| hash_bytes(keys, row)).collect();
        for (row, head) in heads.iter_mut().enumerate() {
            if let Some(ahead) = hashes.get(row + AHEAD) {
                prefetch(&map.slots, slot_of(*ahead, capacity));
            }
            if valid[row] != 0 {
                let hash = hashes[row];
                match map.find(hash, keys, row) {
                    Ok(found) => *head = found,
                    Err(slot) => {
                        *head = u32::try_from(row).unwrap_or(NO_ROW);
                        map.slots[slot] = (hash << 32) | u64::from(*head);
                    }
                }
            }
        }
        Ok(map)
    }

    /// The row whose key is `other[row]`, or the slot where it would be entered.
    #[inline]
    fn find(&self, hash: u64, other: &BinaryViewArray, row: usize) -> Result<u32, usize> {
        let mut index = slot_of(hash, self.slots.len());
        loop {
            let slot = self.slots[index];
            let found = slot as u32;
            if found == NO_ROW {
                return Err(index);
            }
            if slot >> 32 == hash & 0xffff_ffff && equal_bytes(&self.keys, found as usize, other, row) {
                return Ok(found);
            }
            index += 1;
            if index == self.slots.len() {
                index = 0;
            }
        }
    }

    /// Appends to `heads` the row of each key, or [`NO_ROW`]; `hashes` is scratch space.
    pub(crate) fn lookup(
        &self,
        keys: &BinaryViewArray,
        valid: &[u8],
        hashes: &mut Vec<u64>,
        heads: &mut Vec<u32>,
    ) {
        hashes.clear();
        hashes.extend((0..keys.len()).map(|row| hash_bytes(keys, row)));
        let mut row = 0;
        // A lookup reads a slot, then a view, then text: each step runs for a block of rows before the next begins.
        for block in hashes.chunks(BLOCK) {
            block.iter().for_each(|hash| prefetch(&self.slots, slot_of(*hash, self.slots.len())));
            block.iter().for_each(|hash| prefetch(self.keys.views(), self.first_candidate(*hash)));
            block.iter().for_each(|hash| self.prefetch_text(self.first_candidate(*hash)));
            for hash in block {
                let found = if valid[row] == 0 { Err(0) } else { self.find(*hash, keys, row) };
                heads.push(found.unwrap_or(NO_ROW));
                row += 1;
            }
        }
    }

    /// The row in the slot where the search for `hash` starts.
    #[inline]
    fn first_candidate(&self, hash: u64) -> usize {
        self.slots[slot_of(hash, self.slots.len())] as u32 as usize
    }

    #[inline]
    fn prefetch_text(&self, row: usize) {
        if let Some(view) = self.keys.views().get(row)
            && !is_inline(*view)
        {
            let (buffer, offset) = ((*view >> 64) as u32 as usize, (*view >> 96) as usize);
            if let Some(buffer) = self.keys.data_buffers().get(buffer) {
                prefetch(buffer, offset);
            }
        }
    }

    /// The hash of each key in the map.
    pub(crate) fn hashes(&self) -> impl Iterator<Item = u64> + '_ {
        let rows = self.slots.iter().map(|slot| *slot as u32).filter(|row| *row != NO_ROW);
        rows.map(|row| hash_bytes(&self.keys, row as usize))
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u64>() + self.keys.get_array_memory_size()
    }
}

/// The length in a view's low half; the first four bytes follow it.
const VIEW_LENGTH_MASK: u128 = 0xffff_ffff;
/// Strings up to this length are kept inside their view, padded with zeros.
pub(super) const INLINE_BYTES: u128 = 12;

/// Whether the string of this view is in the view.
#[inline(always)]
pub(super) fn is_inline(view: u128) -> bool {
    view & VIEW_LENGTH_MASK <= INLINE_BYTES
}

/// A hash that is the same in every array, whether the string is in its view or in a buffer.
#[inline]
pub(super) fn hash_bytes(keys: &BinaryViewArray, row: usize) -> u64 {
    let view = keys.views()[row];
    if is_inline(view) {
        return view.hash();
    }
    let mut hasher = FixedState::with_seed(0x7061_7274_6974_6121).build_hasher();
    hasher.write(keys.value(row));
    hasher.finish()
}

#[inline]
fn equal_bytes(left: &BinaryViewArray, left_row: usize, right: &BinaryViewArray, right_row: usize) -> bool {
    let (left_view, right_view) = (left.views()[left_row], right.views()[right_row]);
    if left_view as u64 != right_view as u64 {
        return false;
    }
    if is_inline(left_view) {
        return left_view == right_view;
    }
    left.value(left_row) == right.value(right_row)
}
