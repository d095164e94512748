//! [`TextCoder`]: text as order-keeping numbers, place by place.
//!
//! Identifiers, names and dates written as text use few different bytes at each place, and begin alike. A place where all texts
//! agree costs nothing, a place with ten digits costs 3.3 bits, so that texts of a dozen bytes often fit wholly in a word.

use arrow::array::{Array, BinaryViewArray};
use arrow::buffer::NullBuffer;

/// Places beyond this one are left to comparisons.
const PLACES: usize = 32;
/// Texts up to this length are read straight from their views.
const INLINE_PLACES: usize = 12;

/// Codes for the texts of one array.
pub(super) struct TextCoder {
    /// The places with more than one possible byte.
    places: Vec<Place>,
    max: u64,
    whole: bool,
    /// All texts are inside their views.
    inline: bool,
}

/// One place of the texts.
struct Place {
    number: usize,
    /// The smallest byte found here.
    low: u8,
    /// Shorter texts have code 0 here.
    may_end: bool,
    /// What one step at this place is worth.
    weight: u64,
}

/// What is found at each place.
struct Range<const N: usize> {
    low: [u8; N],
    high: [u8; N],
    shortest: usize,
    longest: usize,
}

impl TextCoder {
    /// Takes the leading places whose codes number at most `room` together.
    pub(super) fn new(texts: &BinaryViewArray, nulls: Option<&NullBuffer>, room: u128) -> TextCoder {
        let present = |row: usize| nulls.is_none_or(|nulls| nulls.is_valid(row));
        let inline = texts
            .views()
            .iter()
            .enumerate()
            .all(|(row, view)| !present(row) || length(*view) <= INLINE_PLACES);
        let rows = (0..texts.len()).filter(|row| present(*row));
        if inline {
            let mut range = Range::<16>::new();
            rows.for_each(|row| range.add(&inline_head(texts.views()[row]), length(texts.views()[row])));
            TextCoder::plan(&range, true, room)
        } else {
            let mut range = Range::<PLACES>::new();
            rows.for_each(|row| range.add(&head(texts.value(row)), texts.value(row).len()));
            TextCoder::plan(&range, false, room)
        }
    }

    fn plan<const N: usize>(range: &Range<N>, inline: bool, room: u128) -> TextCoder {
        let mut codes = 1_u128;
        let mut places = Vec::new();
        let mut covered = 0;
        for number in 0..range.longest.min(N) {
            let may_end = range.shortest <= number;
            let (low, high) = (range.low[number], range.high[number]);
            let here = u128::from(high - low) + 1 + u128::from(may_end);
            if codes * here > room {
                break;
            }
            covered = number + 1;
            codes *= here;
            if here > 1 {
                // For now the number of codes at this place; the weights follow from the last place to the first.
                places.push(Place { number, low, may_end, weight: u64::try_from(here).unwrap_or(u64::MAX) });
            }
        }
        let mut weight = 1_u64;
        for place in places.iter_mut().rev() {
            weight = std::mem::replace(&mut place.weight, weight).wrapping_mul(weight);
        }
        let max = u64::try_from(codes - 1).unwrap_or(u64::MAX);
        TextCoder { places, max, whole: covered == range.longest, inline }
    }

    /// The largest code.
    pub(super) fn max(&self) -> u64 {
        self.max
    }

    /// Whether different texts have different codes.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// One code per row; null rows get any.
    pub(super) fn codes(&self, texts: &BinaryViewArray) -> Vec<u64> {
        if self.inline {
            texts.views().iter().map(|view| self.code(&inline_head(*view), length(*view))).collect()
        } else {
            (0..texts.len()).map(|row| self.code(&head(texts.value(row)), texts.value(row).len())).collect()
        }
    }

    #[inline]
    fn code<const N: usize>(&self, head: &[u8; N], length: usize) -> u64 {
        let mut code = 0_u64;
        for place in &self.places {
            let byte = u64::from(head[place.number % N].wrapping_sub(place.low)) + u64::from(place.may_end);
            let byte = if length > place.number { byte } else { 0 };
            code = code.wrapping_add(byte.wrapping_mul(place.weight));
        }
        code
    }
}

impl<const N: usize> Range<N> {
    fn new() -> Range<N> {
        Range { low: [u8::MAX; N], high: [0; N], shortest: usize::MAX, longest: 0 }
    }

    #[inline]
    fn add(&mut self, head: &[u8; N], length: usize) {
        for (place, byte) in head.iter().enumerate() {
            // Beyond the text's end the head is zero, which must not count as a small byte.
            let byte_or_high = if place < length { *byte } else { u8::MAX };
            self.low[place] = self.low[place].min(byte_or_high);
            self.high[place] = self.high[place].max(*byte);
        }
        self.shortest = self.shortest.min(length);
        self.longest = self.longest.max(length);
    }
}

#[inline(always)]
fn length(view: u128) -> usize {
    (view as u32) as usize
}

/// The text of a view that holds it, padded with zeros.
#[inline(always)]
fn inline_head(view: u128) -> [u8; 16] {
    (view >> 32).to_le_bytes()
}

/// The first bytes of a text, padded with zeros.
#[inline(always)]
fn head(text: &[u8]) -> [u8; PLACES] {
    let mut head = [0; PLACES];
    let shown = text.len().min(PLACES);
    head[..shown].copy_from_slice(&text[..shown]);
    head
}
