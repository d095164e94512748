//! Numbers for the texts of one key column. Texts that come as codes of a dictionary are looked up once for each value
//! of the dictionary, and then by its code. `bytes` has the texts, `field` puts the numbers into keys.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::ArrayRef;

use super::bytes::BytesTable;
use super::column::{Coded, KeyColumn};

/// The number of a dictionary's value that was not met yet.
const UNKNOWN: u32 = u32::MAX;

/// The texts of a column in the order of their first appearance.
#[derive(Debug)]
pub(super) struct Interner {
    pub(super) table: BytesTable,
    /// Bits that a number takes in a packed key.
    bits: u32,
    /// The dictionary that came last, and the numbers of its values.
    dictionary: Option<ArrayRef>,
    numbers: Vec<u32>,
}

impl Default for Interner {
    fn default() -> Interner {
        Interner { table: BytesTable::default(), bits: u32::BITS, dictionary: None, numbers: Vec::new() }
    }
}

impl Interner {
    pub(super) fn bits(&self) -> u32 {
        self.bits
    }

    /// Makes numbers as wide as texts that are no codes may need.
    pub(super) fn widen(&mut self) {
        self.bits = u32::BITS;
    }

    /// Makes numbers wide enough for this dictionary's values beside the texts that are known, and as many again.
    pub(super) fn make_room(&mut self, coded: &Coded) {
        let texts = (self.table.len() + coded.dictionary.len()).max(1);
        let bits = (usize::BITS - texts.leading_zeros() + 1).min(u32::BITS);
        self.bits = if self.table.len() == 0 { bits } else { self.bits.max(bits) };
    }

    /// Whether all numbers given so far fit.
    pub(super) fn fits(&self) -> bool {
        self.table.len() as u64 <= 1 << self.bits
    }

    /// Appends the numbers of these rows' texts, new ones included; false if the column is not of texts.
    pub(super) fn upsert(&mut self, column: &KeyColumn, rows: Range<usize>, out: &mut Vec<u32>) -> bool {
        match column {
            KeyColumn::Text(views, buffers, nulls) => {
                let first_row = rows.start;
                self.table.upsert(&views[rows], buffers, nulls.as_ref(), first_row, out);
            }
            KeyColumn::Coded(coded) => self.upsert_coded(coded, rows, out),
            _ => return false,
        }
        true
    }

    fn upsert_coded(&mut self, coded: &Coded, rows: Range<usize>, out: &mut Vec<u32>) {
        let is_same =
            |known: &ArrayRef| std::ptr::addr_eq(Arc::as_ptr(known), Arc::as_ptr(&coded.dictionary));
        if !self.dictionary.as_ref().is_some_and(is_same) {
            self.dictionary = Some(Arc::clone(&coded.dictionary));
            self.numbers.clear();
            self.numbers.resize(coded.views.len(), UNKNOWN);
        }
        let (table, numbers) = (&mut self.table, &mut self.numbers);
        let mut number = |table: &mut BytesTable, code: u32| {
            let number = &mut numbers[code as usize];
            if *number == UNKNOWN {
                *number = table.number(coded.views[code as usize], &coded.buffers);
            }
            *number
        };
        match &coded.nulls {
            None => out.extend(coded.codes[rows].iter().map(|code| number(table, *code))),
            Some(nulls) => out.extend(rows.map(|row| match nulls.is_valid(row) {
                true => number(table, coded.codes[row]),
                false => table.null_number(),
            })),
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.table.size_bytes() + self.numbers.capacity() * size_of::<u32>()
    }

    pub(super) fn clear(&mut self) {
        self.table.clear();
        self.dictionary = None;
        self.numbers.clear();
    }
}
