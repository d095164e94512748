//! A group whose states do not fit into memory: a median or a number of different values over a large part of all
//! rows. Its states are read again and again, and little is kept between; see `partita_kernels::aggregate::Passes`.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use partita_kernels::aggregate::Passes;

use super::group_by::Groups;
use super::{Flow, Rereadable, batch_of};
use crate::error::Result;

/// The passes of each call that needs some.
struct Calls(Vec<Option<Box<dyn Passes>>>);

impl Calls {
    fn new(groups: &Groups) -> Result<Calls> {
        let calls = groups.shape.calls.iter();
        // A table over values may be twice as large after a batch as before it.
        let most_bytes = groups.partial_bytes / 2 / calls.len().max(1);
        let passes = calls
            .enumerate()
            .map(|(index, call)| call.passes(most_bytes).map_err(|error| groups.shape.failed(index, error)));
        Ok(Calls(passes.collect::<Result<_>>()?))
    }

    fn add(&mut self, groups: &Groups, wanted: &[bool], states: &[ArrayRef]) -> Result<()> {
        let mut next = 0;
        for (index, passes) in self.0.iter_mut().enumerate() {
            let count = groups.shape.calls[index].state_types().len();
            if let (Some(passes), true) = (passes, wanted[index]) {
                let added = passes.add(&states[next..next + count]);
                added.map_err(|error| groups.shape.failed(index, error))?;
            }
            next += count;
        }
        Ok(())
    }

    /// Ends a pass, and says which calls want another.
    fn end(&mut self, wanted: &[bool]) -> Vec<bool> {
        let more = self.0.iter_mut().zip(wanted);
        more.map(|(passes, &wanted)| passes.as_mut().is_some_and(|passes| wanted && passes.end())).collect()
    }

    fn size_bytes(&self) -> usize {
        self.0.iter().flatten().map(|passes| passes.size_bytes()).sum()
    }
}

/// The result of a group whose states are `rows`; `None` if they are of several groups after all, or of no aggregate
/// that keeps values.
pub(super) fn merged_in_passes(
    groups: &mut Groups,
    rows: &dyn Rereadable,
    schema: &SchemaRef,
) -> Result<Option<RecordBatch>> {
    let mut calls = Calls::new(groups)?;
    let mut wanted: Vec<bool> = calls.0.iter().map(Option::is_some).collect();
    if !wanted.contains(&true) {
        return Ok(None);
    }
    let in_table: Vec<bool> = wanted.iter().map(|wanted| !wanted).collect();
    let keys = groups.shape.key_types.len();
    let mut one = true;
    rows.each(&mut |batch| {
        let (keys, states) = batch.columns().split_at(keys);
        one = groups.assign(keys, batch.num_rows())? == 1;
        if !one {
            return Ok(Flow::Done);
        }
        groups.merge_of(&in_table, states, 1)?;
        calls.add(groups, &wanted, states)?;
        groups.hold(calls.size_bytes())?;
        Ok(Flow::Continue)
    })?;
    if !one {
        groups.forget()?;
        return Ok(None);
    }
    wanted = calls.end(&wanted);
    while wanted.contains(&true) {
        rows.each(&mut |batch| {
            calls.add(groups, &wanted, &batch.columns()[keys..])?;
            groups.hold(calls.size_bytes())?;
            Ok(Flow::Continue)
        })?;
        wanted = calls.end(&wanted);
    }
    let mut columns = groups.take_keys()?;
    for (index, passes) in calls.0.iter_mut().enumerate() {
        let finished = match passes {
            Some(passes) => passes.finish(),
            None => groups.aggregators[index].finish(),
        };
        columns.push(finished.map_err(|error| groups.shape.failed(index, error))?);
    }
    groups.hold(0)?;
    Ok(Some(batch_of(schema, columns, 1)?))
}
