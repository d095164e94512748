//! The values of one column chunk while its rows come in: a dictionary and codes for as long as that pays,
//! then plain.
//!
//! Each value is looked up once in an open-addressing table (`table.rs`); `fixed.rs` holds numbers and
//! `text.rs` texts. If the first values hardly repeat, or the dictionary grows too large, the chunk turns to
//! plain, codes so far included.

mod fixed;
mod table;
mod text;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, TimeUnit};

use super::bounds::{Bound, Bounds};

/// A dictionary beyond this is slower to read than what it saves.
const DICTIONARY_BYTES_MAX: usize = 2 << 20;
/// From so many values on it is seen whether they repeat.
const SAMPLE: usize = 16 << 10;
/// Where compression is slow, what is taken to repeat is as rarely new as draws from half so many values. Of 200
/// thousand values 96 % of the first 16 thousand draws are new, yet in a row group of some hundred thousand rows most
/// have come before: to look them up costs less than to compress what their codes stand for.
const REPEATING: u64 = 400_000;

/// Values without nulls.
pub(super) trait Values: Send {
    /// Appends the values of an array that are not null.
    fn append(&mut self, array: &ArrayRef);
    /// Codes of all values, empty once the chunk is plain.
    fn codes(&self) -> &[u32];
    /// Distinct values.
    fn distinct(&self) -> usize;
    /// The dictionary as a plain page, appended to `out`.
    fn dictionary(&self, out: &mut Vec<u8>);
    /// Bytes of the dictionary.
    fn dictionary_bytes(&self) -> usize;
    /// Bytes that the values of the codes take as plain.
    fn plain_bytes_of_codes(&self) -> usize;
    /// Appends the values of codes as plain.
    fn plain_of(&self, codes: &[u32], out: &mut Vec<u8>);
    /// Bounds of the values whose codes are noted in `seen`.
    fn bounds_of(&self, seen: &[bool]) -> Bounds;
    /// Forgets dictionary and codes; what is appended from now on is plain.
    fn turn_plain(&mut self);
    /// Bytes of plain values that wait.
    fn waiting_bytes(&self) -> usize;
    /// Moves the plain values that wait to `out` and gives their bounds.
    fn take_waiting(&mut self, out: &mut Vec<u8>) -> Bounds;
    /// A value of the type.
    fn sample(&self) -> Bound;
    /// How wide a value is, if it is a float.
    fn float_width(&self) -> Option<usize> {
        None
    }
    /// Whether the dictionary has stopped to pay, beside a compression that is slow or not.
    fn gives_up(&self, slow_compression: bool) -> bool {
        let (values, distinct) = (self.codes().len(), self.distinct());
        let hardly_repeat = match slow_compression {
            true => hardly_repeat(values, distinct),
            false => distinct > values / 4 * 3,
        };
        self.dictionary_bytes() > DICTIONARY_BYTES_MAX || (values >= SAMPLE && hardly_repeat)
    }
}

/// Whether more of the values are distinct than of draws from half of [`REPEATING`] values, about.
fn hardly_repeat(values: usize, distinct: usize) -> bool {
    let (values, distinct) = (values as u64, distinct as u64);
    distinct.saturating_mul(REPEATING + values) > REPEATING * values
}

/// The values of columns of this type, if we encode them ourselves.
pub(super) fn values(data_type: &DataType, dictionary: bool) -> Option<Box<dyn Values>> {
    Some(match data_type {
        DataType::Int32 | DataType::Date32 | DataType::Time32(_) => {
            Box::new(fixed::Fixed::<i32>::new(dictionary))
        }
        DataType::Int64 | DataType::Time64(_) | DataType::Duration(_) => {
            Box::new(fixed::Fixed::<i64>::new(dictionary))
        }
        DataType::Float32 => Box::new(fixed::Fixed::<f32>::new(dictionary)),
        DataType::Float64 => Box::new(fixed::Fixed::<f64>::new(dictionary)),
        // Seconds have no place in Parquet; the parquet crate converts them.
        DataType::Timestamp(unit, _) if *unit != TimeUnit::Second => {
            Box::new(fixed::Fixed::<i64>::new(dictionary))
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Box::new(text::Text::new(dictionary)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_is_kept_for_values_that_will_repeat() {
        // Distinct among the first 16,384 of uniform draws from 100 thousand and from a million values.
        assert!(!hardly_repeat(16_384, 15_113));
        assert!(hardly_repeat(16_384, 16_250));
        assert!(hardly_repeat(16_384, 16_384));
        // Among more of them, more should have come before.
        assert!(hardly_repeat(131_072, 120_000));
        assert!(!hardly_repeat(131_072, 73_000));
    }
}
