//! Text compared with literal text: `==`, `!=` and `is_in`.
//!
//! A view of at most twelve bytes holds the whole text, so that short literals are compared as numbers of 128 bits; of
//! long ones the length and the first four bytes tell nearly all others apart.

use arrow::array::{Array, BooleanArray, StringViewArray};
use arrow::buffer::BooleanBuffer;
use hashbrown::HashSet;

/// Texts up to this length lie in their view.
const INLINE_BYTES: usize = 12;
/// Up to so many short texts are compared one after the other, more are looked up.
const FEW: usize = 8;

/// Some literal texts.
pub(super) enum Texts {
    /// One short text.
    View(u128),
    /// Some short texts.
    Views(Vec<u128>),
    /// One long text.
    Long(String),
    Set(HashSet<String>),
}

impl Texts {
    pub(super) fn new(texts: &[String]) -> Texts {
        let short = texts.iter().all(|text| text.len() <= INLINE_BYTES);
        match texts {
            [one] if short => Texts::View(view(one)),
            [one] => Texts::Long(one.clone()),
            some if short && some.len() <= FEW => Texts::Views(some.iter().map(|text| view(text)).collect()),
            many => Texts::Set(many.iter().cloned().collect()),
        }
    }

    /// Which of `texts` are among these; null where they are null.
    pub(super) fn contain(&self, texts: &StringViewArray) -> BooleanArray {
        let (views, rows) = (texts.views(), texts.len());
        let bits = match self {
            Texts::View(view) => BooleanBuffer::collect_bool(rows, |row| views[row] == *view),
            Texts::Views(some) => BooleanBuffer::collect_bool(rows, |row| {
                some.iter().fold(false, |found, view| found | (views[row] == *view))
            }),
            Texts::Long(long) => {
                let first = start(long);
                BooleanBuffer::collect_bool(rows, |row| {
                    views[row] as u64 == first && texts.is_valid(row) && texts.value(row) == long
                })
            }
            Texts::Set(set) => {
                BooleanBuffer::collect_bool(rows, |row| texts.is_valid(row) && set.contains(texts.value(row)))
            }
        };
        BooleanArray::new(bits, texts.nulls().cloned())
    }
}

/// The view of a short text.
fn view(text: &str) -> u128 {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&(text.len() as u32).to_le_bytes());
    bytes[4..4 + text.len()].copy_from_slice(text.as_bytes());
    u128::from_le_bytes(bytes)
}

/// The low half of a long text's view: its length and its first four bytes.
fn start(text: &str) -> u64 {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&(text.len() as u32).to_le_bytes());
    bytes[4..].copy_from_slice(&text.as_bytes()[..4]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_of_every_length_and_number_are_found() {
        let words: Vec<String> = (0..40)
            .map(|length| "héllo wörld, and so on and on and on".chars().take(length).collect())
            .collect();
        let texts: StringViewArray = words.iter().map(|word| Some(word.as_str())).chain([None]).collect();
        // Also rows that do not begin with the first, and views into a buffer.
        for texts in [texts.clone(), texts.slice(3, 30)] {
            for count in [1, 2, 8, 9] {
                for first in 0..30 {
                    let wanted: Vec<String> = words[first..first + count].to_vec();
                    let found = Texts::new(&wanted).contain(&texts);
                    for row in 0..texts.len() {
                        let expected =
                            texts.is_valid(row).then(|| wanted.iter().any(|word| word == texts.value(row)));
                        let is = found.is_valid(row).then(|| found.value(row));
                        assert_eq!(is, expected, "row {row} in {wanted:?}");
                    }
                }
            }
        }
    }
}
