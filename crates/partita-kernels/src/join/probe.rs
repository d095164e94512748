//! [`ProbeState`]: from the first match of each probe row to chunks of row pairs. Next: [`crate::take`].

use arrow::array::UInt32Array;
use arrow::buffer::{NullBuffer, ScalarBuffer};

use super::coded::CodedHeads;
use super::index::Scratch;
use super::table::RowLists;
use super::{JoinTable, MatchedRows, NO_ROW};

/// How many probe rows ahead the bounds of a list are prefetched.
const AHEAD: usize = 16;

/// Which pairs a probe gives. Right and outer joins are `Inner` and `Left` with [`MatchedRows`] for the build side's rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinMode {
    /// Every matching pair.
    Inner,
    /// Every matching pair, and each probe row without a match once, with no build row.
    Left,
    /// Each probe row that has a match, once.
    Semi,
    /// Each probe row that has no match.
    Anti,
    /// Nothing: only the matched build rows are wanted.
    Mark,
}

/// One chunk of a join's result, in probe-row order and with build rows ascending within each probe row.
#[derive(Debug, Clone)]
pub struct JoinPairs {
    /// The probe row of each pair.
    pub probe: ProbeRows,
    /// The build row of each pair, null where there is none; `None` for semi and anti joins.
    pub build: Option<UInt32Array>,
}

/// The probe rows of a chunk.
#[derive(Debug, Clone)]
pub enum ProbeRows {
    /// Consecutive rows, each once: the batch's columns are sliced and nothing is copied.
    Slice {
        /// The first row.
        offset: usize,
        /// How many rows.
        len: usize,
    },
    /// These rows.
    Indices(UInt32Array),
}

