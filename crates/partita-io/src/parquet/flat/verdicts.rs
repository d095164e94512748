//! What a filter says of the values of a dictionary, asked once instead of row by row.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;

use super::loaded::{Loaded, Part, Picked, Segment, SegmentValues};
use super::values::Dictionary;
use crate::Result;

/// A dictionary is asked about if at least so many rows share each of its values.
const ROWS_PER_VALUE: usize = 4;

/// Which values of a dictionary pass.
#[derive(Debug)]
pub(crate) struct Verdicts {
    dictionary: Arc<Dictionary>,
    /// By code, the place of nulls included.
    keep: Vec<bool>,
}

impl Loaded {
    /// Verdicts over the dictionary of these rows, `known` ones if they are: `None` without a dictionary, or if that is
    /// too large for `rows` rows. `keep` is asked about an array of its values.
    pub(crate) fn verdicts(
        &self,
        known: Option<Verdicts>,
        rows: usize,
        is_nullable: bool,
        keep: impl FnOnce(&ArrayRef) -> Result<BooleanBuffer>,
    ) -> Result<Option<Verdicts>> {
        let dictionary = self.segments.iter().find_map(|segment| match &segment.values {
            SegmentValues::Codes(_, dictionary) => Some(dictionary),
            _ => None,
        });
        let Some(dictionary) = dictionary else { return Ok(known) };
        if known.as_ref().is_some_and(|known| Arc::ptr_eq(&known.dictionary, dictionary)) {
            return Ok(known);
        }
        if dictionary.len.saturating_mul(ROWS_PER_VALUE) > rows {
            return Ok(None);
        }
        // A column that cannot be null must not be shown a null.
        let places = dictionary.len + usize::from(is_nullable);
        let valid = is_nullable.then(|| BooleanBuffer::collect_bool(places, |place| place < dictionary.len));
        let codes = (0..places as u32).collect();
        let values = SegmentValues::Codes(codes, Arc::clone(dictionary));
        let all = Loaded {
            shape: self.shape,
            data_type: self.data_type.clone(),
            first: 0,
            segments: vec![Segment { rows: places, valid, values }],
        };
        let keep = keep(&all.array(&Picked::All(places))?)?;
        let keep = keep.iter().chain([false]).take(dictionary.len + 1).collect();
        Ok(Some(Verdicts { dictionary: Arc::clone(dictionary), keep }))
    }

    /// The picked rows that pass: by their codes, or, in pages without codes, by what `keep` says of their values.
    pub(crate) fn narrowed(
        &self,
        picked: &Picked,
        verdicts: &Verdicts,
        mut keep: impl FnMut(&ArrayRef) -> Result<BooleanBuffer>,
    ) -> Result<Picked> {
        let mut rows: Vec<u32> = vec![0; picked.len()];
        let (mut count, mut failed) = (0, None);
        let mut first = self.first as u32;
        self.each_segment(picked, |segment, part| {
            let begins = first;
            first += segment.rows as u32;
            let passes = |code: u32| usize::from(verdicts.keep[code as usize]);
            match (&segment.values, part) {
                (SegmentValues::Codes(codes, dictionary), part)
                    if Arc::ptr_eq(dictionary, &verdicts.dictionary) =>
                {
                    match part {
                        Part::All(_) => {
                            for (row, code) in (begins..).zip(codes) {
                                rows[count] = row;
                                count += passes(*code);
                            }
                        }
                        Part::Some(some, _) => {
                            for row in some {
                                rows[count] = *row;
                                count += passes(codes[(row - begins) as usize]);
                            }
                        }
                    }
                }
                (_, part) => {
                    let own: Vec<u32> = match part {
                        Part::All(all) => (begins..begins + all as u32).collect(),
                        Part::Some(some, _) => some.to_vec(),
                    };
                    let own = Picked::Some(own);
                    match self.array(&own).and_then(|array| keep(&array)) {
                        Ok(mask) => {
                            if let Picked::Some(own) = own {
                                for (row, keep) in own.iter().zip(mask.iter()) {
                                    rows[count] = *row;
                                    count += usize::from(keep);
                                }
                            }
                        }
                        Err(error) => failed = failed.take().or(Some(error)),
                    }
                }
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        if count == picked.len() {
            return Ok(picked.clone());
        }
        rows.truncate(count);
        Ok(Picked::Some(rows))
    }
}
