//! 4: stages: what runs between two exchanges, and how its rows are cut into partitions.
//!
//! A stage is one or more *pipelines* that end in one *sink*. A pipeline has a source and row-wise operators;
//! each partition of its source becomes a task. A join in a pipeline waits for its build stage, and only when
//! that has run is it known whether the pipeline goes on through a shared table or is cut into an exchange:
//! so a pipeline holds [`PipelineStep::Join`] until it runs. Next in the flow: `run/mod.rs`.

pub(crate) mod lower;

mod codes;
mod group_by;
mod join;
mod sort;

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use partita_io::{DatasetWriter, ScanRequest, Source as FileSource};

use crate::error::{Result, Step, column_index};
use crate::exchange::{HashKeys, SortSpec};
use crate::op::{JoinShape, Operator};

/// One or more pipelines into one sink.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Counted from 0 in the order in which `explain` lists them.
    pub(crate) id: usize,
    pub(crate) pipelines: Vec<Pipeline>,
    pub(crate) sink: Sink,
    /// Of the rows that reach the sink.
    pub(crate) schema: SchemaRef,
}

pub(crate) type StageRef = Arc<Stage>;

/// A source and what is done to each of its partitions.
#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    pub(crate) source: Source,
    pub(crate) steps: Vec<PipelineStep>,
    /// Of the rows that leave the last step.
    pub(crate) schema: SchemaRef,
    /// What is expected to leave the source and then each step, where anything is.
    pub(crate) expected: Vec<Option<Expected>>,
}

/// About how many rows and bytes; nothing but what is told to the user depends on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Expected {
    pub(crate) rows: f64,
    pub(crate) bytes: f64,
}

impl Pipeline {
    /// Adds a step of which nothing is expected yet.
    fn push(&mut self, step: PipelineStep) {
        self.steps.push(step);
        self.expected.resize(self.steps.len() + 1, None);
    }

    /// Its steps before one of them.
    pub(crate) fn before(&self, place: usize) -> Pipeline {
        let expected = self.expected.iter().take(place + 1).copied().collect();
        Pipeline { steps: self.steps[..place].to_vec(), expected, ..self.clone() }
    }

    /// What is left of it when one of its steps is its source.
    pub(crate) fn after(&self, place: usize) -> Pipeline {
        let expected = self.expected.iter().skip(place + 1).copied().collect();
        Pipeline { steps: self.steps[place + 1..].to_vec(), expected, ..self.clone() }
    }

    /// What is left of it behind all its steps.
    pub(crate) fn after_all(&self) -> Pipeline {
        let expected = self.expected.last().copied().into_iter().collect();
        Pipeline { steps: Vec::new(), expected, ..self.clone() }
    }

    /// Adds a step that at most leaves out rows, to save work.
    pub(crate) fn push_hint(&mut self, step: PipelineStep) {
        let as_before = self.expected.last().copied().flatten();
        self.push(step);
        self.expect(as_before);
    }

    /// Says what is expected of the last step, unless that is known already.
    fn expect(&mut self, expected: Option<Expected>) {
        if let Some(last) = self.expected.last_mut() {
            *last = last.or(expected);
        }
    }

    /// One line: the source and the steps.
    pub(crate) fn describe(&self) -> String {
        let steps = self.steps.iter().filter_map(PipelineStep::describe);
        std::iter::once(self.source.describe()).chain(steps).collect::<Vec<_>>().join(" → ")
    }
}

impl Source {
    /// As `explain` prints it.
    pub(crate) fn describe(&self) -> String {
        match self {
            Source::Scan { source, request, .. } => {
                let name = |column: &usize| source.schema().field(*column).name().clone();
                let coded: Vec<String> = request.coded.iter().map(name).collect();
                match coded.is_empty() {
                    true => format!("scan {}", source.describe()),
                    false => format!("scan {}, {} as codes", source.describe(), coded.join(" and ")),
                }
            }
            Source::Memory { partitions, .. } if partitions.len() == 1 => "1 partition in memory".to_owned(),
            Source::Memory { partitions, .. } => format!("{} partitions in memory", partitions.len()),
            Source::Buckets(stage) => format!("bucket ranges of stage {}", stage.id),
            Source::Sorted(stage) => format!("merged key ranges of stage {}", stage.id),
            Source::Rows { stage, cut: Cut::AsMade } => format!("partitions of stage {}", stage.id),
            Source::Rows { stage, cut: Cut::Equal(1) } => format!("all rows of stage {}", stage.id),
            Source::Rows { stage, cut: Cut::Equal(parts) } => {
                format!("{parts} equal parts of stage {}", stage.id)
            }
        }
    }
}

