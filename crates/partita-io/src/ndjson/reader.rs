//! Lines -> columns of one piece of a file, and what becomes of bad rows.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::ArrayRef;

use super::column::{Column, Misfit};
use super::infer::Kinds;
use super::json::{Json, Token};
use super::lines::{Line, Lines};
use super::{BadRows, NdjsonOptions};
use crate::adapter::FileReader;
use crate::reject::Reject;
use crate::unify::ExtraColumns;
use crate::{Error, Notice, Result};

/// A batch is handed out early when its lines are longer than this.
const BATCH_BYTES: usize = 64 << 20;

pub(super) struct Rows {
    lines: Lines,
    kinds: Arc<Kinds>,
    /// For each column of the source its place in `columns`, if it is read.
    places: Vec<Option<usize>>,
    /// The source's columns that are read, ascending, and what was read of them.
    wanted: Vec<usize>,
    columns: Vec<Column>,
    bad_rows: BadRows,
    extra_columns: ExtraColumns,
    batch_rows: usize,
    nesting: usize,
    rejects: Arc<Mutex<Vec<u8>>>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    nulled: u64,
    left_out: u64,
    with_unknown_keys: u64,
}

/// Why a row was not taken.
enum Refusal {
    Bad(Bad),
    /// An inferred type is too narrow, or a key is unknown: not the row's fault.
    Error(Error),
}

struct Bad {
    column: Option<usize>,
    /// Byte of the line.
    at: usize,
    value: String,
    reason: String,
}

impl Rows {
    pub(super) fn new(
        lines: Lines,
        kinds: Arc<Kinds>,
        wanted: &[usize],
        options: &NdjsonOptions,
        batch_rows: usize,
        nesting: usize,
        rejects: Arc<Mutex<Vec<u8>>>,
    ) -> Result<Self> {
        let mut places = vec![None; kinds.iter().count()];
        let mut columns = Vec::with_capacity(wanted.len());
        for (place, &column) in wanted.iter().enumerate() {
            places[column] = Some(place);
            columns.push(kinds.get(column).1.column()?);
        }
        Ok(Rows {
            lines,
            kinds,
            places,
            wanted: wanted.to_vec(),
            columns,
            bad_rows: options.bad_rows.clone(),
            extra_columns: options.extra_columns,
            batch_rows: batch_rows.max(1),
            nesting,
            rejects,
            counts: Counts::default(),
        })
    }

    /// What to do with a row that was refused; true if it counts as a row of nulls.
    fn refused(&mut self, line: &Line, rows: usize, refusal: Refusal) -> Result<bool> {
        self.columns.iter_mut().for_each(|column| column.truncate(rows));
        let bad = match refusal {
            Refusal::Bad(bad) => bad,
            Refusal::Error(error) => return Err(error.at_line(self.lines.number()?).at_byte(line.byte)),
        };
        let name = bad.column.map_or("", |column| &self.kinds.get(column).0);
        match &self.bad_rows {
            BadRows::Error => {
                let error = Error::corrupt(bad.reason).at_line(self.lines.number()?);
                let error = if name.is_empty() { error } else { error.in_column(name) };
                return Err(error.at_byte(line.byte + bad.at as u64));
            }
            BadRows::Null => {
                self.columns.iter_mut().for_each(Column::push_null);
                self.counts.nulled += 1;
                return Ok(true);
            }
            BadRows::Skip => {}
            BadRows::Reject(_) => {
                let reject = Reject {
                    file: self.lines.file().path(),
                    line: self.lines.number()?,
                    byte: line.byte + bad.at as u64,
                    column: name,
                    value: bad.value.as_bytes(),
                    reason: &bad.reason,
                };
                reject.write_to(&mut self.rejects.lock().unwrap_or_else(PoisonError::into_inner));
            }
        }
        self.counts.left_out += 1;
        Ok(false)
    }

    fn next_rows(&mut self) -> Result<Option<(Vec<ArrayRef>, usize)>> {
        let (mut rows, mut bytes) = (0, 0);
        while rows < self.batch_rows && bytes < BATCH_BYTES {
            let Some(line) = self.lines.next()? else { break };
            let text = self.lines.bytes(&line);
            bytes += text.len();
            if text.trim_ascii().is_empty() {
                continue;
            }
            let mut row = Row {
                kinds: &self.kinds,
                places: &self.places,
                columns: &mut self.columns,
                nulls_allowed: self.bad_rows == BadRows::Null,
                extra_columns: self.extra_columns,
                rows,
                has_null: false,
                has_unknown: false,
            };
            match row.read(text, self.nesting) {
                Ok(()) => {
                    let (has_null, has_unknown) = (row.has_null, row.has_unknown);
                    self.counts.nulled += u64::from(has_null);
                    self.counts.with_unknown_keys += u64::from(has_unknown);
                    rows += 1;
                }
                Err(refusal) => rows += usize::from(self.refused(&line, rows, refusal)?),
            }
        }
        if rows == 0 && bytes == 0 {
            self.lines.file().check_unchanged()?;
            return Ok(None);
        }
        let arrays = self.columns.iter_mut().map(Column::finish).collect::<Result<Vec<_>>>()?;
        debug_assert_eq!(arrays.len(), self.wanted.len());
        Ok(Some((arrays, rows)))
    }
}

