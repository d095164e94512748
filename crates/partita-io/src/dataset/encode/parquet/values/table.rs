//! The codes of distinct values, by hash.

/// Where a hash begins its search in a table.
#[inline(always)]
pub(super) fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a ^ 0x9E37_79B9_7F4A_7C15) * u128::from(b ^ 0xD1B5_4A32_D192_ED03);
    (wide as u64) ^ ((wide >> 64) as u64)
}

/// Makes room for more codes. They are copied when they move, so they move seldom; a task holds those of all columns
/// of a row group, so there is room for twice as many at most.
pub(super) fn make_room(codes: &mut Vec<u32>, more: usize) {
    if codes.capacity() - codes.len() < more {
        codes.reserve(codes.len().max(more).max(SOME));
    }
}

/// Codes for which there is room at first.
const SOME: usize = 64 << 10;

/// Numbers of dictionary entries by hash, open addressing, at most half full. 0 is free, else code + 1.
pub(super) struct Table {
    slots: Vec<u32>,
    used: usize,
}

impl Table {
    pub(super) fn new() -> Self {
        Table { slots: vec![0; 1 << 10], used: 0 }
    }

    /// The code of the entry that `is_same`, or a new one; whether it is new.
    #[inline(always)]
    pub(super) fn find(&mut self, hash: u64, is_same: impl Fn(u32) -> bool) -> (u32, bool) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            match self.slots[at] {
                0 => {
                    self.used += 1;
                    self.slots[at] = self.used as u32;
                    return (self.used as u32 - 1, true);
                }
                entry if is_same(entry - 1) => return (entry - 1, false),
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// Makes room after an insertion.
    #[inline]
    pub(super) fn grow(&mut self, hash_of: impl Fn(u32) -> u64) {
        if self.used * 2 <= self.slots.len() {
            return;
        }
        // By four, because each time all entries are put in anew.
        let mask = self.slots.len() * 4 - 1;
        self.slots.clear();
        self.slots.resize(mask + 1, 0);
        for code in 0..self.used as u32 {
            let mut at = hash_of(code) as usize & mask;
            while self.slots[at] != 0 {
                at = (at + 1) & mask;
            }
            self.slots[at] = code + 1;
        }
    }
}
