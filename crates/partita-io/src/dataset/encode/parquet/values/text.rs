//! Texts. One of up to twelve bytes is a single number, as it lies inline in an Arrow view: its length in the
//! lowest four bytes, then its bytes, then zeros. That is its key in the dictionary, the bytes of its plain
//! encoding, and, turned round, its place in the order.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use arrow::datatypes::DataType;

use super::super::bounds::{Bound, Bounds};
use super::Values;
use super::table::{Table, fold, make_room};

/// Text up to this length is short: it is a single number.
const SHORT: usize = 12;

/// A text, and where it stands among others by its first twelve bytes.
#[derive(Clone, Copy)]
struct Ranked<'a> {
    rank: u128,
    /// Empty if the text is short: then its rank says all.
    long: &'a [u8],
}

impl Ranked<'_> {
    fn compare(&self, other: &Ranked<'_>) -> Ordering {
        // Long texts come after the short ones that they begin with; among themselves all bytes count.
        self.rank.cmp(&other.rank).then_with(|| self.long.cmp(other.long))
    }
}

/// A short text as a number.
#[inline]
fn short(text: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    bytes[4..4 + text.len()].copy_from_slice(text);
    u128::from_le_bytes(bytes) | text.len() as u128
}

/// The first twelve bytes most significant, then the length.
#[inline(always)]
fn rank_of_short(text: u128) -> u128 {
    (text >> 32).swap_bytes() | u128::from(text as u32)
}

#[inline]
fn rank_of_long(text: &[u8]) -> u128 {
    (short(&text[..SHORT]) >> 32).swap_bytes() | u128::from(u32::MAX)
}

#[inline(always)]
fn length(view: u128) -> usize {
    view as u32 as usize
}

/// Equal for equal texts, and different from every short one. Lengths are below 2^32.
fn key_of_long(text: &[u8]) -> u128 {
    let mut hash = text.len() as u64;
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    };
    for piece in text.chunks(16) {
        let (a, b) = piece.split_at(piece.len().min(8));
        hash = fold(hash ^ word(a), word(b));
    }
    text.len() as u128 | u128::from(hash) << 64
}

#[inline(always)]
fn hash(key: u128) -> u64 {
    fold(key as u64, (key >> 64) as u64)
}

/// Distinct texts, as the dictionary page holds them: each with four bytes of length before it.
struct Dictionary {
    table: Table,
    page: Vec<u8>,
    /// Where the bytes of an entry begin in `page`.
    starts: Vec<usize>,
    keys: Vec<u128>,
    codes: Vec<u32>,
    plain_bytes: usize,
}

impl Dictionary {
    fn get(&self, code: usize) -> &[u8] {
        let start = self.starts[code];
        let end = self.starts.get(code + 1).map_or(self.page.len(), |&next| next - 4);
        &self.page[start..end]
    }

    fn ranked(&self, code: usize) -> Ranked<'_> {
        let key = self.keys[code];
        if length(key) <= SHORT {
            return Ranked { rank: rank_of_short(key), long: &[] };
        }
        let long = self.get(code);
        Ranked { rank: rank_of_long(long), long }
    }

    /// Appends the codes of views; `long` gives the text of one that is not short.
    fn extend<'a>(&mut self, views: &[u128], long: impl Fn(u128) -> &'a [u8]) {
        let mut codes = std::mem::take(&mut self.codes);
        make_room(&mut codes, views.len());
        codes.extend(views.iter().map(|view| {
            self.plain_bytes += 4 + length(*view);
            match length(*view) {
                ..=SHORT => self.code_of_short(*view),
                _ => self.code_of_long(long(*view)),
            }
        }));
        self.codes = codes;
    }

    #[inline(always)]
    fn code_of_short(&mut self, text: u128) -> u32 {
        let keys = &self.keys;
        let (code, new) = self.table.find(hash(text), |code| keys[code as usize] == text);
        if new {
            self.enter(text, &text.to_le_bytes()[4..4 + length(text)]);
        }
        code
    }

    fn code_of_long(&mut self, text: &[u8]) -> u32 {
        let key = key_of_long(text);
        let Dictionary { table, page, starts, keys, .. } = self;
        let (code, new) = table.find(hash(key), |code| {
            keys[code as usize] == key && page[starts[code as usize]..].starts_with(text)
        });
        if new {
            self.enter(key, text);
        }
        code
    }

    #[inline(never)]
    fn enter(&mut self, key: u128, text: &[u8]) {
        self.page.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.starts.push(self.page.len());
        self.page.extend_from_slice(text);
        self.keys.push(key);
        let keys = &self.keys;
        self.table.grow(|code| hash(keys[code as usize]));
    }
}