impl FileReader for Rows {
    fn next_columns(&mut self) -> Result<Option<(Vec<ArrayRef>, usize)>> {
        self.next_rows().map_err(|error| error.in_file(self.lines.file().path()))
    }

    fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        let counts = std::mem::take(&mut self.counts);
        let notices = [
            (
                "rows held values that are not of the type given, or were no JSON; these values are null",
                counts.nulled,
            ),
            (
                "rows were left out because they are no JSON objects or hold values that are not of the type given",
                counts.left_out,
            ),
            (
                "rows have keys that are not among the columns; these keys were not read",
                counts.with_unknown_keys,
            ),
        ];
        let told = notices.into_iter().filter(|(_, rows)| *rows > 0);
        told.map(|(message, rows)| Notice { message: message.to_string(), rows }).collect()
    }
}

/// One row on its way into the columns.
struct Row<'a> {
    kinds: &'a Kinds,
    places: &'a [Option<usize>],
    columns: &'a mut [Column],
    /// A value that is not of the type given becomes null instead of making the row bad.
    nulls_allowed: bool,
    extra_columns: ExtraColumns,
    rows: usize,
    has_null: bool,
    has_unknown: bool,
}

impl Row<'_> {
    fn read(&mut self, bytes: &[u8], nesting: usize) -> std::result::Result<(), Refusal> {
        let text = simdutf8::compat::from_utf8(bytes)
            .map_err(|error| bad(None, error.valid_up_to(), "", "the line is not UTF-8".to_string()))?;
        let broken = |broken: super::json::Broken| {
            let near: String = text[floor(text, broken.at)..].chars().take(20).collect();
            bad(None, broken.at, &near, format!("the line is not JSON: {}", broken.what))
        };
        let mut json = Json::new(text, nesting);
        if json.token().map_err(broken)? != Token::Object {
            return Err(bad(None, 0, text, "the line is JSON but not an object".to_string()));
        }
        let (mut first, mut likely) = (true, 0);
        while let Some(key) = json.next_key(&mut first).map_err(broken)? {
            let start = json.position();
            let before = json.clone();
            let token = json.token().map_err(broken)?;
            let Some(column) = self.kinds.position(&key, likely) else {
                self.unknown(&key)?;
                json.skip(&token).map_err(broken)?;
                continue;
            };
            likely = column + 1;
            let Some(place) = self.places[column] else {
                json.skip(&token).map_err(broken)?;
                continue;
            };
            if self.columns[place].len() > self.rows {
                let reason = format!("the key `{key}` is twice in the object");
                return Err(bad(Some(column), start, &key, reason));
            }
            match self.columns[place].push(&mut json, start, &token) {
                Ok(()) => {}
                Err(Misfit::Broken(what)) => return Err(broken(what)),
                Err(misfit) => {
                    self.misfit(column, place, start, misfit)?;
                    json = before;
                    let token = json.token().map_err(broken)?;
                    json.skip(&token).map_err(broken)?;
                }
            }
        }
        json.end().map_err(broken)?;
        let missing = self.columns.iter_mut().filter(|column| column.len() == self.rows);
        missing.for_each(Column::push_null);
        Ok(())
    }

    /// A value that does not fit: null, if that is allowed, else a refusal.
    fn misfit(
        &mut self,
        column: usize,
        place: usize,
        start: usize,
        misfit: Misfit,
    ) -> std::result::Result<(), Refusal> {
        let (name, kind) = self.kinds.get(column);
        let (value, reason) = match misfit {
            Misfit::Type { value, data_type } if kind.is_inferred() => {
                let error = Error::type_too_narrow(shortened(&value), data_type.to_string()).in_column(name);
                return Err(Refusal::Error(error));
            }
            Misfit::Type { value, data_type } => {
                let reason =
                    format!("the value `{}` is not of the type given, {data_type}", shortened(&value));
                (value, reason)
            }
            Misfit::Duplicate(key) => {
                let reason = format!("the key `{key}` is twice in one object");
                (key, reason)
            }
            Misfit::Broken(broken) => (String::new(), format!("the line is not JSON: {}", broken.what)),
        };
        if !self.nulls_allowed {
            return Err(bad(Some(column), start, &value, reason));
        }
        self.columns[place].truncate(self.rows);
        self.columns[place].push_null();
        self.has_null = true;
        Ok(())
    }

    fn unknown(&mut self, key: &str) -> std::result::Result<(), Refusal> {
        if self.extra_columns != ExtraColumns::Error {
            self.has_unknown = true;
            return Ok(());
        }
        Err(Refusal::Error(Error::invalid(format!(
            "the key `{key}` is not among the columns, which the first rows gave; infer them from more rows, give \
             its type, or choose to read all keys (extra columns: union) or to leave it out (ignore)"
        ))))
    }
}

fn bad(column: Option<usize>, at: usize, value: &str, reason: String) -> Refusal {
    Refusal::Bad(Bad { column, at, value: shortened(value), reason })
}

/// The nearest place at or before `at` where a character begins.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// Enough of a value to recognise it.
fn shortened(value: &str) -> String {
    const SHOWN: usize = 100;
    if value.chars().count() <= SHOWN {
        return value.to_string();
    }
    let mut short: String = value.chars().take(SHOWN).collect();
    short.push('…');
    short
}
