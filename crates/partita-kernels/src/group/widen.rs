//! Repacking: when a value does not fit the layout, all groups move to a wider one and keep their numbers.

use std::ops::Range;

use super::column::{KeyColumn, Shape, shape};
use super::field::{Code, Scratch};
use super::layout::{Layout, MOST_WORDS};
use super::packed::PackedTable;
use super::table::{CHUNK, GroupTable, Index, row_converter, rows_as_text};
use crate::plain::value_type;
use crate::{Error, Result};

impl GroupTable {
    /// Changes the layout so that `rows` of `columns` fit. False if whole keys became bytes: `columns` must then be made anew.
    pub(super) fn widen(&mut self, columns: &[KeyColumn], rows: Range<usize>) -> Result<bool> {
        let groups: Vec<KeyColumn> =
            self.layout.fields.iter().map(|field| self.decode(field, false)).collect();
        let mut before = std::mem::take(&mut self.layout.fields).into_iter().map(|field| field.code);
        let mut codes = Vec::with_capacity(columns.len());
        for (column, data_type) in columns.iter().zip(&self.types) {
            let before = before.next();
            codes.push(match (before, shape(value_type(data_type))) {
                (None, Shape::Wide(words)) => Code::Wide(words),
                (None, Shape::Rows) => Code::Interned(Box::default()),
                (before, _) => Code::fit(before, column, rows.clone())?,
            });
        }
        self.layout = Layout::new(codes);
        if self.layout.words > MOST_WORDS {
            self.become_one_row(groups)?;
            return Ok(false);
        }
        self.index =
            if let [Code::Interned(_)] = self.layout.fields.iter().map(|f| &f.code).collect::<Vec<_>>()[..] {
                Index::Codes
            } else {
                match self.layout.words {
                    0 | 1 => Index::One(PackedTable::new(self.layout.bits)),
                    2 => Index::Two(PackedTable::new(self.layout.bits)),
                    3 | 4 => Index::Four(PackedTable::new(self.layout.bits)),
                    _ => Index::Eight(PackedTable::new(self.layout.bits)),
                }
            };
        self.insert_groups(&groups)
    }

    /// Adds the groups of the former layout, which are distinct and in order, so that each gets its old number.
    fn insert_groups(&mut self, groups: &[KeyColumn]) -> Result<bool> {
        let count = groups.first().map_or(0, KeyColumn::len);
        let mut ids = Vec::with_capacity(CHUNK);
        let mut start = 0;
        while start < count {
            let chunk = start..count.min(start + CHUNK);
            start = chunk.end;
            ids.clear();
            if !self.upsert_chunk(groups, chunk, &mut ids) {
                return Err(Error::invalid("a group key did not fit the layout that was widened for it"));
            }
        }
        Ok(true)
    }

    /// The last resort, for keys of very many or very wide columns: each whole key as bytes.
    fn become_one_row(&mut self, groups: Vec<KeyColumn>) -> Result<()> {
        let resolved =
            groups.into_iter().zip(&self.layout.fields).map(|(column, field)| match (column, &field.code) {
                (KeyColumn::Codes(codes), Code::Interned(interner)) => {
                    let (views, buffers, nulls) = interner.table.resolve(&codes);
                    KeyColumn::Text(views, buffers, nulls)
                }
                (column, _) => column,
            });
        let arrays = self.arrays(resolved.collect())?;
        let converter = row_converter(&self.types)?;
        let groups = rows_as_text(&converter, &arrays)?;
        self.whole_row = Some(converter);
        self.scratch = Scratch::default();
        self.layout = Layout::new(vec![Code::Interned(Box::default())]);
        self.index = Index::Codes;
        self.insert_groups(&[groups]).map(drop)
    }
}
