//! The ways out of a frame that leave its rows in memory, and what runs all of it: optimize, lower, execute.
//!
//! The flow of a chain ends here and goes on in `optimize/passes.rs`, `stage/lower.rs` and `run/mod.rs`.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;

use super::PartitionedFrame;
use super::delayed::bind;
use super::table::Table;
use crate::delayed::inherit;
use crate::error::{Error, Result, Step};
use crate::expr::size;
use crate::optimize::Sizes;
use crate::plan::{Memory, Node, Plan, PlanRef, Scan};
use crate::report::Report;
use crate::run::{Executed, Failure, Output, execute};
use crate::session::Session;
use crate::stage::{Sink, StageRef, lower::Lowering};
use crate::watch::Closely;

/// How often inferred types may be found too narrow and widened before that is given up. Each round widens a
/// source for good, so this is only reached by files that change all the time.
const WIDENINGS: usize = 8;

impl PartitionedFrame {
    /// Runs the chain and returns its rows.
    ///
    /// # Errors
    /// A step could not be bound, a file or a value is bad, the result does not fit into the memory limit, or
    /// the run was cancelled.
    pub fn compute(&self) -> Result<Table> {
        let mut tables = compute_frames(std::slice::from_ref(self), &self.session)?;
        tables.pop().ok_or_else(|| Error::internal("computing one frame gave no table"))
    }

    /// As [`PartitionedFrame::compute`], with the report of the run, for which memory is looked at more often.
    /// The table holds the same report.
    ///
    /// # Errors
    /// As [`PartitionedFrame::compute`].
    pub fn compute_with_report(&self) -> Result<(Table, Report)> {
        let (mut tables, report) = compute_frames_with_report(std::slice::from_ref(self), &self.session)?;
        let table = tables.pop().ok_or_else(|| Error::internal("computing one frame gave no table"))?;
        Ok((table, report))
    }

    /// Runs the chain and keeps its rows in memory, in their partitions, as a new frame. They count against the
    /// session's memory limit until the last frame that was made of them is gone.
    ///
    /// # Errors
    /// As [`PartitionedFrame::compute`].
    #[track_caller]
    pub fn persist(&self) -> Result<PartitionedFrame> {
        Ok(self.kept(Step::here("persist"), Closely::Tasks)?.0)
    }

    /// As [`PartitionedFrame::persist`], with the report of the run.
    ///
    /// # Errors
    /// As [`PartitionedFrame::compute`].
    #[track_caller]
    pub fn persist_with_report(&self) -> Result<(PartitionedFrame, Report)> {
        self.kept(Step::here("persist"), Closely::Memory)
    }

    fn kept(&self, step: Step, closely: Closely) -> Result<(PartitionedFrame, Report)> {
        let schema = self.schema()?;
        let (parts, report) = collect_outputs(self, closely)?;
        let partitions = parts.iter().map(batches).collect();
        let plan = Memory::plan(schema, partitions, Some(Arc::new(parts)), step);
        Ok((PartitionedFrame::new(Ok(plan), self.session.clone(), step), report))
    }

    /// The number of rows.
    ///
    /// # Errors
    /// As [`PartitionedFrame::compute`].
    #[expect(clippy::len_without_is_empty, reason = "whether a frame is empty costs as much as its length")]
    pub fn len(&self) -> Result<usize> {
        let counted = self.agg([size().alias("rows")]).compute()?;
        let rows = counted.batches().find_map(|batch| {
            let counts = batch.columns().first()?.as_primitive_opt::<Int64Type>()?;
            counts.iter().next().flatten()
        });
        rows.and_then(|rows| usize::try_from(rows).ok())
            .ok_or_else(|| Error::internal("counting rows gave no number"))
    }

    /// The chain as text: the logical plan, the optimized plan, and the stages with how their rows are
    /// partitioned. Nothing is read but what the schema needs.
    ///
    /// # Errors
    /// A step could not be bound.
    pub fn explain(&self) -> Result<String> {
        let plan = self.plan.clone()?;
        let (optimized, root) = self.lowered()?;
        Ok(crate::explain::all(&plan, &optimized, &root))
    }

    /// The optimized plan and the stage that collects its rows.
    pub(super) fn lowered(&self) -> Result<(PlanRef, StageRef)> {
        let optimized = optimized(&self.plan.clone()?, &self.session)?;
        let root = lowering(&self.session).stage(&optimized, collect_of(&optimized), false)?;
        Ok((optimized, root))
    }
}

/// Runs a frame and returns the batches of its partitions.
pub(super) fn collect_partitions(frame: &PartitionedFrame) -> Result<Vec<Vec<RecordBatch>>> {
    Ok(collect_outputs(frame, Closely::Tasks)?.0.iter().map(batches).collect())
}

/// The partitions of a frame with their place in the memory budget.
fn collect_outputs(frame: &PartitionedFrame, closely: Closely) -> Result<(Vec<Arc<Output>>, Report)> {
    let mut keep = |plans: &[PlanRef], lowering: &mut Lowering| {
        plans.iter().map(|plan| lowering.stage(plan, Sink::Keep, false)).collect()
    };
    let (executed, report) = run_plans(&[frame.plan.clone()?], &frame.session, closely, &mut keep)?;
    Ok((executed.roots.into_iter().flatten().collect(), report))
}

