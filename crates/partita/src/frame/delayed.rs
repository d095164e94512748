//! Frames and delayed values in one program: partitions as delayed values, and delayed values as partitions.
//!
//! A frame over delayed values reads them like files: its [`Batches`] is a source with one split per value.
//! What several partitions need is computed once, before the frame's tasks (`bind`); the rest of each
//! partition is computed by the task that reads it, so that not all of them are in memory at once.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, prep_null_mask_filter};
use arrow::datatypes::SchemaRef;
use partita_io::{BatchReader, ReadContext, Reserve, ScanRequest, Source, Split, Statistics};

use super::PartitionedFrame;
use super::collect::{collect_partitions, with_leaves};
use super::table::Table;
use crate::delayed::{Delayed, NodeRef, Value, run, run_given, try_delayed};
use crate::error::{Error, Result, Step};
use crate::op::held_to_schema;
use crate::plan::{Memory, Node, Plan, PlanRef, Scan, plain_schema};
use crate::session::Session;

impl PartitionedFrame {
    /// The frame's rows as a delayed value, for functions that need all of them. Nothing runs yet.
    ///
    /// # Example
    /// ```
    /// use partita::prelude::*;
    ///
    /// let frame = PartitionedFrame::from_batches([batch! { "v" => [1, 2, 3] }?]);
    /// let rows = frame.filter(col("v").gt(1)).delayed().map(|table| table.num_rows());
    /// assert_eq!((rows * 10).compute()?, 20);
    /// # Ok::<(), partita::Error>(())
    /// ```
    pub fn delayed(&self) -> Delayed<Table> {
        let frame = self.clone();
        let table = try_delayed(move || frame.compute()).name("frame").call();
        table.weighed(Table::weigh).with_session(&self.session)
    }

    /// The frame's partitions as delayed values, one record batch each. Nothing is computed yet; of files only
    /// what is needed to know their partitions is read.
    ///
    /// If the chain works row by row, each partition is computed on its own. Any other chain (a group-by, a join,
    /// a sort) is one node, which runs once, and its rows in their order are cut into equal parts: as many as
    /// [`PartitionedFrame::repartition`] says at its end, or else as many as the sources have partitions, of a
    /// join those of the side with more; one for `head`, `tail` and totals.
    ///
    /// # Errors
    /// A step of the chain could not be bound, or its files cannot be listed.
    ///
    /// # Example
    /// ```
    /// use partita::prelude::*;
    ///
    /// let sales = [("a", 1), ("b", 2), ("a", 3)].map(|(shop, n)| batch! { "shop" => [shop], "n" => [n] });
    /// let sales = PartitionedFrame::from_batches(sales.into_iter().collect::<Result<Vec<_>, _>>()?);
    /// let by_shop = sales.groupby(["shop"]).agg([col("n").sum()]).to_delayed()?;
    /// let rows = by_shop.iter().map(|part| part.map(RecordBatch::num_rows)).collect::<Vec<_>>();
    /// assert_eq!(gather(rows).compute()?.iter().sum::<usize>(), 2);
    /// # Ok::<(), partita::Error>(())
    /// ```
    pub fn to_delayed(&self) -> Result<Vec<Delayed<RecordBatch>>> {
        let plan = self.plan.clone()?;
        let parts = match &source_of(&plan).node {
            Node::Scan(scan) => match batches_of(scan) {
                Some(batches) => self.parts_of_delayed(&plan, batches),
                None => self.parts_of_files(&plan, scan)?,
            },
            Node::Memory(memory) => self.parts_of_memory(&plan, memory)?,
            Node::Repartition(cut) => self.parts_of_whole(cut.partitions),
            _ => {
                let partitions = self.partitions_of(&plan)?.max(1);
                self.repartition(partitions).parts_of_whole(partitions)
            }
        };
        Ok(parts.into_iter().map(|part| part.with_session(&self.session)).collect())
    }

    /// As many partitions as a plan's sources have, as far as its steps leave rows to fill them.
    fn partitions_of(&self, plan: &PlanRef) -> Result<usize> {
        Ok(match &plan.node {
            Node::Scan(scan) => match batches_of(scan) {
                Some(batches) => batches.nodes.len(),
                None => Splits::of(Arc::clone(&scan.source), &self.session)?.splits.len(),
            },
            Node::Memory(memory) => memory.partitions.len(),
            Node::Repartition(cut) => cut.partitions,
            Node::Slice(_) => 1,
            Node::Sort(sort) if sort.limit.is_some() => 1,
            Node::GroupBy(totals) if totals.keys.is_empty() => 1,
            Node::Concat(concat) => {
                concat.inputs.iter().map(|input| self.partitions_of(input)).sum::<Result<usize>>()?
            }
            _ => {
                let inputs = plan.inputs().into_iter().map(|input| self.partitions_of(input));
                inputs.collect::<Result<Vec<_>>>()?.into_iter().max().unwrap_or(1)
            }
        })
    }

