//! Gives the coded columns of a key their places in as few 64-bit words as will do.

use super::field::{Code, Field, Place};

/// The widest packed key; a key that needs more becomes the bytes of arrow's row format.
pub(super) const MOST_WORDS: usize = 8;

/// Fields with their places, and the words and (if one word suffices) bits that they take.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) fields: Vec<Field>,
    pub(super) words: usize,
    /// Bits in use when the whole key lies in one word.
    pub(super) bits: u32,
}

impl Layout {
    /// Whole words first, then the rest into the first word that has room, largest first.
    pub(super) fn new(codes: Vec<Code>) -> Layout {
        let mut fields: Vec<Field> = codes
            .into_iter()
            .map(|code| Field { code, place: Place::default(), null: Place::default() })
            .collect();
        let mut used: Vec<u32> = Vec::new();
        let mut pieces: Vec<(u32, usize, bool)> = Vec::new();
        for (index, field) in fields.iter_mut().enumerate() {
            let (bits, words, has_null_bit) = field.code.needs();
            if words > 0 {
                field.place = Place { word: used.len(), shift: 0 };
                used.resize(used.len() + words, u64::BITS);
            } else {
                pieces.push((bits, index, false));
            }
            if has_null_bit {
                pieces.push((1, index, true));
            }
        }
        pieces.sort_by_key(|&(bits, index, is_null)| (std::cmp::Reverse(bits), index, is_null));
        for (bits, index, is_null) in pieces {
            let word = match used.iter().position(|&taken| taken + bits <= u64::BITS) {
                Some(word) => word,
                None => {
                    used.push(0);
                    used.len() - 1
                }
            };
            let place = Place { word, shift: used[word] };
            used[word] += bits;
            if is_null { fields[index].null = place } else { fields[index].place = place }
        }
        let bits = if let [bits] = used[..] { bits } else { u64::BITS };
        Layout { fields, words: used.len(), bits }
    }
}
