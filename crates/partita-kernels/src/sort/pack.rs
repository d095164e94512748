//! Packs the sort keys of one batch into 64-bit words: by the ranges of the values at hand, so that most keys fit wholly.
//!
//! Each column becomes a code from 0 to a maximum, codes are combined by mixed radix, and the first column that does not fit
//! gives as many of its leading bits as there is room for. Words that leave something open are followed by comparisons of
//! the columns from [`PackedRows::open`] on. The codes of text are in `text.rs`.

use super::SortOptions;
use super::text::TextCoder;
use crate::keys::{KeyColumn, KeyValues};

/// One word per row; rows with different words are in the words' order.
pub(super) struct PackedRows {
    pub(super) words: Vec<u64>,
    /// No word is larger.
    pub(super) max: u64,
    /// The first column that equal words say nothing, or not everything, about.
    pub(super) open: Option<usize>,
}

/// How one column becomes codes.
struct ColumnPlan {
    form: Form,
    /// The largest code of a value, before the cut.
    span: u128,
    /// How many low bits of the code are cut off.
    cut: u32,
    /// The largest code after the cut, null's included.
    max: u64,
}

enum Form {
    /// Distances from the smallest value.
    Distance(u128),
    /// What the coder makes of a text.
    Text(TextCoder),
}

impl PackedRows {
    /// Packs the columns. The words of the first are changed where they are if nothing else will need them.
    pub(super) fn new(columns: &mut [KeyColumn], options: &[SortOptions]) -> PackedRows {
        let rows = columns.first().map_or(0, KeyColumn::len);
        let mut packed = PackedRows { words: Vec::new(), max: 0, open: None };
        for (number, (column, options)) in columns.iter_mut().zip(options).enumerate() {
            let Some(plan) = ColumnPlan::new(column, room_beside(packed.max)) else {
                packed.words.resize(rows, 0);
                packed.open = Some(number);
                break;
            };
            match &mut column.values {
                KeyValues::Narrow { words, .. }
                    if number == 0 && column.nulls.is_none() && !plan.is_cut() =>
                {
                    packed.words = std::mem::take(words);
                    plan.replace(*options, &mut packed.words);
                }
                _ => {
                    packed.words.resize(rows, 0);
                    plan.push(column, *options, &mut packed.words);
                }
            }
            packed.max = packed.max * (plan.max.wrapping_add(1)) + plan.max;
            if plan.is_cut() {
                packed.open = Some(number);
                break;
            }
        }
        packed
    }
}

/// How many codes a further column may have beside words up to `max`: the product must stay below 2^64.
fn room_beside(max: u64) -> u128 {
    (1 << 64) / (u128::from(max) + 1)
}

impl ColumnPlan {
    /// Plans codes that number at most `room`; `None` if not even one bit fits.
    fn new(column: &KeyColumn, room: u128) -> Option<ColumnPlan> {
        let null = u128::from(column.nulls.is_some());
        let room = room.checked_sub(null).filter(|room| *room > 0)?;
        let (form, span) = match &column.values {
            KeyValues::Narrow { words, .. } => {
                let (low, high) = bounds(words, column).unwrap_or((0, 0));
                (Form::Distance(low.into()), u128::from(high - low))
            }
            KeyValues::Wide(words) => {
                let (low, high) = bounds(words, column).unwrap_or((0, 0));
                (Form::Distance(low), high - low)
            }
            KeyValues::Bytes(texts) => {
                let coder = TextCoder::new(texts, column.nulls.as_ref(), room);
                let span = u128::from(coder.max());
                (Form::Text(coder), span)
            }
        };
        // As many leading bits as number at most `room`.
        let cut = (0..u128::BITS).find(|cut| (span >> cut) < room)?;
        let max = u64::try_from((span >> cut) + null).ok()?;
        (span == 0 || span >> cut > 0).then_some(ColumnPlan { form, span, cut, max })
    }

    /// Whether equal codes can stand for different values.
    fn is_cut(&self) -> bool {
        self.cut > 0 || matches!(&self.form, Form::Text(coder) if !coder.is_whole())
    }

    /// Turns values into codes where they are.
    fn replace(&self, options: SortOptions, words: &mut [u64]) {
        if let Form::Distance(low) = &self.form {
            let low = u64::try_from(*low).unwrap_or(0);
            let high = low.wrapping_add(self.max);
            if options.descending {
                words.iter_mut().for_each(|word| *word = high.wrapping_sub(*word));
            } else {
                words.iter_mut().for_each(|word| *word = word.wrapping_sub(low));
            }
        }
    }

    /// Appends the column's codes to the words.
    fn push(&self, column: &KeyColumn, options: SortOptions, words: &mut [u64]) {
        let (span, cut) = (self.span, self.cut);
        match (&self.form, &column.values) {
            (Form::Distance(low), KeyValues::Narrow { words: values, .. }) => {
                let low = u64::try_from(*low).unwrap_or(0);
                let span = u64::try_from(span).unwrap_or(u64::MAX);
                let codes = values.iter().map(|value| {
                    let code = value.wrapping_sub(low);
                    (if options.descending { span.wrapping_sub(code) } else { code }) >> cut
                });
                self.push_codes(column, options, words, codes);
            }
            (Form::Distance(low), KeyValues::Wide(values)) => {
                let codes = values.iter().map(|value| {
                    let code = value.wrapping_sub(*low);
                    // In range after the cut, but for what stands in null slots.
                    ((if options.descending { span.wrapping_sub(code) } else { code }) >> cut) as u64
                });
                self.push_codes(column, options, words, codes);
            }
            (Form::Text(coder), KeyValues::Bytes(texts)) => {
                let mut codes = coder.codes(texts);
                if options.descending {
                    codes.iter_mut().for_each(|code| *code = coder.max().wrapping_sub(*code));
                }
                self.push_codes(column, options, words, codes.into_iter().map(|code| code >> cut));
            }
            _ => unreachable!("the plan was made for this column"),
        }
    }

    fn push_codes(
        &self,
        column: &KeyColumn,
        options: SortOptions,
        words: &mut [u64],
        codes: impl Iterator<Item = u64>,
    ) {
        let radix = self.max.wrapping_add(1);
        let push = |word: &mut u64, code: u64| *word = word.wrapping_mul(radix).wrapping_add(code);
        match &column.nulls {
            None => words.iter_mut().zip(codes).for_each(|(word, code)| push(word, code)),
            Some(nulls) => {
                let (null, first) = if options.nulls_first { (0, 1) } else { (self.max, 0) };
                for ((word, code), present) in words.iter_mut().zip(codes).zip(nulls.iter()) {
                    push(word, if present { code + first } else { null });
                }
            }
        }
    }
}

/// The smallest and the largest value that is not null.
fn bounds<T: Copy + Ord>(values: &[T], column: &KeyColumn) -> Option<(T, T)> {
    match &column.nulls {
        None => Some((*values.iter().min()?, *values.iter().max()?)),
        Some(nulls) => {
            let mut present = nulls.valid_indices().map(|row| values[row]);
            let first = present.next()?;
            Some(present.fold((first, first), |(low, high), value| (low.min(value), high.max(value))))
        }
    }
}