    fn parts_of_files(&self, plan: &PlanRef, scan: &Scan) -> Result<Vec<Delayed<RecordBatch>>> {
        let whole = Arc::new(Splits::of(Arc::clone(&scan.source), &self.session)?);
        let parts = whole.splits.iter().enumerate().map(|(number, split)| {
            let one: Arc<dyn Source> = Arc::new(OneSplit { whole: Arc::clone(&whole), number });
            let plan = with_leaves(plan, &|leaf| match &leaf.node {
                Node::Scan(scan) => {
                    Some(Scan { source: Arc::clone(&one), ..scan.clone() }.into_plan(leaf.step))
                }
                _ => None,
            })?;
            Ok(self.one_batch(plan, &split.label))
        });
        parts.collect()
    }

    fn parts_of_delayed(&self, plan: &PlanRef, batches: &Batches) -> Vec<Delayed<RecordBatch>> {
        let part = |node: &NodeRef| {
            let (plan, session) = (Arc::clone(plan), self.session.clone());
            let (declared, plain) = (Arc::clone(&batches.declared), Arc::clone(&batches.plain));
            let rest = move |batch: &RecordBatch| {
                let batch = held_to_schema(batch, &declared, &plain)?;
                let plan = with_leaves(&plan, &|leaf| {
                    Some(Ok(Memory::plan(Arc::clone(&plain), vec![vec![batch.clone()]], None, leaf.step)))
                })?;
                PartitionedFrame { plan: Ok(plan), session: session.clone() }.compute()?.to_batch()
            };
            Delayed::<RecordBatch>::from_node(Arc::clone(node))
                .try_map(rest)
                .name(format!("rows of {}", node.name()))
        };
        batches.nodes.iter().map(part).collect()
    }

    fn parts_of_memory(&self, plan: &PlanRef, memory: &Memory) -> Result<Vec<Delayed<RecordBatch>>> {
        let parts = memory.partitions.iter().enumerate().map(|(number, batches)| {
            let plan = with_leaves(plan, &|leaf| match &leaf.node {
                Node::Memory(memory) => {
                    let one = Memory { partitions: [batches.clone()].into(), ..memory.clone() };
                    Some(Ok(Plan::new(Node::Memory(one), leaf.schema.clone(), leaf.step)))
                }
                _ => None,
            })?;
            Ok(self.one_batch(plan, &format!("partition {number}")))
        });
        parts.collect()
    }

    fn parts_of_whole(&self, partitions: usize) -> Vec<Delayed<RecordBatch>> {
        let frame = self.clone();
        let all = move || -> Result<Vec<RecordBatch>> {
            let schema = frame.schema()?;
            let parts = collect_partitions(&frame)?;
            parts.iter().map(|batches| Ok(arrow::compute::concat_batches(&schema, batches)?)).collect()
        };
        try_delayed(all).name("frame").call().split_into(partitions)
    }

    /// The rows of `plan`, which has one partition.
    fn one_batch(&self, plan: PlanRef, name: &str) -> Delayed<RecordBatch> {
        let frame = PartitionedFrame { plan: Ok(plan), session: self.session.clone() };
        try_delayed(move || frame.compute()?.to_batch()).name(name).call()
    }

    /// A frame of delayed record batches, one partition each, of the columns of `schema`. Nothing runs before
    /// the frame does; then each batch is held to `schema`, and one of other names or types fails the run.
    ///
    /// # Example
    /// ```
    /// use partita::prelude::*;
    ///
    /// let make = try_delayed(|from: i64| batch! { "v" => [from, from + 1] });
    /// let schema = Schema::new(vec![Field::new("v", DataType::Int64, true)]);
    /// let frame = PartitionedFrame::from_delayed(schema.into(), [make.call(0), make.call(10)]);
    /// assert_eq!(frame.filter(col("v").gt(0)).len()?, 3);
    /// # Ok::<(), partita::Error>(())
    /// ```
    #[track_caller]
    pub fn from_delayed(
        schema: SchemaRef,
        partitions: impl IntoIterator<Item = Delayed<RecordBatch>>,
    ) -> PartitionedFrame {
        let step = Step::here("from_delayed");
        let partitions: Vec<_> = partitions.into_iter().collect();
        let session = partitions.iter().find_map(|part| part.session().cloned()).unwrap_or_default();
        let nodes = partitions.into_iter().map(Delayed::into_node).collect();
        let names = crate::plan::check_unique(schema.fields().iter().map(|field| field.name().as_str()));
        let batches =
            Batches { plain: plain_schema(&schema), declared: schema, nodes, bound: OnceLock::new() };
        PartitionedFrame::new(names.map(|()| Scan::plan(Arc::new(batches), step)), session, step)
    }
}

