//! Reading the run-length and bit-packed hybrid in which Parquet writes dictionary codes and levels.

use bytes::Bytes;

/// The widest codes.
const WIDEST: u32 = 32;

/// A stream of numbers of a fixed number of bits.
#[derive(Debug)]
pub(super) struct Hybrid {
    bytes: Bytes,
    /// Where the next run begins.
    at: usize,
    width: u32,
    run: Run,
}

#[derive(Debug)]
enum Run {
    Same {
        value: u32,
        left: usize,
    },
    /// Values packed from byte `start` on, of which `next` is the next.
    Packed {
        start: usize,
        next: usize,
        left: usize,
    },
}

impl Hybrid {
    /// `None` if there are no codes of so many bits.
    pub(super) fn new(bytes: Bytes, width: u32) -> Option<Hybrid> {
        let run = Run::Same { value: 0, left: 0 };
        (width <= WIDEST).then_some(Hybrid { bytes, at: 0, width, run })
    }

    /// Appends the next `count` values to `out`; false if there are not so many.
    pub(super) fn read(&mut self, count: usize, out: &mut Vec<u32>) -> bool {
        out.reserve(count);
        let mut wanted = count;
        while wanted > 0 {
            let count = match &mut self.run {
                Run::Same { value, left } => {
                    let count = wanted.min(*left);
                    out.resize(out.len() + count, *value);
                    *left -= count;
                    count
                }
                Run::Packed { start, next, left } => {
                    let count = wanted.min(*left);
                    unpack(&self.bytes[*start..], *next, self.width, count, out);
                    (*next, *left) = (*next + count, *left - count);
                    count
                }
            };
            wanted -= count;
            if count == 0 && !self.next_run() {
                return false;
            }
        }
        true
    }

    /// Passes over values; false if there are not so many.
    pub(super) fn skip(&mut self, mut wanted: usize) -> bool {
        while wanted > 0 {
            let count = match &mut self.run {
                Run::Same { left, .. } => {
                    let count = wanted.min(*left);
                    *left -= count;
                    count
                }
                Run::Packed { next, left, .. } => {
                    let count = wanted.min(*left);
                    (*next, *left) = (*next + count, *left - count);
                    count
                }
            };
            wanted -= count;
            if count == 0 && !self.next_run() {
                return false;
            }
        }
        true
    }

    /// How many of the next values are all this one, at most `most`.
    pub(super) fn same(&mut self, wanted: u32, most: usize) -> usize {
        loop {
            match self.run {
                Run::Same { value, left } if left > 0 => {
                    return if value == wanted { most.min(left) } else { 0 };
                }
                Run::Packed { left, .. } if left > 0 => return 0,
                _ => {}
            }
            if !self.next_run() {
                return 0;
            }
        }
    }

    /// Every run takes a byte at least, so that this ends whatever the bytes say.
    fn next_run(&mut self) -> bool {
        let Some(header) = self.header() else { return false };
        let count = usize::try_from(header >> 1).unwrap_or(usize::MAX);
        let rest = self.bytes.len() - self.at;
        if header & 1 == 0 {
            let length = self.width.div_ceil(8) as usize;
            let Some(bytes) = self.bytes.get(self.at..self.at + length) else { return false };
            let value = bytes.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
            self.at += length;
            self.run = Run::Same { value, left: count };
        } else {
            let width = self.width as usize;
            let length = count.saturating_mul(width).min(rest);
            // Some writers leave out what would only fill up the last group.
            let held = rest.saturating_mul(8).checked_div(width).unwrap_or(usize::MAX);
            self.run = Run::Packed { start: self.at, next: 0, left: count.saturating_mul(8).min(held) };
            self.at += length;
        }
        true
    }

    fn header(&mut self) -> Option<u64> {
        let (mut value, mut shift) = (0u64, 0);
        while shift < 35 {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
            shift += 7;
        }
        None
    }
}

/// Appends `count` values of `width` bits, from the `first` one on, to `out`.
fn unpack(bytes: &[u8], first: usize, width: u32, count: usize, out: &mut Vec<u32>) {
    match width {
        0 => out.resize(out.len() + count, 0),
        1..=8 => unpack_groups::<8>(bytes, first, width, count, out),
        9..=16 => unpack_groups::<4>(bytes, first, width, count, out),
        _ => unpack_each(bytes, first, width, count, out),
    }
}

