//! [`CodedHeads`]: probe keys that come as codes of a dictionary. Each value of the dictionary is looked up once, and the
//! rows then by their codes. `table.rs` decides when; what is found goes on to `probe.rs`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray};
use arrow::datatypes::UInt32Type;

use super::NO_ROW;
use super::coder::clear_nulls;
use super::index::{KeyIndex, Scratch};
use crate::Result;
use crate::keys::KeyColumn;

/// A dictionary may have so many values for each row of the batch for which it is looked up.
const VALUES_PER_ROW: usize = 2;

/// What identifies a table, though another may come to lie at its address.
pub(super) type TableId = Arc<()>;

/// The first build row of each value of the dictionary that came last.
#[derive(Debug, Default)]
pub(super) struct CodedHeads {
    looked_up: Option<(TableId, ArrayRef)>,
    heads: Vec<u32>,
}

impl CodedHeads {
    /// Appends each row's first build row and says true, if the only key is codes of a dictionary that is worth it; null
    /// matches nothing.
    pub(super) fn lookup(
        &mut self,
        table: &TableId,
        index: &KeyIndex,
        keys: &[ArrayRef],
        scratch: &mut Scratch,
        heads: &mut Vec<u32>,
    ) -> Result<bool> {
        let [key] = keys else { return Ok(false) };
        let Some(coded) = key.as_dictionary_opt::<UInt32Type>() else { return Ok(false) };
        let is_known = self.looked_up.as_ref().is_some_and(|(of, values)| {
            Arc::ptr_eq(of, table) && std::ptr::addr_eq(Arc::as_ptr(values), Arc::as_ptr(coded.values()))
        });
        if !is_known {
            if coded.values().len() > VALUES_PER_ROW * coded.len() {
                return Ok(false);
            }
            self.look_up(table, index, coded, scratch)?;
        }
        let head = |code: &u32| self.heads.get(*code as usize).copied().unwrap_or(NO_ROW);
        let codes = coded.keys().values().iter();
        match coded.keys().nulls() {
            None => heads.extend(codes.map(head)),
            Some(nulls) => heads
                .extend(codes.zip(nulls).map(|(code, is_valid)| if is_valid { head(code) } else { NO_ROW })),
        }
        Ok(true)
    }

    fn look_up(
        &mut self,
        table: &TableId,
        index: &KeyIndex,
        coded: &DictionaryArray<UInt32Type>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let column = KeyColumn::new(coded.values().as_ref())?;
        let mut valid = vec![1; column.len()];
        clear_nulls(&column, &mut valid);
        self.looked_up = None;
        self.heads.clear();
        index.lookup(&[column], &mut valid, scratch, &mut self.heads)?;
        self.looked_up = Some((Arc::clone(table), Arc::clone(coded.values())));
        Ok(())
    }
}