/// The plan below the row-wise steps of a chain.
fn source_of(plan: &PlanRef) -> &PlanRef {
    let mut plan = plan;
    loop {
        plan = match &plan.node {
            Node::Project(node) => &node.input,
            Node::Filter(node) => &node.input,
            Node::MapPartitions(node) => &node.input,
            _ => return plan,
        };
    }
}

/// A source with its splits, which are found once for all delayed partitions.
#[derive(Debug)]
struct Splits {
    source: Arc<dyn Source>,
    splits: Vec<Split>,
}

impl Splits {
    fn of(source: Arc<dyn Source>, session: &Session) -> Result<Splits> {
        let request = ScanRequest { batch_rows: session.settings().batch_rows, ..ScanRequest::default() };
        let splits = source.splits(&request, &session.read_context())?;
        Ok(Splits { source, splits })
    }
}

/// One split of a source, as a source.
#[derive(Debug)]
struct OneSplit {
    whole: Arc<Splits>,
    number: usize,
}

impl Source for OneSplit {
    fn schema(&self) -> &SchemaRef {
        self.whole.source.schema()
    }

    fn describe(&self) -> String {
        format!("split {} of {}", self.number, self.whole.source.describe())
    }

    fn statistics(&self) -> Statistics {
        Statistics::default()
    }

    fn splits(&self, _request: &ScanRequest, _context: &ReadContext) -> partita_io::Result<Vec<Split>> {
        let own = self.whole.splits.get(self.number);
        let copy = |split: &Split| Split {
            label: split.label.clone(),
            bytes: split.bytes,
            rows: split.rows,
            part: Box::new(()),
        };
        Ok(own.map(copy).into_iter().collect())
    }

    fn read(
        &self,
        _split: &Split,
        request: &ScanRequest,
        context: &ReadContext,
    ) -> partita_io::Result<Box<dyn BatchReader>> {
        self.whole.source.read(&self.whole.splits[self.number], request, context)
    }

    fn widened(
        &self,
        request: &ScanRequest,
        context: &ReadContext,
    ) -> partita_io::Result<(Arc<dyn Source>, Vec<partita_io::Notice>)> {
        let (source, notices) = self.whole.source.widened(request, context)?;
        let all = ScanRequest { batch_rows: request.batch_rows, ..ScanRequest::default() };
        let splits = source.splits(&all, context)?;
        Ok((Arc::new(OneSplit { whole: Arc::new(Splits { source, splits }), number: self.number }), notices))
    }
}

/// Delayed record batches as a source: a split per batch.
#[derive(Debug)]
struct Batches {
    declared: SchemaRef,
    /// The declared schema in the engine's form.
    plain: SchemaRef,
    nodes: Vec<NodeRef>,
    /// What a run adds to a copy of its own.
    bound: OnceLock<Bound>,
}

/// What the partitions of one run are computed with.
#[derive(Clone, Debug)]
struct Bound {
    session: Session,
    given: Arc<HashMap<u64, Arc<Value>>>,
}

impl Source for Batches {
    fn schema(&self) -> &SchemaRef {
        &self.plain
    }

    fn describe(&self) -> String {
        format!("{} delayed partitions", self.nodes.len())
    }

    fn statistics(&self) -> Statistics {
        Statistics::default()
    }

    fn splits(&self, _request: &ScanRequest, _context: &ReadContext) -> partita_io::Result<Vec<Split>> {
        let split = |(number, node): (usize, &NodeRef)| Split {
            label: format!("delayed partition {number} (`{}`)", node.name()),
            bytes: 0,
            rows: None,
            part: Box::new(number),
        };
        Ok(self.nodes.iter().enumerate().map(split).collect())
    }