/// The same for values of which `N` lie in eight bytes, so that these are loaded once for all of them.
fn unpack_groups<const N: usize>(bytes: &[u8], first: usize, width: u32, count: usize, out: &mut Vec<u32>) {
    let mask = (1u64 << width) - 1;
    // Groups begin where a byte does: eight values of any width end with a byte, four of an even one.
    let step = if (N * width as usize).is_multiple_of(8) { N } else { 8 };
    let head = (first.next_multiple_of(step) - first).min(count);
    unpack_each(bytes, first, width, head, out);
    let start = (first + head) * width as usize / 8;
    let group_bytes = step * width as usize / 8;
    // Groups whose loads lie within; of eight values in two loads the second begins in the middle.
    let reach = 8 + if step > N { group_bytes / 2 } else { 0 };
    let readable =
        bytes.len().saturating_sub(start).checked_sub(reach).map_or(0, |rest| rest / group_bytes + 1);
    let groups = ((count - head) / step).min(readable);
    for group in 0..groups {
        let at = start + group * group_bytes;
        for part in 0..step / N {
            let bit = part * N * width as usize;
            debug_assert!(at + bit / 8 + 8 <= bytes.len());
            // SAFETY: `readable` counts only groups of which each load has eight bytes.
            let word = unsafe { bytes.as_ptr().add(at + bit / 8).cast::<u64>().read_unaligned() };
            let word = u64::from_le(word) >> (bit % 8);
            let values: [u32; N] =
                std::array::from_fn(|place| (word >> (place as u32 * width) & mask) as u32);
            out.extend_from_slice(&values);
        }
    }
    let done = head + groups * step;
    unpack_each(bytes, first + done, width, count - done, out);
}

/// The same, value by value.
fn unpack_each(bytes: &[u8], first: usize, width: u32, count: usize, out: &mut Vec<u32>) {
    let width = width as usize;
    let mask = (1u64 << width) - 1;
    // Values whose eight bytes, from their first bit's on, lie within.
    let whole = match bytes.len().checked_sub(8) {
        Some(last) => ((last * 8 + 7) / width + 1).saturating_sub(first).min(count),
        None => 0,
    };
    let value = |word: u64, bit: usize| (word >> (bit % 8) & mask) as u32;
    out.extend((first..first + whole).map(|place| {
        let bit = place * width;
        debug_assert!(bit / 8 + 8 <= bytes.len());
        // SAFETY: the value begins in a byte at least eight before the end: `whole` counts only such values.
        let word = unsafe { bytes.as_ptr().add(bit / 8).cast::<u64>().read_unaligned() };
        value(u64::from_le(word), bit)
    }));
    out.extend((first + whole..first + count).map(|place| {
        let bit = place * width;
        let mut word = [0; 8];
        let rest = bytes.get(bit / 8..).unwrap_or(&[]);
        let count = rest.len().min(8);
        word[..count].copy_from_slice(&rest[..count]);
        value(u64::from_le_bytes(word), bit)
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bits of `values` one after the other, lowest first, as the format has them.
    fn packed(values: &[u32], width: u32) -> Vec<u8> {
        let mut bits = values.iter().flat_map(|value| (0..width).map(move |bit| value >> bit & 1));
        let mut bytes = Vec::new();
        while let Some(bit) = bits.next() {
            let rest = (1..8).map(|place| bits.next().unwrap_or(0) << place).sum::<u32>();
            bytes.push((bit | rest) as u8);
        }
        bytes
    }

    #[test]
    fn values_of_all_widths_come_out_in_pieces_of_all_sizes() {
        for width in 0..=32u32 {
            let limit = if width == 32 { u32::MAX } else { (1 << width) - 1 };
            let random = |place: u32| (place.wrapping_mul(2_654_435_761) ^ place << 7) & limit;
            let literal: Vec<u32> = (0..40).map(random).collect();
            let mut bytes = vec![11 << 1];
            bytes.extend_from_slice(&limit.to_le_bytes()[..width.div_ceil(8) as usize]);
            bytes.push(5 << 1 | 1);
            bytes.extend(packed(&literal, width));
            let mut expected = vec![limit; 11];
            expected.extend(&literal);
            for step in [1, 3, 8, 50] {
                for skip in [0, 1, 5, 12] {
                    let mut hybrid = Hybrid::new(bytes.clone().into(), width).unwrap();
                    let mut at = 0;
                    while at + skip + step <= expected.len() {
                        assert!(hybrid.skip(skip));
                        let mut out = Vec::new();
                        assert!(hybrid.read(step, &mut out));
                        assert_eq!(out, expected[at + skip..at + skip + step], "width {width}, step {step}");
                        at += skip + step;
                    }
                }
            }
            let mut all = Hybrid::new(bytes.into(), width).unwrap();
            assert_eq!((all.same(limit, 7), all.same(limit, 70)), (7, 11));
            assert!(all.skip(51) && !all.skip(1));
        }
        assert!(Hybrid::new(Bytes::new(), 33).is_none());
    }

    #[test]
    fn bytes_that_end_early_are_no_values() {
        // Eight values of 12 bits declared, bytes for five.
        let mut hybrid = Hybrid::new(vec![1 << 1 | 1, 1, 2, 3, 4, 5, 6, 7, 8].into(), 12).unwrap();
        let mut out = Vec::new();
        assert!(hybrid.read(5, &mut out) && !hybrid.read(1, &mut out));
        // A header without an end, a run without its value, nothing at all.
        for bytes in [vec![0xff; 3], vec![2 << 1], vec![], vec![0x80, 0x80, 0x80, 0x80, 0x80, 0x80]] {
            assert!(!Hybrid::new(bytes.into(), 9).unwrap().read(8, &mut out));
        }
        // Runs of no values.
        assert!(!Hybrid::new(vec![0, 1, 0, 1, 1].into(), 8).unwrap().read(8, &mut out));
    }
}
