//! Minima and maxima of pages and column chunks, as Parquet's statistics want them.

use std::cmp::Ordering;

use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// A value of one of the physical types that we encode ourselves.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bound {
    I32(i32),
    I64(i64),
    F32(f32),
    F64(f64),
    Text(Vec<u8>),
}

/// The least and the greatest value; `None` if there is no value, or none but NaN.
pub(super) type Bounds = Option<(Bound, Bound)>;

impl Bound {
    fn compare(&self, other: &Bound) -> Ordering {
        match (self, other) {
            (Bound::I32(a), Bound::I32(b)) => a.cmp(b),
            (Bound::I64(a), Bound::I64(b)) => a.cmp(b),
            (Bound::F32(a), Bound::F32(b)) => a.total_cmp(b),
            (Bound::F64(a), Bound::F64(b)) => a.total_cmp(b),
            (Bound::Text(a), Bound::Text(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Bound::I32(v) => v.to_le_bytes().to_vec(),
            Bound::I64(v) => v.to_le_bytes().to_vec(),
            Bound::F32(v) => v.to_le_bytes().to_vec(),
            Bound::F64(v) => v.to_le_bytes().to_vec(),
            Bound::Text(v) => v.clone(),
        }
    }
}

/// The bounds of two sets of values together.
pub(super) fn join(a: Bounds, b: &Bounds) -> Bounds {
    match (a, b) {
        (None, b) => b.clone(),
        (a, None) => a,
        (Some((min, max)), Some((other_min, other_max))) => {
            let min = if other_min.compare(&min).is_lt() { other_min.clone() } else { min };
            let max = if other_max.compare(&max).is_gt() { other_max.clone() } else { max };
            Some((min, max))
        }
    }
}

/// The bounds as they stand in a page index, texts cut to `limit` bytes.
pub(super) fn index_bytes(bounds: &(Bound, Bound), limit: usize) -> (Vec<u8>, Vec<u8>) {
    match bounds {
        (Bound::Text(min), Bound::Text(max)) => (cut_min(min, limit).0, cut_max(max, limit).0),
        (min, max) => (min.bytes(), max.bytes()),
    }
}

/// How the bounds of pages follow each other.
pub(super) fn follow(pages: &[Bounds]) -> (bool, bool) {
    let known: Vec<&(Bound, Bound)> = pages.iter().flatten().collect();
    let all = |wanted: Ordering| {
        known.windows(2).all(|pair| {
            let fits = |order: Ordering| order == wanted || order == Ordering::Equal;
            fits(pair[0].0.compare(&pair[1].0)) && fits(pair[0].1.compare(&pair[1].1))
        })
    };
    (all(Ordering::Less), all(Ordering::Greater))
}

/// Statistics of a column chunk. `empty` gives the type if there are no bounds.
pub(super) fn statistics(bounds: &Bounds, empty: &Bound, nulls: u64, limit: usize) -> Statistics {
    let nulls = Some(nulls);
    macro_rules! of {
        ($kind:ident, $statistics:ident) => {{
            let (min, max) = match bounds {
                Some((Bound::$kind(min), Bound::$kind(max))) => (Some(*min), Some(*max)),
                _ => (None, None),
            };
            Statistics::$statistics(ValueStatistics::new(min, max, None, nulls, false))
        }};
    }
    match empty {
        Bound::I32(_) => of!(I32, Int32),
        Bound::I64(_) => of!(I64, Int64),
        Bound::F32(_) => of!(F32, Float),
        Bound::F64(_) => of!(F64, Double),
        Bound::Text(_) => {
            let Some((Bound::Text(min), Bound::Text(max))) = bounds else {
                return Statistics::ByteArray(ValueStatistics::new(None, None, None, nulls, false));
            };
            let ((min, min_exact), (max, max_exact)) = (cut_min(min, limit), cut_max(max, limit));
            let (min, max) = (ByteArray::from(min), ByteArray::from(max));
            Statistics::ByteArray(
                ValueStatistics::new(Some(min), Some(max), None, nulls, false)
                    .with_min_is_exact(min_exact)
                    .with_max_is_exact(max_exact),
            )
        }
    }
}

/// The longest beginning of at most `limit` bytes that ends between characters; whether it is all.
fn cut_min(text: &[u8], limit: usize) -> (Vec<u8>, bool) {
    if text.len() <= limit {
        return (text.to_vec(), true);
    }
    let mut end = limit;
    // A byte 0b10xxxxxx goes on with a character.
    while end > 0 && text[end] & 0xC0 == 0x80 {
        end -= 1;
    }
    (text[..end].to_vec(), false)
}

/// A text of at most about `limit` bytes that is not less than `text`: its beginning with the last character
/// replaced by the next one.
fn cut_max(text: &[u8], limit: usize) -> (Vec<u8>, bool) {
    let (beginning, exact) = cut_min(text, limit);
    if exact {
        return (beginning, true);
    }
    let Ok(mut beginning) = String::from_utf8(beginning) else { return (text.to_vec(), true) };
    while let Some(last) = beginning.pop() {
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            beginning.push(next);
            return (beginning.into_bytes(), false);
        }
    }
    (text.to_vec(), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut_min(b"abc", 3), (b"abc".to_vec(), true));
        assert_eq!(cut_min("aéz".as_bytes(), 2), (b"a".to_vec(), false));
        assert_eq!(cut_max("abz!".as_bytes(), 3), (b"ab{".to_vec(), false));
        assert_eq!(cut_max("a\u{10FFFF}\u{10FFFF}".as_bytes(), 5), (b"b".to_vec(), false));
        let highest = "\u{10FFFF}\u{10FFFF}".as_bytes();
        assert_eq!(cut_max(highest, 4), (highest.to_vec(), true));
    }

    proptest::proptest! {
        #[test]
        fn cuts_are_bounds(text in "\\PC{0,30}", limit in 1usize..20) {
            let (min, max) = (cut_min(text.as_bytes(), limit).0, cut_max(text.as_bytes(), limit).0);
            assert!(min.as_slice() <= text.as_bytes() && max.as_slice() >= text.as_bytes());
            assert!(min.len() <= limit);
            assert!(std::str::from_utf8(&min).is_ok() && std::str::from_utf8(&max).is_ok());
        }
    }
}
