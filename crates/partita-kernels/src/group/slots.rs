//! The open-addressing index that all hashed tables share: a slot holds some bits of the hash and an entry number.
//!
//! Entries themselves (keys, texts) live with the owner, dense in the order of first appearance.

/// Slots are at least twice the entries, so that a probe seldom needs a second look.
const SLOTS_PER_ENTRY: usize = 2;
const FEWEST: usize = 1024;
/// Slots of at most this many bytes are in the cache anyway.
const CACHED_BYTES: usize = 256 << 10;

/// Entry numbers by hash.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// Low bits, as many as a place has: entry number plus one; zero is an empty slot. The bits above are the hash's: the
    /// smaller the index, the more of it is known, and however large, a slot takes four bytes.
    slots: Vec<u32>,
    mask: usize,
}

impl Slots {
    pub(super) fn size_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
    }

    pub(super) fn clear(&mut self) {
        self.slots.fill(0);
    }

    /// Makes room for `more` entries beside the `entries` whose hashes are given.
    pub(super) fn reserve(&mut self, entries: usize, more: usize, hashes: &[u64]) {
        if let Some(size) = self.wanted(entries, more) {
            self.rebuild(size, hashes.iter().copied());
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

    /// The bits of a slot that are the hash's.
    #[inline(always)]
    fn tag(&self) -> u32 {
        !(self.mask as u32)
    }

    /// Whether a slot's tag is that of the hash.
    #[inline(always)]
    fn is_tagged(&self, slot: u32, hash: u64) -> bool {
        (slot ^ (hash >> 32) as u32) & self.tag() == 0
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
            // Of whatever slot it is: to ask whether it is free or another's would be guessed wrong every fifth time.
            let slot = self.slots[*hash as usize & self.mask];
            prefetch(entries.as_ptr().wrapping_add(((slot & !self.tag()) as usize).wrapping_sub(1)));
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
            if self.is_tagged(slot, hash) {
                // Fits: the entries are at most half as many as the slots, and a number below that is not zero.
                let id = (slot & !self.tag()).wrapping_sub(1);
                if is_equal(id) {
                    return Ok(id);
                }
            }
            place = (place + 1) & self.mask;
        }
    }

    #[inline(always)]
    pub(super) fn fill(&mut self, place: usize, hash: u64, id: u32) {
        self.slots[place] = (hash >> 32) as u32 & self.tag() | (id + 1);
    }
}

/// Starts to load what `place` points to; a hint, without effect where the processor has none.
#[inline(always)]
fn prefetch<T>(place: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64, and a prefetch of any address neither faults nor changes memory.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
