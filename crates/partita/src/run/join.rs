//! How a join's rows meet, decided when its build side has run.
//!
//! If the build side's bytes are at most `broadcast_bytes`, its rows come as if every task probed one shared table,
//! which is how it runs if that table fits into memory. If it does not, both sides are exchanged by hash, ranges of
//! buckets are joined one by one, and the result is put back in the order of the probe rows: so how much memory
//! there is decides nothing that can be seen. A larger build side is always exchanged, as is that of an outer join,
//! since only one task may know which build rows found no partner; their results stay in the order of the buckets.
//! Next in the flow: `merged.rs` for ranges of buckets, `task.rs` for probing.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use partita_graph::{BoxError, Graph, Step, TaskContext, TaskId};
use partita_io::Reserve;

use super::merged::Sides;
use super::piece::Feed;
use super::schedule::{Place, Planner, Target};
use super::{Output, RunEnvironment};
use crate::error::{Error, Result};
use crate::exchange::{RunSet, SortSpec};
use crate::op::{BuildColumn, BuildSide, BuildTable, JoinKind, JoinShape, numbered};
use crate::stage::{Cut, JoinStep, Pipeline, PipelineStep, Sink, Source};

/// A build side of fewer bytes is gathered by one task: more would cost more than they save.
const GATHERED_BYTES: u64 = 8 << 20;

/// A join before which a pipeline must be cut.
pub(super) struct CutAt<'a> {
    place: usize,
    join: &'a JoinStep,
    build: RunSet,
    /// Whether rows are to come in the order of the probe rows.
    in_order: bool,
}

