//! One CSV file: its header, where it is cut into splits, and the automaton's state at each cut.
//!
//! A cut lies right after the first LF at or after an even division of the file, so the automaton is in one
//! of two states there: at the start of a record, or within quotes. What a piece does to each of the two is
//! found without its neighbours and without an index, at the speed of a search for quotes; composing the
//! pieces in order gives the exact state at every cut. Each piece is looked at once, by the reader that comes
//! to it first, and not at all if its neighbour was read before. `source.rs` makes splits of the pieces.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::block::{Block, BlockReader};
use super::dialect::{Dialect, State};
use super::index::advance;
use super::input::Input;
use super::options::{CsvOptions, Encoding};
use super::rows::Table;
use super::value::unquoted;
use crate::{DataFile, Error, FileInfo, ReadContext, Result};

const SCAN_BYTES: usize = 256 << 10;
const HEAD_BYTES: usize = 64 << 10;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What the beginning of a file says.
#[derive(Debug)]
pub(crate) struct Head {
    /// The names of the header line, if there is one; duplicates not yet looked at.
    pub(crate) names: Option<Vec<String>>,
    /// Fields of the first record; 0 if the file has none.
    pub(crate) fields: usize,
    /// Where the first record after the header begins in the file's text.
    pub(crate) data_start: u64,
}

/// A file and what has been found out about it so far.
#[derive(Debug)]
pub(crate) struct CsvFile {
    pub(crate) info: FileInfo,
    pub(crate) pieces: usize,
    head: OnceLock<Arc<Head>>,
    cuts: Vec<Slot<Option<u64>>>,
    effects: Vec<Slot<[State; 2]>>,
    states: Mutex<Vec<Option<State>>>,
    lines: Vec<Slot<u64>>,
}

/// A value that is found once.
type Slot<T> = Mutex<Option<T>>;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn found_once<T: Clone>(slot: &Slot<T>, find: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut slot = locked(slot);
    if let Some(value) = &*slot {
        return Ok(value.clone());
    }
    let value = find()?;
    *slot = Some(value.clone());
    Ok(value)
}

impl CsvFile {
    /// A file in `pieces` pieces.
    pub(crate) fn new(info: FileInfo, pieces: usize) -> Self {
        let pieces = pieces.max(1);
        CsvFile {
            info,
            pieces,
            head: OnceLock::new(),
            cuts: (0..pieces).map(|_| Mutex::default()).collect(),
            effects: (0..pieces).map(|_| Mutex::default()).collect(),
            states: Mutex::new(vec![None; pieces]),
            lines: (0..pieces).map(|_| Mutex::default()).collect(),
        }
    }

    pub(crate) fn open(&self, context: &ReadContext) -> Result<DataFile> {
        DataFile::open(&*context.files, &self.info)
    }

    /// Reads the header, once.
    pub(crate) fn head(
        &self,
        options: &CsvOptions,
        dialect: &Arc<Dialect>,
        context: &ReadContext,
    ) -> Result<Arc<Head>> {
        if let Some(head) = self.head.get() {
            return Ok(Arc::clone(head));
        }
        let head = Arc::new(read_head(self.open(context)?, options, dialect, context)?);
        Ok(Arc::clone(self.head.get_or_init(|| head)))
    }

    pub(crate) fn nominal(&self, piece: usize) -> u64 {
        (u128::from(self.info.len) * piece as u128 / self.pieces as u128) as u64
    }

    /// Where a piece begins; `None` if no line begins in it, and it belongs to the piece before.
    pub(crate) fn cut(&self, piece: usize, data_start: u64, file: &DataFile) -> Result<Option<u64>> {
        if piece == 0 {
            return Ok(Some(data_start));
        }
        found_once(&self.cuts[piece], || {
            let (mut position, limit) = (self.nominal(piece).max(data_start), self.nominal(piece + 1));
            let mut buffer = vec![0; SCAN_BYTES.min(16 << 10)];
            while position < limit {
                let count = buffer.len().min((limit - position) as usize);
                file.read_exact_at(position, &mut buffer[..count])?;
                if let Some(found) = memchr::memchr(b'\n', &buffer[..count]) {
                    return Ok(Some(position + found as u64 + 1));
                }
                position += count as u64;
            }
            Ok(None)
        })
    }

    /// Where the piece after `piece` begins.
    pub(crate) fn end(&self, piece: usize, data_start: u64, file: &DataFile) -> Result<u64> {
        for next in piece + 1..self.pieces {
            if let Some(cut) = self.cut(next, data_start, file)? {
                return Ok(cut);
            }
        }
        Ok(self.info.len)
    }

