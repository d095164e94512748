//! The run-length and bit-packed hybrid in which Parquet writes dictionary codes and levels.

/// Equal groups of eight values that make a run worth its header.
const RUN_GROUPS_MIN: usize = 2;

/// Bits that hold every code below `count`.
pub(super) fn bit_width(count: usize) -> u32 {
    usize::BITS - count.saturating_sub(1).leading_zeros()
}

/// Appends codes, each below `2^width`.
pub(super) fn write_codes(codes: &[u32], width: u32, out: &mut Vec<u8>) {
    let groups = codes.chunks_exact(8);
    let (count, tail) = (groups.len(), groups.remainder());
    let group = |at: usize| &codes[8 * at..8 * at + 8];
    let is_equal = |at: usize, value: u32| group(at).iter().fold(0, |diff, &code| diff | (code ^ value)) == 0;
    let (mut literal, mut at) = (0, 0);
    while at < count {
        let value = codes[8 * at];
        let mut end = at;
        while end < count && is_equal(end, value) {
            end += 1;
        }
        if end - at < RUN_GROUPS_MIN {
            at = end.max(at + 1);
            continue;
        }
        write_literal(&codes[8 * literal..8 * at], width, out);
        // The values after the last whole group may go on with the run.
        let more = codes[8 * end..].iter().take_while(|&&code| code == value).count();
        if 8 * end + more == codes.len() {
            write_run(value, 8 * (end - at) + more, width, out);
            return;
        }
        write_run(value, 8 * (end - at), width, out);
        (literal, at) = (end, end);
    }
    write_literal(&codes[8 * literal..8 * count + tail.len()], width, out);
}

/// Appends definition levels 0 and 1 out of validity bits, lowest bit first, as they lie in `bits`.
pub(super) fn write_validity(bits: &[u8], rows: usize, out: &mut Vec<u8>) {
    write_varint(((rows.div_ceil(8) as u64) << 1) | 1, out);
    out.extend_from_slice(&bits[..rows.div_ceil(8)]);
}

/// Appends one value many times.
pub(super) fn write_run(value: u32, count: usize, width: u32, out: &mut Vec<u8>) {
    write_varint((count as u64) << 1, out);
    out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
}

/// Appends values bit-packed; the last group of eight is filled up with zeros.
fn write_literal(codes: &[u32], width: u32, out: &mut Vec<u8>) {
    if codes.is_empty() {
        return;
    }
    write_varint(((codes.len().div_ceil(8) as u64) << 1) | 1, out);
    out.reserve(codes.len().div_ceil(8) * width as usize + 8);
    let groups = codes.chunks_exact(8);
    let tail = groups.remainder();
    for group in groups {
        pack(group, width, out);
    }
    if !tail.is_empty() {
        let mut last = [0; 8];
        last[..tail.len()].copy_from_slice(tail);
        pack(&last, width, out);
    }
}

/// Eight values become `width` bytes.
fn pack(group: &[u32], width: u32, out: &mut Vec<u8>) {
    let (mut word, mut bits) = (0u64, 0);
    for &code in group {
        word |= u64::from(code) << bits;
        bits += width;
        if bits >= 32 {
            out.extend_from_slice(&(word as u32).to_le_bytes());
            word >>= 32;
            bits -= 32;
        }
    }
    out.extend_from_slice(&word.to_le_bytes()[..(bits / 8) as usize]);
}

fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader of the format, written from its specification.
    fn read(mut bytes: &[u8], width: u32, count: usize) -> Vec<u32> {
        let mut values = Vec::new();
        while values.len() < count {
            let (mut header, mut shift) = (0u64, 0);
            loop {
                let byte = bytes[0];
                bytes = &bytes[1..];
                header |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            if header & 1 == 0 {
                let mut value = [0; 4];
                let len = width.div_ceil(8) as usize;
                value[..len].copy_from_slice(&bytes[..len]);
                bytes = &bytes[len..];
                values.extend(std::iter::repeat_n(u32::from_le_bytes(value), (header >> 1) as usize));
            } else {
                let len = (header >> 1) as usize * width as usize;
                for at in 0..(header >> 1) as usize * 8 {
                    let bit = |n: usize| u32::from(bytes[n / 8] >> (n % 8) & 1);
                    values.push((0..width as usize).map(|i| bit(at * width as usize + i) << i).sum());
                }
                bytes = &bytes[len..];
            }
        }
        assert!(bytes.is_empty());
        values.truncate(count);
        values
    }

    #[test]
    fn widths() {
        assert_eq!([0, 1, 2, 3, 4, 5, 256, 257].map(bit_width), [0, 0, 1, 2, 2, 3, 8, 9]);
    }

    proptest::proptest! {
        #[test]
        fn codes_come_back(
            runs in proptest::collection::vec((proptest::prelude::any::<u32>(), 1usize..40), 0..40),
            width in 0u32..=32,
        ) {
            let mask = if width == 32 { u32::MAX } else { (1 << width) - 1 };
            let codes: Vec<u32> =
                runs.iter().flat_map(|&(code, count)| std::iter::repeat_n(code & mask, count)).collect();
            let mut bytes = Vec::new();
            write_codes(&codes, width, &mut bytes);
            assert_eq!(read(&bytes, width, codes.len()), codes);
        }
    }
}