impl Planner<'_> {
    /// The first join of a pipeline that is not a probe of a shared table.
    pub(super) fn first_cut<'a>(&self, pipeline: &'a Pipeline) -> Result<Option<CutAt<'a>>> {
        let settings = &self.environment.settings;
        let mut free = self.environment.table_bytes();
        for (place, step) in pipeline.steps.iter().enumerate() {
            let PipelineStep::Join(join) = step else { continue };
            let build = self.runs(join.build.id)?;
            let in_order = match join.shape.kind {
                JoinKind::Cross => continue,
                JoinKind::Outer => false,
                _ => build.bytes() <= settings.broadcast_bytes,
            };
            match free.checked_sub(build.bytes()) {
                Some(rest) if in_order => free = rest,
                _ => return Ok(Some(CutAt { place, join, build, in_order })),
            }
        }
        Ok(None)
    }

    /// Cuts the pipeline before a join: what precedes it is exchanged by hash, then ranges of buckets are
    /// joined and go through the rest.
    pub(super) fn cut_at(
        &mut self,
        at: Place,
        feed: Feed,
        pipeline: &Pipeline,
        cut: CutAt<'_>,
        target: &Target,
    ) -> Result<TaskId> {
        let CutAt { place, join, build, in_order } = cut;
        let shape = Arc::clone(&join.shape);
        let of_join = Place { first: at.first + place + 1, ..at };
        let (feed, mut before) = (feed.without_codes(), pipeline.before(place).without_codes());
        let label = format!("{} → exchange by hash for {}", before.describe(), shape.label);
        if shape.drops_probe_rows() {
            before.push_hint(PipelineStep::Reduce(join.reduce_probe()));
        }
        if in_order {
            let schema = numbered(&shape.probe_schema);
            before.push_hint(PipelineStep::Number { schema, step: shape.step });
        }
        let metrics = self.metrics_before(target, of_join, label);
        let probe =
            self.add_pipeline(at, feed, &before, &Target { sink: Sink::Hash(join.probe_hash()), metrics })?;
        let mut exchanges = vec![probe];
        if !build.is_by_bucket() {
            exchanges.push(self.exchange_build(of_join, join, target)?);
        }
        let rest = pipeline.after(place);
        let target = target.clone();
        Ok(self.plan_later(format!("plan {}", shape.label), &exchanges, move |planner, mut exchanged| {
            let build = if exchanged.len() > 1 { exchanged.swap_remove(1) } else { build };
            let probe = exchanged.swap_remove(0);
            let partitions = probe.partitions.len();
            let sides = Sides { build: Arc::new(build), probe: Arc::new(probe), shape };
            if !in_order {
                return planner.add_pipeline(of_join, Feed::Joined(sides), &rest, &target);
            }
            planner.joined_in_order(of_join, sides, partitions, rest, target)
        }))
    }

    /// Exchanges a build side that was expected to be small.
    fn exchange_build(&mut self, of_join: Place, join: &JoinStep, target: &Target) -> Result<TaskId> {
        let (stage, shape) = (&join.build, &join.shape);
        let source = Source::Rows { stage: Arc::clone(stage), cut: Cut::AsMade };
        let schema = Arc::clone(&shape.build_schema);
        let as_made =
            Pipeline { source: source.clone(), steps: Vec::new(), schema, expected: vec![stage.expected()] };
        let label = format!("stage {} → exchange by hash for {}", stage.id, shape.label);
        let metrics = self.metrics_before(target, of_join, label);
        self.add_pipeline(
            of_join,
            Feed::Planned(source),
            &as_made,
            &Target { sink: Sink::Hash(join.build_hash()), metrics },
        )
    }

    /// Joins two sides whose probe rows are numbered, sorts the result by the numbers, and cuts it as the probe rows
    /// were cut for the rest of the pipeline.
    fn joined_in_order(
        &mut self,
        at: Place,
        mut sides: Sides,
        partitions: usize,
        rest: Pipeline,
        target: Target,
    ) -> Result<TaskId> {
        let join = Arc::clone(&sides.shape);
        let schema = numbered(&join.schema);
        let spec = Arc::new(SortSpec::of_last(&schema, "the order of the left rows", join.step)?);
        sides.shape = Arc::new(join.with_last(Arc::clone(&schema)));
        let expected = rest.expected.iter().take(1).copied().collect();
        let alone = Pipeline { steps: Vec::new(), schema, expected, ..rest.clone() };
        let metrics = self.metrics_before(&target, at, format!("{} → back into order", join.label));
        let sort = Target { sink: Sink::Sort(Arc::clone(&spec)), metrics };
        let joined = self.add_pipeline(at, Feed::Joined(sides), &alone, &sort)?;
        Ok(self.plan_later(format!("order of {}", join.label), &[joined], move |planner, mut sorted| {
            let feed = Feed::Numbered { runs: sorted.swap_remove(0), spec, partitions, join };
            planner.add_pipeline(at, feed, &rest, &target)
        }))
    }

    /// A task that plans further tasks when the runs of some exchanges are there.
    fn plan_later(
        &mut self,
        name: String,
        exchanges: &[TaskId],
        plan: impl FnOnce(&mut Planner<'_>, Vec<RunSet>) -> Result<TaskId> + Send + 'static,
    ) -> TaskId {
        let (results, environment) = (self.results.clone(), Arc::clone(self.environment));
        self.graph.add(name, exchanges, move |_, inputs| {
            let mut graph = Graph::new();
            let expand = || {
                let mut planner = Planner {
                    graph: &mut graph,
                    results: &results,
                    environment: &environment,
                    builds: Vec::new(),
                };
                let exchanged =
                    inputs.into_shared().map(|runs| runs.run_set()).collect::<Result<Vec<_>>>()?;
                plan(&mut planner, exchanged)
            };
            let planned = expand().map_err(BoxError::from)?;
            Ok(Step::Expand(graph, planned))
        })
    }

    /// The task that makes a join's shared build side; with a filter if the first pipeline that asks wants one.
    pub(super) fn build_side(&mut self, join: &JoinStep, filtered: bool) -> Result<TaskId> {
        if let Some((_, task)) = self.builds.iter().find(|(shape, _)| Arc::ptr_eq(shape, &join.shape)) {
            return Ok(*task);
        }
        let runs = self.runs(join.build.id)?;
        let gathering =
            Gathering { shape: Arc::clone(&join.shape), environment: Arc::clone(self.environment) };
        let in_memory = runs.runs().all(|run| run.is_in_memory());
        let has_parts = join.shape.kind != JoinKind::Cross && !join.shape.asks_only_keys();
        let task = if in_memory && runs.bytes() >= GATHERED_BYTES && has_parts {
            gathering.by_column(self.graph, runs, filtered)
        } else {
            gathering.at_once(self.graph, runs, filtered)
        };
        self.builds.push((Arc::clone(&join.shape), task));
        Ok(task)
    }
}