    /// The automaton's state at the start of a piece that has one.
    pub(crate) fn state(
        &self,
        piece: usize,
        data_start: u64,
        file: &DataFile,
        dialect: &Dialect,
    ) -> Result<State> {
        if piece == 0 || dialect.quote.is_none() {
            return Ok(State::RecordStart);
        }
        if let Some(state) = locked(&self.states)[piece] {
            return Ok(state);
        }
        // The piece at hand first: it is about to be read anyway, and when many threads begin at once, each
        // looks at its own instead of all waiting for the first.
        self.effect(piece, data_start, file, dialect)?;
        let (mut known, mut state) = {
            let states = locked(&self.states);
            let known = (1..piece).rev().find(|&earlier| states[earlier].is_some());
            (known.unwrap_or(0), known.and_then(|known| states[known]).unwrap_or(State::RecordStart))
        };
        while known < piece {
            let [from_start, from_quoted] = self.effect(known, data_start, file, dialect)?;
            state = if state == State::Quoted { from_quoted } else { from_start };
            known += 1;
            locked(&self.states)[known] = Some(state);
        }
        Ok(state)
    }

    /// Notes the state at the end of a piece that was read to its end, for whoever reads the next one.
    pub(crate) fn note_state_after(&self, piece: usize, ends_in_quotes: bool) {
        if let Some(slot) = locked(&self.states).get_mut(piece + 1) {
            *slot = Some(if ends_in_quotes { State::Quoted } else { State::RecordStart });
        }
    }

    /// The states after a piece that begins at a record's start or within quotes.
    fn effect(
        &self,
        piece: usize,
        data_start: u64,
        file: &DataFile,
        dialect: &Dialect,
    ) -> Result<[State; 2]> {
        found_once(&self.effects[piece], || {
            let both = [State::RecordStart, State::Quoted];
            let Some(start) = self.cut(piece, data_start, file)? else { return Ok(both) };
            let end = self.end(piece, data_start, file)?;
            effect_of(file, start, end, dialect)
        })
    }

    /// Line ends before `offset`, which lies in `piece`.
    pub(crate) fn lines_before(&self, piece: usize, offset: u64, file: &DataFile) -> Result<u64> {
        let mut lines = 0;
        for earlier in 0..piece {
            let range = self.nominal(earlier)..self.nominal(earlier + 1);
            lines += found_once(&self.lines[earlier], || count_lines_of(file, range.start, range.end))?;
        }
        Ok(lines + count_lines_of(file, self.nominal(piece).min(offset), offset)?)
    }
}

/// Runs both states over a range, which is one run as soon as they meet.
fn effect_of(file: &DataFile, start: u64, end: u64, dialect: &Dialect) -> Result<[State; 2]> {
    let mut states = [State::RecordStart, State::Quoted];
    let mut buffer = vec![0; SCAN_BYTES];
    let mut position = start;
    while position < end {
        let count = buffer.len().min((end - position) as usize);
        let bytes = &mut buffer[..count];
        file.read_exact_at(position, bytes)?;
        // Small steps, because the states of well-formed files meet at the first quoted field.
        for part in bytes.chunks(4 << 10) {
            states = effect_on(dialect, part, states);
        }
        position += count as u64;
    }
    Ok(states)
}

/// As `dialect.rs` would: a part without quotes leaves quotes as they are, and only its last line counts.
fn effect_on(dialect: &Dialect, part: &[u8], states: [State; 2]) -> [State; 2] {
    let has_quote = dialect.quote.is_some_and(|quote| memchr::memchr(quote, part).is_some());
    if !has_quote && dialect.escape.is_none() {
        let line = memchr::memrchr(b'\n', part).map(|last| &part[last + 1..]);
        return states.map(|state| match (state, line) {
            (State::Quoted, _) => State::Quoted,
            (_, Some(line)) => advance(dialect, line, State::RecordStart),
            _ => advance(dialect, part, state),
        });
    }
    let first = advance(dialect, part, states[0]);
    let second = if states[0] == states[1] { first } else { advance(dialect, part, states[1]) };
    [first, second]
}

/// Physical lines that end in `bytes`: LF, CRLF, and CR before anything else.
pub(crate) fn count_lines(bytes: &[u8]) -> u64 {
    let feeds = memchr::memchr_iter(b'\n', bytes).count();
    let lone = memchr::memchr_iter(b'\r', bytes).filter(|&at| bytes.get(at + 1) != Some(&b'\n')).count();
    (feeds + lone) as u64
}

fn count_lines_of(file: &DataFile, start: u64, end: u64) -> Result<u64> {
    let mut buffer = vec![0; SCAN_BYTES];
    let (mut position, mut lines) = (start, 0);
    while position < end {
        let count = buffer.len().min((end - position) as usize);
        file.read_exact_at(position, &mut buffer[..count])?;
        lines += count_lines(&buffer[..count]);
        position += count as u64;
        if buffer[count - 1] == b'\r' {
            let mut next = [0];
            let is_crlf = file.read_full_at(position, &mut next)? == 1 && next[0] == b'\n';
            lines -= u64::from(is_crlf);
        }
    }
    Ok(lines)
}