    fn read(
        &self,
        split: &Split,
        request: &ScanRequest,
        context: &ReadContext,
    ) -> partita_io::Result<Box<dyn BatchReader>> {
        let number = split.part.downcast_ref::<usize>().copied().unwrap_or_default();
        let made = self.partition(number).and_then(|batch| wanted_of(&batch, request));
        let batch = made.map_err(|error| partita_io::Error::filter(Box::new(error)))?;
        let bytes = batch.get_array_memory_size();
        context.memory.reserve(bytes)?;
        Ok(Box::new(One { batch: Some(batch), bytes, memory: Arc::clone(&context.memory) }))
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl Batches {
    fn partition(&self, number: usize) -> Result<RecordBatch> {
        let bound = self.bound.get().ok_or_else(|| Error::internal("a delayed frame ran unbound"))?;
        let node =
            self.nodes.get(number).ok_or_else(|| Error::internal("a delayed frame lost a partition"))?;
        let mut values = run_given(std::slice::from_ref(node), &bound.given, &bound.session)?;
        let value = values.pop().ok_or_else(|| Error::internal("a run lost its output"))?;
        let batch = Arc::unwrap_or_clone(Value::into_shared::<RecordBatch>(value));
        held_to_schema(&batch, &self.declared, &self.plain)
    }
}

/// The rows and columns of a batch that a scan wants.
fn wanted_of(batch: &RecordBatch, request: &ScanRequest) -> Result<RecordBatch> {
    let kept = match &request.filter {
        Some(filter) => {
            filter.looks_at(batch.num_rows());
            let keep = filter.keep(&batch.project(filter.columns())?)?;
            let keep: BooleanArray = if keep.null_count() > 0 { prep_null_mask_filter(&keep) } else { keep };
            &filter_record_batch(batch, &keep)?
        }
        None => batch,
    };
    Ok(match &request.projection {
        Some(columns) => kept.project(columns)?,
        None => kept.clone(),
    })
}

/// Gives out one batch, counted in the run's memory while it is held.
struct One {
    batch: Option<RecordBatch>,
    bytes: usize,
    memory: Arc<dyn Reserve>,
}

impl BatchReader for One {
    fn next_batch(&mut self) -> partita_io::Result<Option<RecordBatch>> {
        Ok(self.batch.take())
    }

    fn bytes_read(&self) -> u64 {
        0
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.memory.release(self.bytes);
    }
}

/// The plans with their delayed partitions bound to a run: what several partitions need is computed here, once.
pub(super) fn bind(plans: Vec<PlanRef>, session: &Session) -> Result<Vec<PlanRef>> {
    let read = readers(&plans);
    if read.is_empty() {
        return Ok(plans);
    }
    let shared = shared_nodes(&read);
    let values = if shared.is_empty() { Vec::new() } else { run(&shared, session)? };
    let given = Arc::new(shared.iter().map(|node| node.id()).zip(values).collect());
    let bound = Bound { session: session.clone(), given };
    plans.iter().map(|plan| with_leaves(plan, &|leaf| bound_leaf(leaf, &bound))).collect()
}

fn bound_leaf(leaf: &PlanRef, bound: &Bound) -> Option<Result<PlanRef>> {
    let Node::Scan(scan) = &leaf.node else { return None };
    let batches = batches_of(scan)?;
    let own = Batches {
        declared: Arc::clone(&batches.declared),
        plain: Arc::clone(&batches.plain),
        nodes: batches.nodes.clone(),
        bound: OnceLock::from(bound.clone()),
    };
    Some(Scan { source: Arc::new(own), ..scan.clone() }.into_plan(leaf.step))
}

fn batches_of(scan: &Scan) -> Option<&Batches> {
    scan.source.as_any()?.downcast_ref()
}

/// Every delayed partition that the plans read, as often as it may be read. A plan that is met a third time
/// tells nothing new: what is read twice is shared already.
fn readers(plans: &[PlanRef]) -> Vec<NodeRef> {
    let mut met: HashMap<*const Plan, u8> = HashMap::new();
    let mut readers = Vec::new();
    let mut left: Vec<&PlanRef> = plans.iter().rev().collect();
    while let Some(plan) = left.pop() {
        let times = met.entry(Arc::as_ptr(plan)).or_default();
        *times += 1;
        if *times > 2 {
            continue;
        }
        if let Node::Scan(scan) = &plan.node {
            readers.extend(batches_of(scan).iter().flat_map(|batches| batches.nodes.iter().cloned()));
        }
        left.extend(plan.inputs().into_iter().rev());
    }
    readers
}

/// The nodes that more than one reader needs and that are not below another such node.
fn shared_nodes(readers: &[NodeRef]) -> Vec<NodeRef> {
    let mut owners: HashMap<u64, usize> = HashMap::new();
    let mut known = HashSet::new();
    let mut shared = Vec::new();
    for (reader, node) in readers.iter().enumerate() {
        let mut left = vec![Arc::clone(node)];
        while let Some(node) = left.pop() {
            match owners.insert(node.id(), reader) {
                None => left.extend(node.all_needs()),
                Some(owner) if owner != reader && known.insert(node.id()) => shared.push(node),
                Some(_) => {}
            }
        }
    }
    shared
}