/// What the tasks need that gather a build side.
#[derive(Clone)]
struct Gathering {
    shape: Arc<JoinShape>,
    environment: Arc<RunEnvironment>,
}

impl Gathering {
    /// One task for all.
    fn at_once(self, graph: &mut Graph<Output>, runs: RunSet, filtered: bool) -> TaskId {
        graph.add(format!("build side of {}", self.shape.label), &[], move |context, _| {
            let made = || {
                self.filtered(BuildSide::build(&self.shape, &all_batches(&runs)?, self.memory())?, filtered)
            };
            self.run(context, made).map(|build| Step::Done(Output::Build(Arc::new(build))))
        })
    }

    /// A task per column, and one for the table over the keys among them.
    fn by_column(self, graph: &mut Graph<Output>, runs: RunSet, filtered: bool) -> TaskId {
        let runs = Arc::new(runs);
        let label = &self.shape.label;
        let mut tasks: BTreeMap<usize, TaskId> = BTreeMap::new();
        let mut gather = |graph: &mut Graph<Output>, column: usize| {
            *tasks.entry(column).or_insert_with(|| {
                let (gathering, runs) = (self.clone(), Arc::clone(&runs));
                graph.add(format!("column {column} of the build side of {label}"), &[], move |context, _| {
                    let made = || gathering.column(&runs, column);
                    gathering.run(context, made).map(Step::Done)
                })
            })
        };
        // The table takes longest, so that it comes as soon as it can.
        let keys: Vec<TaskId> = self.shape.build_keys.iter().map(|&column| gather(graph, column)).collect();
        let gathering = self.clone();
        let table = graph.add(format!("table of {label}"), &keys, move |context, inputs| {
            let keys: Vec<Arc<Output>> = inputs.into_shared().collect();
            gathering.run(context, || gathering.table(&keys)).map(Step::Done)
        });
        let columns = (0..self.shape.build_schema.fields().len()).map(|column| gather(graph, column));
        let parts: Vec<TaskId> = std::iter::once(table).chain(columns).collect();
        graph.add(format!("build side of {label}"), &parts, move |context, inputs| {
            let parts: Vec<Arc<Output>> = inputs.into_shared().collect();
            let made = || self.filtered(self.of_parts(&parts)?, filtered);
            self.run(context, made).map(|build| Step::Done(Output::Build(Arc::new(build))))
        })
    }

    fn run<T>(
        &self,
        context: &TaskContext,
        made: impl FnMut() -> Result<T>,
    ) -> std::result::Result<T, BoxError> {
        let made = self.environment.admission.run(&|| context.is_stopped(), made);
        made.map_err(|error| error.at_step(self.shape.step).into())
    }

    fn filtered(&self, build: BuildSide, filtered: bool) -> Result<BuildSide> {
        if filtered { build.with_filter(&self.shape) } else { Ok(build) }
    }

    fn memory(&self) -> &Arc<dyn Reserve> {
        &self.environment.workspace.memory
    }

    fn column(&self, runs: &RunSet, column: usize) -> Result<Output> {
        let parts: Vec<_> = runs.runs().filter_map(|run| run.column(column)).flatten().collect();
        Ok(Output::Column(Arc::new(BuildColumn::gather(&parts, self.memory())?)))
    }

    fn table(&self, keys: &[Arc<Output>]) -> Result<Output> {
        let keys = keys.iter().map(|key| key.column()).collect::<Result<Vec<_>>>()?;
        Ok(Output::Table(Arc::new(BuildTable::of_columns(&self.shape, &keys, self.memory())?)))
    }

    fn of_parts(&self, parts: &[Arc<Output>]) -> Result<BuildSide> {
        let Some((Output::Table(table), columns)) = parts.split_first().map(|(first, rest)| (&**first, rest))
        else {
            return Err(Error::internal("a build side has no table"));
        };
        let columns = columns.iter().map(|column| column.column().cloned()).collect::<Result<Vec<_>>>()?;
        Ok(BuildSide::of_parts(columns, Arc::clone(table), self.memory()))
    }
}

fn all_batches(runs: &RunSet) -> Result<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    for run in runs.runs() {
        batches.extend(run.read(0..run.rows)?);
    }
    Ok(batches)
}
