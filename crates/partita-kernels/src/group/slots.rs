//! The open-addressing index that all hashed tables share: a slot holds a tag of the hash and an entry number.
//!
//! Entries themselves (keys, texts) live with the owner, dense in the order of first appearance.

/// Slots are at least twice the entries, so that a probe seldom needs a second look.
const SLOTS_PER_ENTRY: usize = 2;
const FEWEST: usize = 1024;
/// Slots of at most this many bytes are in the cache anyway.
const CACHED_BYTES: usize = 256 << 10;
const TAG: u64 = 0xffff_ffff_0000_0000;

/// Entry numbers by hash.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// High half: high half of the hash. Low half: entry number plus one; zero is an empty slot.
    slots: Vec<u64>,
    mask: usize,
}

impl Slots {
    pub(super) fn size_bytes(&self) -> usize {
        self.slots.capacity() * 8
    }

    pub(super) fn clear(&mut self) {
        self.slots.fill(0);
    }

    /// Makes room for `more` entries beside the `entries` whose hashes are given.
    pub(super) fn reserve(&mut self, entries: usize, more: usize, hashes: &[u64]) {
        let needed = ((entries + more) * SLOTS_PER_ENTRY).next_power_of_two().max(FEWEST);
        if needed > self.slots.len() {
            self.rebuild(needed, hashes.iter().copied());
        }
    }

    /// Whether `more` entries would need a larger index; then the owner calls [`Slots::rebuild`].
    pub(super) fn wanted(&self, entries: usize, more: usize) -> Option<usize> {
        let needed = ((entries + more) * SLOTS_PER_ENTRY).next_power_of_two().max(FEWEST);
        (needed > self.slots.len()).then_some(needed)
    }

    /// Starts anew with `size` slots (a power of two) and the entries that have these hashes, in order.
    pub(super) fn rebuild(&mut self, size: usize, hashes: impl Iterator<Item = u64>) {
        self.slots.clear();
        self.slots.resize(size, 0);
        self.mask = size - 1;
        for (id, hash) in (0u32..).zip(hashes) {
            let mut place = hash as usize & self.mask;
            while self.slots[place] != 0 {
                place = (place + 1) & self.mask;
            }
            self.fill(place, hash, id);
        }
    }

    /// Starts to load what probes for these hashes will read: their slots, then the entries that these name. The cache
    /// misses of a large table then overlap instead of waiting for each other.
    pub(super) fn warm<T>(&self, hashes: &[u64], entries: &[T]) {
        if self.size_bytes() <= CACHED_BYTES {
            return;
        }
        for hash in hashes {
            if let Some(slot) = self.slots.get(*hash as usize & self.mask) {
                prefetch(slot);
            }
        }
        for hash in hashes {
            let slot = self.slots[*hash as usize & self.mask];
            if slot & TAG == hash & TAG
                && let Some(entry) = entries.get((slot as u32).wrapping_sub(1) as usize)
            {
                prefetch(entry);
            }
        }
    }

    /// The entry with this hash that `is_equal`, or the slot where it belongs.
    #[inline(always)]
    pub(super) fn find(&self, hash: u64, mut is_equal: impl FnMut(u32) -> bool) -> Result<u32, usize> {
        let mut place = hash as usize & self.mask;
        loop {
            let slot = self.slots[place];
            if slot == 0 {
                return Err(place);
            }
            if slot & TAG == hash & TAG {
                let id = slot as u32 - 1;
                if is_equal(id) {
                    return Ok(id);
                }
            }
            place = (place + 1) & self.mask;
        }
    }

    #[inline(always)]
    pub(super) fn fill(&mut self, place: usize, hash: u64, id: u32) {
        self.slots[place] = hash & TAG | u64::from(id + 1);
    }
}

/// Starts to load what `place` points to; a hint, without effect where the processor has none.
#[inline(always)]
fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64, and a prefetch of any address neither faults nor changes memory.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