/// Where a pipeline's partitions come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// One partition per split of the files; their errors are told with `step`.
    Scan { source: Arc<dyn FileSource>, request: ScanRequest, step: Step },
    /// Record batches in memory.
    Memory { partitions: Arc<[Vec<RecordBatch>]>, projection: Option<Vec<usize>> },
    /// The hash exchange of a stage: one partition per range of buckets.
    Buckets(StageRef),
    /// The sorted runs of a stage: one partition per range of keys, merged.
    Sorted(StageRef),
    /// The rows of a stage in partition order.
    Rows { stage: StageRef, cut: Cut },
}

/// How rows in order are cut into partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// As the stage that made them was cut.
    AsMade,
    /// So many partitions of nearly equal rows.
    Equal(usize),
}

/// A step of a pipeline.
#[derive(Clone, Debug)]
pub(crate) enum PipelineStep {
    Operator(Arc<dyn Operator>),
    Join(JoinStep),
    Reduce(ReduceStep),
    /// Row numbers as a last column, of the schema with them; the run adds it.
    Number {
        schema: SchemaRef,
        step: Step,
    },
    /// No more rows than this are wanted of all partitions together, in partition order: a task whose
    /// predecessors already hold them need not go on.
    Enough {
        rows: usize,
    },
}

impl PipelineStep {
    /// As `explain` prints it, where it is shown.
    pub(crate) fn describe(&self) -> Option<String> {
        match self {
            PipelineStep::Operator(operator) => Some(operator.describe()),
            PipelineStep::Join(join) => Some(join.shape.label.clone()),
            PipelineStep::Reduce(reduce) => Some(reduce.label()),
            PipelineStep::Number { .. } => Some("number rows".to_owned()),
            PipelineStep::Enough { .. } => None,
        }
    }

    /// The stage beside the pipeline whose rows it needs.
    pub(crate) fn waits_for(&self) -> Option<&StageRef> {
        match self {
            PipelineStep::Join(join) => Some(&join.build),
            PipelineStep::Reduce(reduce) => Some(&reduce.by),
            PipelineStep::Operator(_) | PipelineStep::Number { .. } | PipelineStep::Enough { .. } => None,
        }
    }
}

/// A join whose other side is built by a stage.
#[derive(Clone, Debug)]
pub(crate) struct JoinStep {
    pub(crate) build: StageRef,
    pub(crate) shape: Arc<JoinShape>,
    /// Columns of the output that may be handed on as codes of the build side's rows.
    pub(crate) coded: Vec<usize>,
}

/// A hint: rows whose keys none of a stage's rows has are not wanted.
#[derive(Clone, Debug)]
pub(crate) struct ReduceStep {
    pub(crate) by: StageRef,
    /// The key columns of that stage's rows.
    pub(crate) keys: Vec<usize>,
    /// The key columns of this pipeline's rows.
    pub(crate) columns: Vec<usize>,
    /// Both are cast to these before they are compared.
    pub(crate) types: Vec<DataType>,
    pub(crate) nulls_equal: bool,
    pub(crate) step: Step,
}

/// Where a stage's rows go.
#[derive(Clone)]
pub(crate) enum Sink {
    /// Runs ordered by the bucket of these columns' hash.
    Hash(HashKeys),
    /// The same, or as they come if few are expected: whoever joins them can do with either.
    Build(HashKeys),
    /// Runs as they come, of a schema, for `Rows`.
    Rows(SchemaRef),
    /// Sorted runs.
    Sort(Arc<SortSpec>),
    /// Batches in memory that other plans read: the result of `persist`.
    Keep,
    /// Packed batches of a schema in memory: the result of `compute`.
    Collect(SchemaRef),
    /// Files of a dataset at a place; `by` are its partition columns, if rows of one value may be brought together.
    Write { writer: Arc<DatasetWriter>, place: Arc<str>, by: Option<HashKeys> },
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.describe())
    }
}

