//! What a frame's run left at its operators, found again for the picture of its stages (`stages.rs`).

use crate::report::{OperatorReport, Outcome, Report, StageReport};

use super::picture::{Measured, State};

/// A run whose stages are drawn.
#[derive(Clone, Copy)]
pub(super) struct Ran<'a>(pub(super) &'a Report);

/// What ran of a stage before an exchange for one of its joins.
pub(super) struct BeforeJoin<'a> {
    part: &'a StageReport,
    /// The filter by the join's keys, if there was one.
    pub(super) reduce: Option<&'a OperatorReport>,
}

impl<'a> Ran<'a> {
    /// The operator at a place of a stage's pipeline; none if it never began or was left out.
    pub(super) fn operator(self, stage: usize, pipeline: usize, place: usize) -> Option<&'a OperatorReport> {
        self.parts(stage)
            .filter(|part| part.before_join != Some((pipeline, place)))
            .flat_map(|part| &part.operators)
            .find(|operator| !operator.sink && (operator.pipeline, operator.place) == (pipeline, place))
    }

    /// What ran before the join at a place, if its rows were exchanged.
    pub(super) fn before_join(self, stage: usize, pipeline: usize, place: usize) -> Option<BeforeJoin<'a>> {
        let begins_before =
            |part: &&StageReport| part.operators.first().is_some_and(|first| first.place < place);
        let mut parts = self.parts(stage).filter(|part| part.before_join == Some((pipeline, place)));
        let part = parts.find(begins_before)?;
        let reduce = part.operators.iter().find(|operator| !operator.sink && operator.place == place);
        Some(BeforeJoin { part, reduce })
    }

    pub(super) fn has_begun(self, stage: usize) -> bool {
        self.parts(stage).next().is_some()
    }

    /// What a stage's sink got.
    pub(super) fn sink(self, stage: usize) -> (Measured, usize) {
        match self.parts(stage).find(|part| part.before_join.is_none()) {
            Some(part) => (self.left_by(part), part.tasks),
            None => (Measured::default(), 0),
        }
    }

    pub(super) fn exchange(self, before: &BeforeJoin<'_>) -> Measured {
        self.left_by(before.part)
    }

    /// As an operator's node shows it; one that never began waits.
    pub(super) fn measured(self, stage: usize, operator: Option<&OperatorReport>) -> Measured {
        let Some(operator) = operator else { return Measured::default() };
        Measured {
            state: if self.failed(stage, operator) { State::Failed } else { State::Done },
            busy: operator.busy,
            rows: Some(operator.rows()),
            bytes: Some(operator.bytes_out),
            expected_rows: operator.estimated_rows,
            ..Measured::default()
        }
    }

    fn left_by(self, part: &StageReport) -> Measured {
        let sinks = part.operators.iter().filter(|operator| operator.sink);
        let state = if part.tasks_done == 0 && part.tasks > 0 { State::Waiting } else { State::Done };
        Measured {
            state,
            busy: sinks.map(|operator| operator.busy).sum(),
            rows: Some(part.rows_out),
            bytes: Some(part.bytes_out),
            ..Measured::default()
        }
    }

    /// Whether a task of the stage failed in this operator. Errors name the step; if it is none of the stage's
    /// operators', it may have been any of them.
    fn failed(self, stage: usize, operator: &OperatorReport) -> bool {
        let error = self.0.error.as_deref().unwrap_or_default();
        let named =
            |operator: &OperatorReport| operator.step.as_ref().is_some_and(|step| error.contains(step));
        let mut failed = self.0.tasks.iter().filter(|task| task.outcome == Outcome::Failed);
        failed.any(|task| task.stage == Some(stage))
            && (named(operator) || !self.parts(stage).flat_map(|part| &part.operators).any(named))
    }

    fn parts(self, stage: usize) -> impl Iterator<Item = &'a StageReport> {
        self.0.stages.iter().filter(move |part| part.id == stage)
    }
}