/// Runs several frames at once and returns their tables in order. Work that they have in common runs once.
pub(crate) fn compute_frames(frames: &[PartitionedFrame], session: &Session) -> Result<Vec<Table>> {
    compute_watched(frames, session, Closely::Tasks)
}

/// As [`compute_frames`], with the report of the run, which is the tables' too.
pub(crate) fn compute_frames_with_report(
    frames: &[PartitionedFrame],
    session: &Session,
) -> Result<(Vec<Table>, Report)> {
    let tables = compute_watched(frames, session, Closely::Memory)?;
    let report = tables.first().map(|table| table.report().clone()).unwrap_or_default();
    Ok((tables, report))
}

fn compute_watched(frames: &[PartitionedFrame], session: &Session, closely: Closely) -> Result<Vec<Table>> {
    let plans = frames.iter().map(|frame| frame.plan.clone()).collect::<Result<Vec<_>>>()?;
    let mut collect = |plans: &[PlanRef], lowering: &mut Lowering| {
        plans.iter().map(|plan| lowering.stage(plan, collect_of(plan), false)).collect()
    };
    let (executed, report) = run_plans(&plans, session, closely, &mut collect)?;
    let report = Arc::new(report);
    let tables = executed.roots.iter().zip(frames).map(|(parts, frame)| {
        let packed = parts.iter().flat_map(|part| match &**part {
            Output::Packed { batches, .. } => batches.as_slice(),
            _ => &[],
        });
        Ok(Table::new(frame.schema()?, packed.cloned().collect(), Arc::clone(&report), session))
    });
    tables.collect()
}

/// The batches of one partition's result.
fn batches(part: &Arc<Output>) -> Vec<RecordBatch> {
    match &**part {
        Output::Batches { batches, .. } => batches.clone(),
        _ => Vec::new(),
    }
}

fn collect_of(plan: &PlanRef) -> Sink {
    Sink::Collect(Arc::clone(&plan.schema))
}

/// Lowers optimized plans to the stages that end them.
pub(super) type MakeStages<'a> = dyn FnMut(&[PlanRef], &mut Lowering) -> Result<Vec<StageRef>> + 'a;

/// Optimizes, lowers and runs some plans together. Where a reader finds an inferred type too narrow for a
/// value, the source is widened and the plans are bound and run again.
pub(super) fn run_plans(
    plans: &[PlanRef],
    session: &Session,
    closely: Closely,
    make_stages: &mut MakeStages<'_>,
) -> Result<(Executed, Report)> {
    let session = &inherit(session);
    let mut plans = plans.to_vec();
    let mut notices = Vec::new();
    for _ in 0..WIDENINGS {
        let optimized = bind(optimize(&plans, session)?, session)?;
        let mut lowering = lowering(session);
        let stages = make_stages(&optimized, &mut lowering)?;
        match execute(&stages, session, closely) {
            Ok(mut executed) => {
                let mut report = std::mem::take(&mut executed.report);
                notices.append(&mut report.notices);
                return Ok((executed, Report { notices, ..report }));
            }
            Err(Failure { error, too_narrow }) => {
                if too_narrow.is_empty() || !error.io().is_some_and(partita_io::Error::is_type_too_narrow) {
                    return Err(error);
                }
                for (source, request) in too_narrow {
                    let (wider, mut found) = source.widened(&request, &session.read_context())?;
                    notices.append(&mut found);
                    let replace = |leaf: &PlanRef| match &leaf.node {
                        Node::Scan(scan) if Arc::ptr_eq(&scan.source, &source) => {
                            Some(Scan { source: Arc::clone(&wider), ..scan.clone() }.into_plan(leaf.step))
                        }
                        _ => None,
                    };
                    plans = plans
                        .iter()
                        .map(|plan| {
                            let widened = with_leaves(plan, &replace);
                            widened.map_err(|error| {
                                error.context("after a column of a file was found to need a wider type")
                            })
                        })
                        .collect::<Result<Vec<_>>>()?;
                }
            }
        }
    }
    Err(Error::schema(
        "the column types had to be widened again and again; do the files change while they are read?",
    ))
}

fn lowering(session: &Session) -> Lowering {
    let sizes = Sizes::default();
    Lowering::new(session.settings().batch_rows, Box::new(move |plan| sizes.rows(plan)))
}

fn optimize(plans: &[PlanRef], session: &Session) -> Result<Vec<PlanRef>> {
    if session.settings().optimize { crate::optimize::optimize_all(plans) } else { Ok(plans.to_vec()) }
}

fn optimized(plan: &PlanRef, session: &Session) -> Result<PlanRef> {
    let plans = optimize(&[Arc::clone(plan)], session)?;
    plans.into_iter().next().ok_or_else(|| Error::internal("optimizing lost a plan"))
}

/// The plan with some leaves replaced, bound again from there up.
pub(super) fn with_leaves(
    plan: &PlanRef,
    replace: &dyn Fn(&PlanRef) -> Option<Result<PlanRef>>,
) -> Result<PlanRef> {
    let inputs = plan.inputs();
    if inputs.is_empty() {
        return replace(plan).unwrap_or_else(|| Ok(Arc::clone(plan)));
    }
    let inputs = inputs.into_iter().map(|input| with_leaves(input, replace)).collect::<Result<Vec<_>>>()?;
    Plan::with_inputs(plan, inputs).map_err(|error| error.at_step(plan.step))
}
