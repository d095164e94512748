//! Types from values: what a value can be, what a set of values can be together, and a sample of files.
//!
//! Whole numbers are `Int64`, numbers `Float64`, `true` and `false` `Boolean`, dates `Date32`, times
//! `Time64(µs)`, timestamps `Timestamp(µs)`, with an offset `Timestamp(µs, UTC)`; everything else, and a
//! column without values, is text. Numbers with leading zeros or `+`, and whole numbers beyond 64 bits or
//! that a float beside them cannot hold exactly, make a column text, so that no digit is ever lost.
//! A sample can be wrong; then a reader fails and `widen.rs` looks at every value.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};

use super::convert::{Decoder, boolean};
use super::dialect::State;
use super::file::CsvFile;
use super::index::{Index, index};
use super::input::Input;
use super::moment;
use super::number::{self, Grammar};
use super::options::CsvOptions;
use super::rows::{Cells, Table};
use super::value::unquoted;
use crate::together::in_order;
use crate::{ReadContext, Result};

const FILES: usize = 10;
const BEGINNING_BYTES: usize = 256 << 10;
const MIDDLE_BYTES: usize = 128 << 10;
const MIDDLES: u64 = 3;

/// What the values of a column can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds(u16);

impl Kinds {
    const INTEGER: Kinds = Kinds(1);
    /// An integer that no double holds.
    const LONG_INTEGER: Kinds = Kinds(1 << 1);
    const FLOAT: Kinds = Kinds(1 << 2);
    const BOOLEAN: Kinds = Kinds(1 << 3);
    const DATE: Kinds = Kinds(1 << 4);
    const TIMESTAMP: Kinds = Kinds(1 << 5);
    const INSTANT: Kinds = Kinds(1 << 6);
    const TIME: Kinds = Kinds(1 << 7);
    /// Any value.
    pub(crate) const TEXT: Kinds = Kinds(1 << 8);

    pub(crate) fn with(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    fn within(self, other: Kinds) -> bool {
        self.0 & !other.0 == 0
    }

    /// The narrowest type that holds values of all these kinds.
    pub(crate) fn data_type(self) -> DataType {
        if self.0 == 0 {
            DataType::Utf8View
        } else if self.within(Kinds::INTEGER.with(Kinds::LONG_INTEGER)) {
            DataType::Int64
        } else if self.within(Kinds::INTEGER.with(Kinds::FLOAT)) {
            DataType::Float64
        } else if self.within(Kinds::BOOLEAN) {
            DataType::Boolean
        } else if self.within(Kinds::DATE) {
            DataType::Date32
        } else if self.within(Kinds::DATE.with(Kinds::TIMESTAMP)) {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        } else if self.within(Kinds::INSTANT) {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        } else if self.within(Kinds::TIME) {
            DataType::Time64(TimeUnit::Microsecond)
        } else {
            DataType::Utf8View
        }
    }

    pub(crate) fn is_text(self) -> bool {
        self.data_type() == DataType::Utf8View
    }

    /// What one value can be.
    pub(crate) fn of(text: &[u8], infer_dates: bool) -> Kinds {
        match text.first() {
            Some(b'0'..=b'9' | b'-' | b'.') => Kinds::of_number(text, infer_dates),
            Some(_) if boolean(text, false).is_some() => Kinds::BOOLEAN,
            Some(_) if number::float(text, 0, text.len(), Grammar::Strict).is_some() => Kinds::FLOAT,
            _ => Kinds::TEXT,
        }
    }

    fn of_number(text: &[u8], infer_dates: bool) -> Kinds {
        if let Some(value) = number::integer(text, 0, text.len(), Grammar::Strict) {
            let is_exact = value as f64 as i128 == i128::from(value);
            return if is_exact { Kinds::INTEGER } else { Kinds::LONG_INTEGER };
        }
        if number::float(text, 0, text.len(), Grammar::Strict).is_some() {
            return Kinds::FLOAT;
        }
        if !infer_dates {
            return Kinds::TEXT;
        }
        if moment::date(text, 0, text.len()).is_some() {
            return Kinds::DATE;
        }
        if let Some(moment) = moment::timestamp(text) {
            return match moment {
                _ if !moment.nanoseconds.is_multiple_of(1_000) => Kinds::TEXT,
                _ if moment.has_offset => Kinds::INSTANT,
                _ => Kinds::TIMESTAMP,
            };
        }
        match moment::time(text, false) {
            Some(clock) if clock.nanoseconds.is_multiple_of(1_000) => Kinds::TIME,
            _ => Kinds::TEXT,
        }
    }
}

/// What a sample of files shows: the kinds of their columns, and how long their rows are.
pub(crate) struct Sample {
    pub(crate) kinds: Vec<Kinds>,
    rows: u64,
    bytes: u64,
}

impl Sample {
    fn none(columns: usize) -> Sample {
        Sample { kinds: vec![Kinds::default(); columns], rows: 0, bytes: 0 }
    }

    fn with(mut self, other: Sample) -> Sample {
        self.kinds = self.kinds.into_iter().zip(other.kinds).map(|(all, one)| all.with(one)).collect();
        Sample { rows: self.rows + other.rows, bytes: self.bytes + other.bytes, ..self }
    }

