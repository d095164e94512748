//! The stable order of words, by radix.
//!
//! A word's leading bits and its row number share 64 bits, so that a pass moves eight bytes per row and the last pass leaves
//! the rows in order. Bits that find no room beside the row number are looked at only where the leading bits tie.

/// Digits of 8 bits: 256 counters and write positions stay in the first-level cache.
const DIGIT_BITS: u32 = 8;
const BUCKETS: usize = 1 << DIGIT_BITS;
/// Fewer rows than this are sorted by comparisons.
const SMALL: usize = 256;

/// The row order that sorts `words` (none above `max`), equal words in row order.
pub(super) fn radix_order(words: &[u64], max: u64) -> Vec<u32> {
    if words.len() < SMALL {
        let mut order: Vec<u32> = (0..row_number(words.len() as u64)).collect();
        order.sort_by_key(|row| words[*row as usize]);
        return order;
    }
    let key_bits = u64::BITS - max.leading_zeros();
    let row_bits = usize::BITS - (words.len() - 1).leading_zeros();
    let cut = (key_bits + row_bits).saturating_sub(u64::BITS);
    let mut packed: Vec<u64> =
        (0_u64..).zip(words).map(|(row, word)| ((word >> cut) << row_bits) | row).collect();
    sort_digits(&mut packed, row_bits, row_bits + key_bits - cut);
    let mask = (1_u64 << row_bits) - 1;
    let mut order: Vec<u32> = packed.iter().map(|word| row_number(word & mask)).collect();
    if cut > 0 {
        let mut start = 0;
        for tied in packed.chunk_by(|left, right| left >> row_bits == right >> row_bits) {
            if tied.len() > 1 {
                order_tied(words, (1 << cut) - 1, &mut order[start..start + tied.len()]);
            }
            start += tied.len();
        }
    }
    order
}

/// Sorts rows, given in row order, by the bits of `mask`.
fn order_tied(words: &[u64], mask: u64, rows: &mut [u32]) {
    let low_bits: Vec<u64> = rows.iter().map(|row| words[*row as usize] & mask).collect();
    let order = radix_order(&low_bits, mask);
    let sorted: Vec<u32> = order.iter().map(|place| rows[*place as usize]).collect();
    rows.copy_from_slice(&sorted);
}

fn row_number(row: u64) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}

/// Least significant digit first; digits that all items share are skipped.
fn sort_digits(items: &mut Vec<u64>, low_bit: u32, high_bit: u32) {
    let digits = (high_bit - low_bit).div_ceil(DIGIT_BITS);
    let digit = |item: u64, number: u32| (item >> (low_bit + number * DIGIT_BITS)) as usize & (BUCKETS - 1);
    let mut counts = vec![[0_u32; BUCKETS]; digits as usize];
    for item in items.iter() {
        for (number, counts) in (0..digits).zip(&mut counts) {
            counts[digit(*item, number)] += 1;
        }
    }
    let mut spare = Vec::new();
    for (number, counts) in (0..digits).zip(&mut counts) {
        if counts.iter().any(|count| *count as usize == items.len()) {
            continue;
        }
        spare.resize(items.len(), 0);
        let mut start = 0;
        for count in counts.iter_mut() {
            start += std::mem::replace(count, start);
        }
        for item in items.iter() {
            let place = &mut counts[digit(*item, number)];
            spare[*place as usize] = *item;
            *place += 1;
        }
        std::mem::swap(items, &mut spare);
    }
}
