//! Where the fields and records of a buffer end, 64 bytes at a time, exactly as `dialect.rs` says.
//!
//! A block of 64 bytes becomes bit masks; the prefix parity of its quotes tells what lies within quotes.
//! Parity is the automaton as long as every quote that opens stands at the start of a field or right after
//! a closing quote. A block with a quote elsewhere, an escape, a comment, a blank line or a lone CR is
//! run through the automaton instead, from the exact state before it to the exact state after it, so
//! hostile bytes are slow but never wrong. `rows.rs` makes a table of rows out of the index.

use super::dialect::{Dialect, State};
use super::masks::{Masks, Words};

/// Ends of fields and records within one buffer.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// For each field the offset after its delimiter or line end, which is where the next field begins.
    /// Begins with the offset of the first field.
    pub(crate) nexts: Vec<u32>,
    /// For each record the number of entries of `nexts` up to its last one, the leading entry not counted.
    pub(crate) records: Vec<u32>,
    /// Ascending numbers of records that are none: blank lines and comments.
    pub(crate) gaps: Vec<u32>,
}

impl Index {
    pub(crate) fn clear(&mut self, start: usize) {
        self.nexts.clear();
        self.nexts.push(start as u32);
        self.records.clear();
        self.gaps.clear();
    }

    pub(super) fn field(&mut self, next: usize) {
        self.nexts.push(next as u32);
    }

    pub(super) fn record(&mut self, next: usize) {
        self.nexts.push(next as u32);
        self.records.push(self.nexts.len() as u32 - 1);
    }

    /// Bytes before `next` that belong to no record; adjacent ones become one gap.
    pub(super) fn gap(&mut self, next: usize) {
        let after_gap = self.gaps.last().is_some_and(|&gap| gap as usize + 1 == self.records.len());
        if after_gap && self.records.last() == Some(&(self.nexts.len() as u32 - 1)) {
            if let Some(last) = self.nexts.last_mut() {
                *last = next as u32;
            }
        } else {
            self.gaps.push(self.records.len() as u32);
            self.record(next);
        }
    }

    /// The offset after the last complete record or gap.
    pub(crate) fn complete(&self) -> usize {
        let last = self.records.last().map_or(0, |&entries| entries as usize);
        self.nexts.get(last).map_or(0, |&next| next as usize)
    }

    /// Forgets the fields after the last complete record, and all records after the first `records`.
    pub(crate) fn truncate(&mut self, records: usize) {
        self.records.truncate(records);
        let last = self.records.last().map_or(0, |&entries| entries as usize);
        self.nexts.truncate(last + 1);
        while self.gaps.last().is_some_and(|&gap| gap as usize >= records) {
            self.gaps.pop();
        }
    }

    /// Cuts off at `end` a gap that reaches beyond it: bytes that belong to no record belong to no split either,
    /// and must not look like a record that began before `end`.
    pub(crate) fn end_gap_at(&mut self, end: usize) {
        let is_gap = self.gaps.last().is_some_and(|&gap| gap as usize + 1 == self.records.len());
        if let (true, Some(last)) = (is_gap, self.nexts.last_mut()) {
            *last = (*last).min(end as u32);
        }
    }

    /// Ends the last record at the end of the file, which needs no line end. `end` is the length of the buffer.
    pub(crate) fn finish(&mut self, state: State, end: usize) {
        match state {
            State::RecordStart | State::Comment => self.gap_to(end),
            _ => self.record(end + 1),
        }
    }

    fn gap_to(&mut self, end: usize) {
        if self.complete() != end {
            self.gap(end);
        }
    }
}

/// Indexes `bytes` from `state`, appending to `index`; returns the state after the last byte.
pub(crate) fn index(dialect: &Dialect, bytes: &[u8], state: State, index: &mut Index) -> State {
    scan::<true>(dialect, bytes, state, index)
}

/// The state after `bytes`, without an index.
pub(crate) fn advance(dialect: &Dialect, bytes: &[u8], state: State) -> State {
    scan::<false>(dialect, bytes, state, &mut Index::default())
}

fn scan<const EMIT: bool>(dialect: &Dialect, bytes: &[u8], state: State, index: &mut Index) -> State {
    #[cfg(target_arch = "x86_64")]
    if super::masks::Avx2::is_available() {
        // SAFETY: the features were just detected.
        return unsafe { scan_avx2::<EMIT>(dialect, bytes, state, index) };
    }
    scan_blocks::<Words, EMIT>(dialect, bytes, state, index)
}

/// # Safety
/// The machine must have the features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,pclmulqdq,bmi1,popcnt")]
unsafe fn scan_avx2<const EMIT: bool>(
    dialect: &Dialect,
    bytes: &[u8],
    state: State,
    index: &mut Index,
) -> State {
    scan_blocks::<super::masks::Avx2, EMIT>(dialect, bytes, state, index)
}