pub(super) struct Text {
    dictionary: Option<Dictionary>,
    waiting: Waiting,
}

/// Plain texts that wait for their page.
#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// The least and the greatest so far: ranks, and their texts if they are long.
    bounds: Option<[(u128, Vec<u8>); 2]>,
}

impl Waiting {
    #[inline(always)]
    fn push_short(&mut self, text: u128) {
        let end = self.bytes.len() + 4 + length(text);
        self.bytes.extend_from_slice(&text.to_le_bytes());
        self.bytes.truncate(end);
        self.note(Ranked { rank: rank_of_short(text), long: &[] });
    }

    fn push_long(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(text);
        self.note(Ranked { rank: rank_of_long(text), long: text });
    }

    #[inline(always)]
    fn note(&mut self, text: Ranked<'_>) {
        let Some([min, max]) = &mut self.bounds else {
            self.bounds = Some([(text.rank, text.long.to_vec()), (text.rank, text.long.to_vec())]);
            return;
        };
        let replaces = |bound: &(u128, Vec<u8>), wanted: Ordering| {
            text.compare(&Ranked { rank: bound.0, long: &bound.1 }) == wanted
        };
        if replaces(min, Ordering::Less) {
            *min = (text.rank, text.long.to_vec());
        }
        if replaces(max, Ordering::Greater) {
            *max = (text.rank, text.long.to_vec());
        }
    }
}

/// The text of a rank, of which a long text is given whole.
fn text_of(rank: u128, long: &[u8]) -> Vec<u8> {
    if !long.is_empty() {
        return long.to_vec();
    }
    rank.to_be_bytes()[..length(rank)].to_vec()
}

impl Text {
    pub(super) fn new(dictionary: bool) -> Self {
        let empty = || Dictionary {
            table: Table::new(),
            page: Vec::new(),
            starts: Vec::new(),
            keys: Vec::new(),
            codes: Vec::new(),
            plain_bytes: 0,
        };
        Text { dictionary: dictionary.then(empty), waiting: Waiting::default() }
    }

    fn push_views(&mut self, array: &StringViewArray, views: &[u128]) {
        let buffers = array.data_buffers();
        let long = |view: u128| {
            let (buffer, offset) = ((view >> 64) as u32 as usize, (view >> 96) as usize);
            &buffers[buffer][offset..offset + length(view)]
        };
        match &mut self.dictionary {
            Some(dictionary) => dictionary.extend(views, long),
            None => views.iter().for_each(|view| match length(*view) {
                ..=SHORT => self.waiting.push_short(*view),
                _ => self.waiting.push_long(long(*view)),
            }),
        }
    }

    fn push(&mut self, text: &[u8]) {
        match &mut self.dictionary {
            None if text.len() <= SHORT => self.waiting.push_short(short(text)),
            None => self.waiting.push_long(text),
            Some(dictionary) => {
                let code = match text.len() {
                    ..=SHORT => dictionary.code_of_short(short(text)),
                    _ => dictionary.code_of_long(text),
                };
                dictionary.codes.push(code);
                dictionary.plain_bytes += 4 + text.len();
            }
        }
    }

    fn push_valid<'a>(&mut self, array: &ArrayRef, text: impl Fn(usize) -> &'a [u8]) {
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => (0..array.len()).for_each(|at| self.push(text(at))),
            Some(nulls) => nulls.valid_indices().for_each(|at| self.push(text(at))),
        }
    }
}

