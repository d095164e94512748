//! Groups by packed keys of `W` words: a direct array when the key has few bits, else an open-addressing table.

use super::slots::Slots;
use super::table::CHUNK;
use crate::hash::fold;

/// Keys of at most this many bits index an array, which then fits in the second-level cache.
pub(super) const DIRECT_BITS: u32 = 18;
const A: u64 = 0x13198a2e03707345;
const B: u64 = 0xc0ac29b7c97c50dd;
const C: u64 = 0x3f84d5b5b5470917;
const D: u64 = 0x9216d5d98979fb1b;

/// Distinct keys in the order of their first appearance.
#[derive(Debug)]
pub(super) struct PackedTable<const W: usize> {
    keys: Vec<[u64; W]>,
    index: Index,
}

#[derive(Debug)]
enum Index {
    /// Group number plus one by key; zero is none.
    Direct(Vec<u32>),
    Hashed(Slots),
}

#[inline(always)]
fn hash<const W: usize>(key: &[u64; W]) -> u64 {
    if W == 1 {
        return fold(key[0] ^ A, B);
    }
    let mut hash = 0;
    for pair in key.chunks_exact(2) {
        hash = fold(pair[0] ^ hash ^ A, pair[1] ^ hash.rotate_left(32) ^ B);
    }
    // One product of two words that both vary leaves patterns in its low bits; a second one does not.
    fold(hash ^ C, D)
}

impl<const W: usize> PackedTable<W> {
    /// A table for keys that use `bits` bits.
    pub(super) fn new(bits: u32) -> Self {
        let index = if W == 1 && bits <= DIRECT_BITS {
            Index::Direct(vec![0; 1 << bits])
        } else {
            Index::Hashed(Slots::default())
        };
        PackedTable { keys: Vec::new(), index }
    }

    pub(super) fn keys(&self) -> &[[u64; W]] {
        &self.keys
    }

    pub(super) fn size_bytes(&self) -> usize {
        let index = match &self.index {
            Index::Direct(groups) => groups.capacity() * 4,
            Index::Hashed(slots) => slots.size_bytes(),
        };
        self.keys.capacity() * 8 * W + index
    }

    pub(super) fn clear(&mut self) {
        match &mut self.index {
            Index::Direct(groups) => groups.fill(0),
            Index::Hashed(slots) => slots.clear(),
        }
        self.keys.clear();
    }

    /// Appends the group of each of these keys, new groups included.
    pub(super) fn upsert(&mut self, keys: &[[u64; W]], out: &mut Vec<u32>) {
        match &mut self.index {
            Index::Direct(groups) => {
                let known = &mut self.keys;
                out.extend(keys.iter().map(|key| {
                    let group = &mut groups[key[0] as usize];
                    if *group == 0 {
                        known.push(*key);
                        *group = known.len() as u32;
                    }
                    *group - 1
                }));
            }
            Index::Hashed(slots) => {
                if let Some(size) = slots.wanted(self.keys.len(), keys.len()) {
                    slots.rebuild(size, self.keys.iter().map(hash));
                }
                find_all(slots, &mut self.keys, keys, out);
            }
        }
    }
}

/// Looks up a chunk of keys in passes, see [`Slots::warm`].
fn find_all<const W: usize>(
    slots: &mut Slots,
    known: &mut Vec<[u64; W]>,
    keys: &[[u64; W]],
    out: &mut Vec<u32>,
) {
    let mut hashes = [0u64; CHUNK];
    let hashes = &mut hashes[..keys.len()];
    for (to, key) in hashes.iter_mut().zip(keys) {
        *to = hash(key);
    }
    slots.warm(hashes, known);
    out.extend(keys.iter().zip(hashes.iter()).map(|(key, &hash)| {
        match slots.find(hash, |id| known.get(id as usize) == Some(key)) {
            Ok(id) => id,
            Err(vacant) => {
                let id = known.len() as u32;
                slots.fill(vacant, hash, id);
                known.push(*key);
                id
            }
        }
    }));
}