impl Sink {
    /// The files of a dataset that is partitioned by some columns, if any.
    ///
    /// # Errors
    /// There is no such column, which the writer has found before.
    pub(crate) fn dataset(
        writer: Arc<DatasetWriter>,
        path: &Path,
        schema: &SchemaRef,
        partition_by: &[String],
    ) -> Result<Sink> {
        let columns =
            partition_by.iter().map(|name| column_index(schema, name)).collect::<Result<Vec<_>>>()?;
        let types = columns.iter().map(|&column| schema.field(column).data_type().clone()).collect();
        let by = (!columns.is_empty()).then_some(HashKeys { columns, types });
        Ok(Sink::Write { writer, place: path.display().to_string().into(), by })
    }

    /// As `explain` prints it: what happens to the rows and how they are partitioned then.
    pub(crate) fn describe(&self) -> String {
        match self {
            Sink::Hash(keys) if keys.columns.is_empty() => "into one partition".to_owned(),
            Sink::Hash(keys) if keys.columns.len() == 1 => "exchange by hash of 1 column".to_owned(),
            Sink::Hash(keys) => format!("exchange by hash of {} columns", keys.columns.len()),
            Sink::Build(_) => "build side".to_owned(),
            Sink::Rows(_) => "keep in partition order".to_owned(),
            Sink::Sort(spec) => format!("exchange by range of {}", spec.label),
            Sink::Keep => "keep".to_owned(),
            Sink::Collect(_) => "collect".to_owned(),
            Sink::Write { place, by: None, .. } => format!("write {place}"),
            Sink::Write { place, by: Some(_), .. } => format!("write {place} by value"),
        }
    }
}

impl ReduceStep {
    /// As `explain` prints it.
    pub(crate) fn label(&self) -> String {
        format!("reduce by keys of stage {}", self.by.id)
    }
}

impl JoinStep {
    /// The hint that probe rows without a partner are not wanted.
    pub(crate) fn reduce_probe(&self) -> ReduceStep {
        ReduceStep {
            by: Arc::clone(&self.build),
            keys: self.shape.build_keys.clone(),
            columns: self.shape.probe_keys.clone(),
            types: self.shape.key_types.clone(),
            nulls_equal: self.shape.nulls_equal,
            step: self.shape.step,
        }
    }

    /// How the build side is spread if it must be.
    pub(crate) fn build_hash(&self) -> HashKeys {
        HashKeys { columns: self.shape.build_keys.clone(), types: self.shape.key_types.clone() }
    }

    /// How the probe side is spread if it must be.
    pub(crate) fn probe_hash(&self) -> HashKeys {
        HashKeys { columns: self.shape.probe_keys.clone(), types: self.shape.key_types.clone() }
    }
}

impl Stage {
    /// What is expected to reach its sink.
    pub(crate) fn expected(&self) -> Option<Expected> {
        let ends = self.pipelines.iter().map(|pipeline| pipeline.expected.last().copied().flatten());
        ends.reduce(|a, b| {
            let (a, b) = (a?, b?);
            Some(Expected { rows: a.rows + b.rows, bytes: a.bytes + b.bytes })
        })?
    }

    /// The stages whose results this one needs, each once, in order.
    pub(crate) fn inputs(&self) -> Vec<StageRef> {
        let mut inputs: Vec<StageRef> = Vec::new();
        let mut add = |stage: &StageRef| {
            if !inputs.iter().any(|known| known.id == stage.id) {
                inputs.push(Arc::clone(stage));
            }
        };
        for pipeline in &self.pipelines {
            match &pipeline.source {
                Source::Buckets(stage) | Source::Sorted(stage) | Source::Rows { stage, .. } => add(stage),
                Source::Scan { .. } | Source::Memory { .. } => {}
            }
            for step in &pipeline.steps {
                step.waits_for().into_iter().for_each(&mut add);
            }
        }
        inputs
    }
}