#[inline(always)]
pub(crate) fn scan_blocks<M: Masks, const EMIT: bool>(
    dialect: &Dialect,
    bytes: &[u8],
    mut state: State,
    index: &mut Index,
) -> State {
    let (blocks, _) = bytes.as_chunks::<64>();
    let mut scratch = Index::default();
    for (number, block) in blocks.iter().enumerate() {
        let base = number * 64;
        let next_is_line_feed = bytes.get(base + 64) == Some(&b'\n');
        match structure::<M>(dialect, block, state, next_is_line_feed) {
            Some(found) => {
                if EMIT {
                    emit(index, base, &found);
                }
                state = found.state;
            }
            None if EMIT => state = dialect.run(bytes, base, base + 64, state, index),
            None => {
                scratch.clear(0);
                state = dialect.run(bytes, base, base + 64, state, &mut scratch);
            }
        }
    }
    let rest = blocks.len() * 64;
    if EMIT {
        return dialect.run(bytes, rest, bytes.len(), state, index);
    }
    scratch.clear(0);
    dialect.run(bytes, rest, bytes.len(), state, &mut scratch)
}

/// What a block holds.
struct Structure {
    /// Delimiters and line feeds that end fields.
    ends: u64,
    /// The line feeds among them.
    line_feeds: u64,
    /// The state after the block.
    state: State,
}

/// The structure of a block, or `None` if only the automaton can tell.
#[inline(always)]
fn structure<M: Masks>(
    dialect: &Dialect,
    block: &[u8; 64],
    state: State,
    next_is_line_feed: bool,
) -> Option<Structure> {
    if matches!(state, State::Comment | State::Escaped) {
        return None;
    }
    let masks = M::load(block);
    let line_feeds = masks.equal(b'\n');
    let returns = masks.equal(b'\r');
    let delimiters = masks.equal(dialect.delimiter);
    let quotes = dialect.quote.map_or(0, |quote| masks.equal(quote));
    let carry = if state == State::Quoted { u64::MAX } else { 0 };
    // After an opening quote 1, after a closing quote 0.
    let inside = if quotes == 0 { carry } else { M::prefix_xor(quotes) ^ carry };
    let outside = !inside;
    let (line_feeds, returns) = (line_feeds & outside, returns & outside);
    let ends = (delimiters & outside) | line_feeds;
    let at_record_start = u64::from(state == State::RecordStart);
    let mut unusual = 0;
    if quotes != 0 {
        let may_open = matches!(state, State::RecordStart | State::FieldStart | State::AfterQuote);
        let before = ((ends | (quotes & outside)) << 1) | u64::from(may_open);
        unusual |= quotes & inside & !before;
    }
    if let Some(escape) = dialect.escape
        && (quotes != 0 || carry != 0)
    {
        unusual |= masks.equal(escape);
    }
    let starts = (line_feeds << 1) | at_record_start;
    if let Some(comment) = dialect.comment {
        unusual |= masks.equal(comment) & starts & outside;
    }
    unusual |= line_feeds & starts;
    if returns != 0 {
        unusual |= returns & !((line_feeds >> 1) | u64::from(next_is_line_feed) << 63);
        unusual |= returns & starts;
    }
    if unusual != 0 {
        return None;
    }
    Some(Structure { ends, line_feeds, state: state_after(block, inside, ends, line_feeds, quotes) })
}

#[inline(always)]
fn state_after(block: &[u8; 64], inside: u64, ends: u64, line_feeds: u64, quotes: u64) -> State {
    const LAST: u64 = 1 << 63;
    if inside & LAST != 0 {
        State::Quoted
    } else if line_feeds & LAST != 0 {
        State::RecordStart
    } else if ends & LAST != 0 {
        State::FieldStart
    } else if quotes & LAST != 0 {
        State::AfterQuote
    } else if block[63] == b'\r' && (ends | quotes) & (LAST >> 1) != 0 {
        // The CR waits for its LF, and the state is still the one before it. A line feed before the CR would
        // be a blank line, which the automaton has been asked about.
        if quotes & (LAST >> 1) != 0 { State::AfterQuote } else { State::FieldStart }
    } else {
        State::Unquoted
    }
}

#[inline(always)]
fn emit(index: &mut Index, base: usize, found: &Structure) {
    let mut line_feeds = found.line_feeds;
    let entries = index.nexts.len() as u32 - 1;
    while line_feeds != 0 {
        let up_to = line_feeds ^ (line_feeds - 1);
        index.records.push(entries + (found.ends & up_to).count_ones());
        line_feeds &= line_feeds - 1;
    }
    let count = found.ends.count_ones() as usize;
    let old = index.nexts.len();
    index.nexts.reserve(64);
    let mut ends = found.ends;
    let first = base as u32 + 1;
    let spare = index.nexts.spare_capacity_mut();
    // Eight at a time without looking whether there are so many: the surplus is overwritten later.
    let mut written = 0;
    while written < count {
        for slot in &mut spare[written..written + 8] {
            slot.write(first.wrapping_add(ends.trailing_zeros()));
            ends &= ends.wrapping_sub(1);
        }
        written += 8;
    }
    // SAFETY: `count` is at most 64, and the loop has initialized at least `count` slots after `old`.
    unsafe { index.nexts.set_len(old + count) };
}