impl ProbeRows {
    /// How many rows.
    pub fn len(&self) -> usize {
        match self {
            ProbeRows::Slice { len, .. } => *len,
            ProbeRows::Indices(rows) => rows.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What one probe task keeps between batches: the place in the current batch, and buffers to reuse.
#[derive(Debug)]
pub struct ProbeState {
    mode: JoinMode,
    /// The first match of each row of the batch.
    pub(super) heads: Vec<u32>,
    matches: usize,
    pub(super) valid: Vec<u8>,
    pub(super) scratch: Scratch,
    pub(super) coded: CodedHeads,
    row: usize,
    /// How many of the current row's matches were given already.
    given: usize,
}

impl Default for ProbeState {
    fn default() -> Self {
        ProbeState {
            mode: JoinMode::Inner,
            heads: Vec::new(),
            matches: 0,
            valid: Vec::new(),
            scratch: Scratch::default(),
            coded: CodedHeads::default(),
            row: 0,
            given: 0,
        }
    }
}

impl ProbeState {
    /// Gets ready for a batch, whose first matches are then to be written.
    pub(super) fn start(&mut self, rows: usize, mode: JoinMode) {
        self.mode = mode;
        self.row = 0;
        self.given = 0;
        self.heads.clear();
        self.heads.reserve(rows);
        self.valid.clear();
        self.valid.resize(rows, 1);
    }

    pub(super) fn count_matches(&mut self) {
        self.matches = self.heads.iter().filter(|head| **head != NO_ROW).count();
    }

    /// The next chunk of at most `limit` pairs, or `None` when the batch is done.
    ///
    /// `table` is the one that the batch was looked up in. Build rows of the pairs are added to `matched`, as are, in semi
    /// and mark mode, all build rows that match.
    pub fn next(
        &mut self,
        table: &JoinTable,
        limit: usize,
        mut matched: Option<&mut MatchedRows>,
    ) -> Option<JoinPairs> {
        let limit = limit.max(1);
        match self.mode {
            JoinMode::Semi | JoinMode::Anti | JoinMode::Mark => {
                if let Some(matched) = matched.as_deref_mut()
                    && self.row == 0
                {
                    self.mark(table, matched);
                }
                self.next_rows(limit)
            }
            JoinMode::Inner | JoinMode::Left => {
                let pairs = match table.lists() {
                    None => self.next_unique(limit),
                    Some(lists) => self.next_listed(lists, limit),
                };
                if let (Some(matched), Some(JoinPairs { build: Some(build), .. })) = (matched, &pairs) {
                    build.iter().flatten().for_each(|row| matched.insert(row));
                }
                pairs
            }
        }
    }

    /// Adds every build row that matches a row of the batch.
    fn mark(&self, table: &JoinTable, matched: &mut MatchedRows) {
        for head in self.heads.iter().filter(|head| **head != NO_ROW) {
            match table.lists() {
                None => matched.insert(*head),
                // The first row of a list stands for all: they are always added together.
                Some(_) if matched.contains(*head) => {}
                Some(lists) => lists.of(*head).iter().for_each(|row| matched.insert(*row)),
            }
        }
    }

    /// Semi and anti joins: probe rows only.
    fn next_rows(&mut self, limit: usize) -> Option<JoinPairs> {
        let (all, none) = (self.matches == self.heads.len(), self.matches == 0);
        let (everything, nothing) = match self.mode {
            JoinMode::Semi => (all, none),
            JoinMode::Anti => (none, all),
            _ => (false, true),
        };
        if nothing {
            self.row = self.heads.len();
        }
        if self.row >= self.heads.len() {
            return None;
        }
        if everything {
            return Some(self.slice(limit, None));
        }
        let wanted = self.mode == JoinMode::Semi;
        let mut rows = Vec::new();
        while self.row < self.heads.len() && rows.len() < limit {
            if (self.heads[self.row] != NO_ROW) == wanted {
                rows.push(row_number(self.row));
            }
            self.row += 1;
        }
        let probe = ProbeRows::Indices(UInt32Array::from(rows));
        (!probe.is_empty()).then_some(JoinPairs { probe, build: None })
    }

    /// The next `limit` rows as they are, with their build rows if wanted.
    fn slice(&mut self, limit: usize, build: Option<fn(&[u32]) -> UInt32Array>) -> JoinPairs {
        let offset = self.row;
        let len = limit.min(self.heads.len() - offset);
        self.row += len;
        let build = build.map(|build| build(&self.heads[offset..offset + len]));
        JoinPairs { probe: ProbeRows::Slice { offset, len }, build }
    }

    /// At most one match per probe row.
    fn next_unique(&mut self, limit: usize) -> Option<JoinPairs> {
        if self.row >= self.heads.len() {
            return None;
        }
        if self.matches == self.heads.len() {
            return Some(self.slice(limit, Some(|heads| UInt32Array::from(heads.to_vec()))));
        }
        if self.mode == JoinMode::Left {
            return Some(self.slice(limit, Some(nullable_rows)));
        }
        if self.matches == 0 {
            self.row = self.heads.len();
            return None;
        }
        let (mut probe, mut build) = (Vec::new(), Vec::new());
        while self.row < self.heads.len() && probe.len() < limit {
            let head = self.heads[self.row];
            if head != NO_ROW {
                probe.push(row_number(self.row));
                build.push(head);
            }
            self.row += 1;
        }
        (!probe.is_empty()).then(|| JoinPairs {
            probe: ProbeRows::Indices(UInt32Array::from(probe)),
            build: Some(UInt32Array::from(build)),
        })
    }

    /// Any number of matches per probe row; a row's matches may be cut between chunks.
    fn next_listed(&mut self, lists: &RowLists, limit: usize) -> Option<JoinPairs> {
        let (mut probe, mut build) = (Vec::new(), Vec::new());
        let mut unmatched = false;
        while self.row < self.heads.len() && probe.len() < limit {
            let row = row_number(self.row);
            let head = self.heads[self.row];
            if let Some(ahead) = self.heads.get(self.row + AHEAD) {
                lists.prefetch(*ahead);
            }
            if head == NO_ROW {
                if self.mode == JoinMode::Left {
                    probe.push(row);
                    build.push(NO_ROW);
                    unmatched = true;
                }
            } else {
                let matches = &lists.of(head)[self.given..];
                let taken = matches.len().min(limit - probe.len());
                probe.resize(probe.len() + taken, row);
                build.extend_from_slice(&matches[..taken]);
                if taken < matches.len() {
                    self.given += taken;
                    break;
                }
            }
            self.given = 0;
            self.row += 1;
        }
        (!probe.is_empty()).then(|| JoinPairs {
            probe: ProbeRows::Indices(UInt32Array::from(probe)),
            build: Some(if unmatched { nullable_rows(&build) } else { UInt32Array::from(build) }),
        })
    }
}

/// Build rows with [`NO_ROW`] as null. Null slots hold row 0, so that code that looks before it checks stays in range.
fn nullable_rows(rows: &[u32]) -> UInt32Array {
    let nulls = NullBuffer::from_iter(rows.iter().map(|row| *row != NO_ROW));
    let rows: ScalarBuffer<u32> = rows.iter().map(|row| if *row == NO_ROW { 0 } else { *row }).collect();
    UInt32Array::new(rows, Some(nulls))
}

/// A batch's rows are counted when it is probed, so this never saturates.
fn row_number(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(NO_ROW)
}