    /// About how many rows are in so many bytes of text.
    pub(crate) fn rows_of(&self, bytes: u64) -> Option<u64> {
        (self.rows > 0).then(|| (bytes as f64 * self.rows as f64 / self.bytes.max(1) as f64) as u64)
    }
}

/// The kinds of the columns of some files, by a sample of them.
pub(crate) struct Sampler<'a> {
    pub(crate) options: &'a CsvOptions,
    pub(crate) decoder: &'a Decoder,
    pub(crate) context: &'a ReadContext,
}

impl Sampler<'_> {
    /// Looks at the beginnings of up to ten files, evenly spread, and into the middles of large ones.
    /// `fields_of` says which field of a file is which column; there are `columns` of them.
    pub(crate) fn sample(
        &self,
        files: &[CsvFile],
        columns: usize,
        fields_of: impl Fn(&CsvFile) -> Result<Vec<Option<usize>>> + Sync,
    ) -> Result<Sample> {
        let count = files.len().min(FILES);
        let rows = (self.options.infer_rows / count.max(1)).max(1);
        let of_files = in_order("CSV", self.context.threads, count, |number| {
            let file = &files[if count == 1 { 0 } else { number * (files.len() - 1) / (count - 1) }];
            let mut found = Sample::none(columns);
            self.context.check()?;
            let head = file.head(self.options, &self.decoder.dialect, self.context)?;
            if head.fields == 0 {
                return Ok(found);
            }
            let fields = fields_of(file)?;
            let mut input =
                Input::open(file.open(self.context)?, self.options.encoding, &self.context.limits)?;
            input.skip(head.data_start)?;
            let is_plain = input.is_plain();
            let places = if is_plain && file.info.len > 4 * BEGINNING_BYTES as u64 { MIDDLES + 1 } else { 1 };
            let budget = (rows / places as usize).max(1);
            self.look_at(&mut input, BEGINNING_BYTES, head.fields, &fields, budget, &mut found, false)?;
            for place in 1..places {
                let Input::Plain { position, .. } = &mut input else { break };
                *position = (file.info.len / (MIDDLES + 1) * place).max(head.data_start);
                self.look_at(&mut input, MIDDLE_BYTES, head.fields, &fields, budget, &mut found, true)?;
            }
            Ok(found)
        })?;
        Ok(of_files.into_iter().fold(Sample::none(columns), Sample::with))
    }

    #[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
    fn look_at(
        &self,
        input: &mut Input,
        bytes: usize,
        file_fields: usize,
        fields: &[Option<usize>],
        rows: usize,
        sample: &mut Sample,
        mid_line: bool,
    ) -> Result<()> {
        let mut buffer = vec![0; bytes];
        let len = input.read(&mut buffer)?;
        let start = match memchr::memchr(b'\n', &buffer[..len]) {
            Some(found) if mid_line => found + 1,
            None if mid_line => return Ok(()),
            _ => 0,
        };
        let mut found = Index::default();
        found.clear(0);
        let text = &buffer[start..len];
        let state = index(&self.decoder.dialect, text, State::RecordStart, &mut found);
        if len < bytes {
            found.finish(state, text.len());
        }
        found.truncate(found.records.len());
        let records = found.records.len();
        let table = Table::new(&mut found, text, file_fields, false);
        // A guess that began within quotes sees nonsense, and says nothing.
        if mid_line && table.rows() * 2 < records {
            return Ok(());
        }
        sample.rows += table.rows() as u64;
        sample.bytes += text.len() as u64;
        let rows = rows.min(table.rows());
        let cells = table.cells(text, 0, rows);
        for (kind, field) in sample.kinds.iter_mut().zip(fields) {
            if let Some(field) = *field {
                *kind = self.kinds_of(cells, field, field + 1 == file_fields, *kind);
            }
        }
        Ok(())
    }

    fn kinds_of(&self, cells: Cells<'_>, field: usize, is_last: bool, mut kinds: Kinds) -> Kinds {
        for cell in cells.column(field, is_last) {
            let kind = kind_of_cell(self.decoder, cell.raw(cells.bytes), self.options.infer_dates);
            let Some(kind) = kind.filter(|kind| !kind.within(kinds)) else { continue };
            kinds = kinds.with(kind);
            if kinds.is_text() {
                return Kinds::TEXT;
            }
        }
        kinds
    }
}

/// The kind of a cell; `None` if it is null.
pub(crate) fn kind_of_cell(decoder: &Decoder, raw: &[u8], infer_dates: bool) -> Option<Kinds> {
    if raw.is_empty() {
        return None;
    }
    let value = unquoted(&decoder.dialect, raw);
    let is_null = value.bytes.is_empty() || decoder.nulls.contains(&value.bytes);
    (!is_null).then(|| Kinds::of(&value.bytes, infer_dates))
}

/// A column of a source.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: Arc<str>,
    pub(crate) data_type: DataType,
    /// What its values were found to be; `None` if its type was given.
    pub(crate) kinds: Option<Kinds>,
}

impl Column {
    pub(crate) fn grammar(&self) -> Grammar {
        if self.kinds.is_some() { Grammar::Strict } else { Grammar::Lenient }
    }
}
