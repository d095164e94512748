//! Stable radix sorts of words that carry their row number.

/// Digits of 8 bits: 256 counters and write positions stay in the first-level cache.
const DIGIT_BITS: u32 = 8;
const BUCKETS: usize = 1 << DIGIT_BITS;

/// The row order that sorts `words` (none above `max`), equal words in row order.
pub(super) fn radix_order(words: &[u64], max: u64) -> Vec<u32> {
    let key_bits = u64::BITS - max.leading_zeros();
    let row_bits = usize::BITS - words.len().saturating_sub(1).leading_zeros();
    if key_bits + row_bits <= u64::BITS {
        let mut packed: Vec<u64> = (0_u64..).zip(words).map(|(row, word)| (word << row_bits) | row).collect();
        sort_digits(&mut packed, row_bits, row_bits + key_bits, |word| *word);
        let mask = (1_u64 << row_bits) - 1;
        return packed.into_iter().map(|word| row_number(word & mask)).collect();
    }
    let mut pairs: Vec<(u64, u32)> = words.iter().copied().zip(0_u32..).collect();
    sort_digits(&mut pairs, 0, key_bits, |pair| pair.0);
    pairs.into_iter().map(|(_, row)| row).collect()
}

fn row_number(row: u64) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}

/// Least significant digit first; digits that all items share are skipped.
fn sort_digits<T: Copy + Default>(items: &mut Vec<T>, low_bit: u32, high_bit: u32, key: impl Fn(&T) -> u64) {
    let digits = (high_bit - low_bit).div_ceil(DIGIT_BITS);
    let digit =
        |item: &T, number: u32| (key(item) >> (low_bit + number * DIGIT_BITS)) as usize & (BUCKETS - 1);
    let mut counts = vec![[0_usize; BUCKETS]; digits as usize];
    for item in items.iter() {
        for (number, counts) in (0..digits).zip(&mut counts) {
            counts[digit(item, number)] += 1;
        }
    }
    let mut spare = vec![T::default(); items.len()];
    for (number, counts) in (0..digits).zip(&mut counts) {
        if counts.contains(&items.len()) {
            continue;
        }
        let mut start = 0;
        for count in counts.iter_mut() {
            start += std::mem::replace(count, start);
        }
        for item in items.iter() {
            let place = &mut counts[digit(item, number)];
            spare[*place] = *item;
            *place += 1;
        }
        std::mem::swap(items, &mut spare);
    }
}