fn read_head(
    file: DataFile,
    options: &CsvOptions,
    dialect: &Arc<Dialect>,
    context: &ReadContext,
) -> Result<Head> {
    let start = start_of_text(&file, options, context)?;
    let mut input = Input::open(file, options.encoding, &context.limits)?;
    input.skip(start)?;
    let mut blocks =
        BlockReader::new(input, Arc::clone(dialect), start..u64::MAX, HEAD_BYTES, HEAD_BYTES, context);
    while let Some(mut block) = blocks.next_block()? {
        let Some(record) = first_record(&block) else { continue };
        let (fields, next) = (record.fields, block.offset + (record.next as u64).min(block.len as u64));
        let limit = context.limits.columns;
        if fields > limit {
            let error = Error::limit("the number of columns", fields as u64, limit as u64, "columns");
            return Err(error.in_file(blocks.input().file().path()));
        }
        if !options.header {
            return Ok(Head { names: None, fields, data_start: block.offset + record.start as u64 });
        }
        block.index.truncate(record.number + 1);
        let table = Table::new(&mut block.index, &block.buffer, fields, false);
        let cells = table.cells(&block.buffer[..], 0, 1);
        let mut names = Vec::with_capacity(fields);
        for field in 0..fields {
            let cell = cells.cell(0, field, field + 1 == fields);
            let value = unquoted(dialect, cell.raw(&block.buffer));
            names.push(name_of(&value.bytes, field, options.encoding).map_err(|error| {
                error.at_byte(block.offset + cell.start as u64).in_file(blocks.input().file().path())
            })?);
        }
        return Ok(Head { names: Some(names), fields, data_start: next });
    }
    let data_start = blocks.input().file().len();
    Ok(Head { names: None, fields: 0, data_start })
}

struct Record {
    number: usize,
    fields: usize,
    start: usize,
    next: usize,
}

/// The first record of a block that is no gap.
fn first_record(block: &Block) -> Option<Record> {
    let number = (0..block.index.records.len())
        .find(|&number| block.index.gaps.get(number) != Some(&(number as u32)))?;
    let first = if number == 0 { 0 } else { block.index.records[number - 1] as usize };
    let last = block.index.records[number] as usize;
    let (start, next) = (block.index.nexts[first] as usize, block.index.nexts[last] as usize);
    Some(Record { number, fields: last - first, start, next })
}

fn name_of(bytes: &[u8], field: usize, encoding: Encoding) -> Result<String> {
    if bytes.is_empty() {
        return Ok(default_name(field));
    }
    if encoding == Encoding::Utf8Lossy {
        return Ok(String::from_utf8_lossy(bytes).into_owned());
    }
    let name = std::str::from_utf8(bytes).map_err(|_| {
        Error::corrupt(format!(
            "the column name `{}` is not UTF-8; give the file's encoding, windows-1252 say, or ask for lossy UTF-8",
            String::from_utf8_lossy(bytes)
        ))
    })?;
    Ok(name.to_owned())
}

/// The name of a column that has none, counted from 1.
pub(crate) fn default_name(field: usize) -> String {
    format!("column_{}", field + 1)
}

/// Where the text begins after the byte order mark and the lines to skip.
fn start_of_text(file: &DataFile, options: &CsvOptions, context: &ReadContext) -> Result<u64> {
    let mut input = Input::open(file.clone(), options.encoding, &context.limits)?;
    let mut buffer = vec![0; 4 << 10];
    let mut count = input.read(&mut buffer)?;
    if options.encoding.is_utf8() && (buffer.starts_with(b"\xff\xfe") || buffer.starts_with(b"\xfe\xff")) {
        let message = "the file begins with the byte order mark of UTF-16; give utf-16 as its encoding";
        return Err(Error::corrupt(message).in_file(file.path()));
    }
    let mut start = if buffer[..count].starts_with(BOM) { BOM.len() as u64 } else { 0 };
    let (mut used, mut lines) = (start as usize, options.skip_rows);
    let mut after_return = false;
    while lines > 0 && count > 0 {
        for &byte in &buffer[used..count] {
            let is_crlf = after_return && byte == b'\n';
            after_return = byte == b'\r';
            if lines == 0 && !is_crlf {
                return Ok(start);
            }
            start += 1;
            if matches!(byte, b'\r' | b'\n') && !is_crlf {
                lines -= 1;
            }
            if lines == 0 && !after_return {
                return Ok(start);
            }
        }
        count = input.read(&mut buffer)?;
        used = 0;
    }
    Ok(start)
}