impl Values for Text {
    fn append(&mut self, array: &ArrayRef) {
        match array.data_type() {
            DataType::Utf8View => {
                let texts = array.as_string_view();
                let views = texts.views();
                match array.nulls().filter(|nulls| nulls.null_count() > 0) {
                    None => self.push_views(texts, views),
                    Some(nulls) => {
                        let valid: Vec<u128> = nulls.valid_indices().map(|at| views[at]).collect();
                        self.push_views(texts, &valid);
                    }
                }
            }
            DataType::Utf8 => {
                let texts = array.as_string::<i32>();
                self.push_valid(array, |at| texts.value(at).as_bytes());
            }
            _ => {
                let texts = array.as_string::<i64>();
                self.push_valid(array, |at| texts.value(at).as_bytes());
            }
        }
    }

    fn codes(&self) -> &[u32] {
        self.dictionary.as_ref().map_or(&[], |dictionary| &dictionary.codes)
    }

    fn distinct(&self) -> usize {
        self.dictionary.as_ref().map_or(0, |dictionary| dictionary.starts.len())
    }

    fn dictionary(&self, out: &mut Vec<u8>) {
        if let Some(dictionary) = &self.dictionary {
            out.extend_from_slice(&dictionary.page);
        }
    }

    fn dictionary_bytes(&self) -> usize {
        self.dictionary.as_ref().map_or(0, |dictionary| dictionary.page.len())
    }

    fn plain_bytes_of_codes(&self) -> usize {
        self.dictionary.as_ref().map_or(0, |dictionary| dictionary.plain_bytes)
    }

    fn plain_of(&self, codes: &[u32], out: &mut Vec<u8>) {
        if let Some(dictionary) = &self.dictionary {
            for &code in codes {
                let text = dictionary.get(code as usize);
                out.extend_from_slice(&(text.len() as u32).to_le_bytes());
                out.extend_from_slice(text);
            }
        }
    }

    fn bounds_of(&self, seen: &[bool]) -> Bounds {
        let dictionary = self.dictionary.as_ref()?;
        let mut codes = (0..dictionary.starts.len()).filter(|&code| seen[code]);
        let first = dictionary.ranked(codes.next()?);
        let (min, max) = codes.fold((first, first), |(min, max), code| {
            let text = dictionary.ranked(code);
            (
                if text.compare(&min).is_lt() { text } else { min },
                if text.compare(&max).is_gt() { text } else { max },
            )
        });
        Some((Bound::Text(text_of(min.rank, min.long)), Bound::Text(text_of(max.rank, max.long))))
    }

    fn turn_plain(&mut self) {
        self.dictionary = None;
    }

    fn waiting_bytes(&self) -> usize {
        self.waiting.bytes.len()
    }

    fn take_waiting(&mut self, out: &mut Vec<u8>) -> Bounds {
        out.extend_from_slice(&self.waiting.bytes);
        self.waiting.bytes.clear();
        let [min, max] = self.waiting.bounds.take()?;
        Some((Bound::Text(text_of(min.0, &min.1)), Bound::Text(text_of(max.0, &max.1))))
    }

    fn sample(&self) -> Bound {
        Bound::Text(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(text: &[u8]) -> Ranked<'_> {
        match text.len() {
            ..=SHORT => Ranked { rank: rank_of_short(short(text)), long: &[] },
            _ => Ranked { rank: rank_of_long(text), long: text },
        }
    }

    proptest::proptest! {
        #[test]
        fn ranks_are_the_order_of_bytes(
            start in proptest::collection::vec(0u8..3, 0..14),
            a in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..4),
            b in proptest::collection::vec(0u8..2, 0..4),
        ) {
            let (a, b) = ([start.clone(), a].concat(), [start, b].concat());
            assert_eq!(ranked(&a).compare(&ranked(&b)), a.cmp(&b));
            assert_eq!(text_of(ranked(&a).rank, ranked(&a).long), a);
        }
    }
}
