//! First and last value that is not null, of any type: the rows that hold one are kept, others dropped batch by batch.

use arrow::array::{Array, ArrayRef, UInt32Array, new_empty_array};
use arrow::compute::concat;
use arrow::datatypes::DataType;

use super::Aggregator;
use super::native::{Parts, for_each_valid};
use crate::Result;
use crate::take::take_column;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    First,
    Last,
}

/// Rows kept that no group holds any more are dropped once there are this many, and as many as groups.
const MOST_STALE: usize = 8192;
const NONE: u32 = u32::MAX;

struct Kept {
    end: End,
    data_type: DataType,
    /// For each group its row among all kept rows.
    rows: Vec<u32>,
    chunks: Vec<ArrayRef>,
    kept: usize,
    held: usize,
    bytes: usize,
}

pub(super) fn parts(args: &[DataType], end: End) -> Result<Parts> {
    let data_type = args[0].clone();
    let result = data_type.clone();
    Ok(Parts::new(args, args, result, move || Kept {
        end,
        data_type: data_type.clone(),
        rows: Vec::new(),
        chunks: Vec::new(),
        kept: 0,
        held: 0,
        bytes: 0,
    }))
}

impl Kept {
    /// Rows of this batch to keep, by which the groups' rows are replaced.
    fn choose(&mut self, group_ids: &[u32], values: &ArrayRef) -> Vec<u32> {
        let nulls = values.logical_nulls();
        let (rows, first_new) = (self.rows.as_mut_slice(), self.kept as u32);
        let mut chosen: Vec<u32> = Vec::new();
        let mut fresh = 0;
        for_each_valid(group_ids, nulls.as_ref(), |group, row| {
            let held = &mut rows[group];
            if *held == NONE {
                fresh += 1;
                *held = first_new + chosen.len() as u32;
                chosen.push(row as u32);
            } else if self.end == End::Last {
                if *held >= first_new {
                    chosen[(*held - first_new) as usize] = row as u32;
                } else {
                    *held = first_new + chosen.len() as u32;
                    chosen.push(row as u32);
                }
            }
        });
        self.held += fresh;
        chosen
    }

    fn drop_stale(&mut self) -> Result<()> {
        let stale = self.kept - self.held;
        if stale <= MOST_STALE.max(self.held) {
            return Ok(());
        }
        let all = self.joined()?;
        let order: Vec<u32> = self.rows.iter().copied().filter(|&row| row != NONE).collect();
        for (place, row) in (0u32..).zip(self.rows.iter_mut().filter(|row| **row != NONE)) {
            *row = place;
        }
        self.chunks = vec![take_column(&all, &UInt32Array::from(order))?];
        self.kept = self.held;
        self.bytes = self.chunks.iter().map(|chunk| chunk.get_array_memory_size()).sum();
        Ok(())
    }

    fn joined(&mut self) -> Result<ArrayRef> {
        let chunks = std::mem::take(&mut self.chunks);
        let chunks: Vec<&dyn Array> = chunks.iter().map(|chunk| chunk.as_ref()).collect();
        if chunks.is_empty() { Ok(new_empty_array(&self.data_type)) } else { Ok(concat(&chunks)?) }
    }
}

impl Aggregator for Kept {
    fn update(&mut self, group_ids: &[u32], groups: usize, args: &[ArrayRef]) -> Result<()> {
        self.rows.resize(groups, NONE);
        let chosen = self.choose(group_ids, &args[0]);
        if chosen.is_empty() {
            return Ok(());
        }
        self.kept += chosen.len();
        let chunk = take_column(&args[0], &UInt32Array::from(chosen))?;
        self.bytes += chunk.get_array_memory_size();
        self.chunks.push(chunk);
        self.drop_stale()
    }

    fn merge(&mut self, group_ids: &[u32], groups: usize, states: &[ArrayRef]) -> Result<()> {
        self.update(group_ids, groups, states)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish()?])
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let all = self.joined()?;
        let rows = std::mem::take(&mut self.rows);
        (self.kept, self.held, self.bytes) = (0, 0, 0);
        let rows: UInt32Array = rows.into_iter().map(|row| (row != NONE).then_some(row)).collect();
        take_column(&all, &rows)
    }

    fn size_bytes(&self) -> usize {
        self.rows.capacity() * 4 + self.bytes
    }
}
