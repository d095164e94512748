//! The file that decides where data moves: a logical plan becomes pipelines, and a pipeline is closed into a
//! stage wherever rows must change partition.
//!
//! `lower` walks the plan from its root. Row-wise nodes add an operator to the open pipelines; the others
//! close them: see `stage/group_by.rs`, `stage/join.rs` and `stage/sort.rs`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use partita_io::{Prune, ScanRequest};

use super::{Cut, Expected, Pipeline, PipelineStep, Sink, Source, Stage, StageRef};
use crate::error::{Result, Step, column_index};
use crate::expr::col;
use crate::op::{
    DropRows, FilterRows, LastRows, MapBatches, Operator, ProjectColumns, ScanFilter, TakeRows,
    about_row_bytes,
};
use crate::plan::{Filter, MapPartitions, Memory, Node, PlanRef, Project, Range, Scan};

/// Pipelines that still have no sink; all of one schema. Several come of a concat.
pub(super) struct Open {
    pub(super) pipelines: Vec<Pipeline>,
    pub(super) schema: SchemaRef,
}

/// About how many rows a plan gives, if that much is known.
pub(crate) type RowsOf = dyn Fn(&PlanRef) -> Option<f64>;

/// Makes stages, numbered in the order in which they are closed.
pub(crate) struct Lowering {
    next_id: usize,
    batch_rows: usize,
    rows_of: Box<RowsOf>,
    shared: HashMap<usize, StageRef>,
}

impl Lowering {
    /// What `rows_of` says is only told to the user.
    pub(crate) fn new(batch_rows: usize, rows_of: Box<RowsOf>) -> Lowering {
        Lowering { next_id: 0, batch_rows, rows_of, shared: HashMap::new() }
    }

    /// The stage that ends in `sink` with the rows of `plan`. With `one_partition` the rows are brought
    /// together, in order, into a single task before the sink.
    ///
    /// # Errors
    /// An expression does not bind, which the plan's constructors have excluded.
    pub(crate) fn stage(&mut self, plan: &PlanRef, sink: Sink, one_partition: bool) -> Result<StageRef> {
        let mut open = self.lower(plan)?;
        if one_partition {
            open = self.gather(open);
        }
        Ok(self.close(open, sink))
    }

    /// Closes open pipelines with a sink.
    pub(super) fn close(&mut self, mut open: Open, sink: Sink) -> StageRef {
        open.pipelines.iter_mut().for_each(|pipeline| pipeline.read_as_codes(&sink));
        let id = self.next_id;
        self.next_id += 1;
        Arc::new(Stage { id, pipelines: open.pipelines, sink, schema: open.schema })
    }

    pub(super) fn lower(&mut self, plan: &PlanRef) -> Result<Open> {
        let mut open = self.lower_node(plan)?;
        open.expect((self.rows_of)(plan));
        Ok(open)
    }

    fn lower_node(&mut self, plan: &PlanRef) -> Result<Open> {
        match &plan.node {
            Node::Scan(scan) => self.lower_scan(scan, &plan.schema, plan.step),
            Node::Memory(memory) => lower_memory(memory, &plan.schema),
            Node::Project(project) => self.lower_project(project, &plan.schema, plan.step),
            Node::Filter(filter) => self.lower_filter(filter, plan.step),
            Node::MapPartitions(map) => self.lower_map(map, &plan.schema, plan.step),
            Node::GroupBy(group_by) => self.lower_group_by(group_by, plan),
            Node::Distinct(distinct) => self.lower_distinct(distinct, plan),
            Node::Join(join) => self.lower_join(join, &plan.schema, plan.step),
            Node::Sort(sort) => self.lower_sort(sort, plan),
            Node::Slice(slice) => self.lower_slice(&slice.input, slice.range, plan),
            Node::Concat(concat) => self.lower_concat(&concat.inputs, &plan.schema),
            Node::Repartition(node) => self.lower_repartition(&node.input, node.partitions),
            Node::Shared(shared) => self.lower_shared(&shared.input, shared.id),
        }
    }

    fn lower_scan(&self, scan: &Scan, schema: &SchemaRef, step: Step) -> Result<Open> {
        let all = scan.source.schema();
        let index = |name: &String| column_index(all, name);
        let projection = match &scan.columns {
            Some(columns) => Some(columns.iter().map(index).collect::<Result<Vec<_>>>()?),
            None => None,
        };
        let mut request = ScanRequest {
            projection,
            batch_rows: self.batch_rows,
            limit: scan.limit,
            ..ScanRequest::default()
        };
        if let Some(filter) = &scan.filter {
            let of_filter = scan.filter_step.unwrap_or(step);
            request.filter = Some(Arc::new(ScanFilter::new(filter, all, of_filter)?));
            request.prune = prune_terms(filter, all)?;
        }
        Ok(open(Source::Scan { source: Arc::clone(&scan.source), request, step }, schema))
    }

    fn lower_project(&mut self, project: &Project, schema: &SchemaRef, step: Step) -> Result<Open> {
        let input = self.lower(&project.input)?;
        let operator = ProjectColumns::new(&project.exprs, &input.schema, Arc::clone(schema), step)?;
        Ok(input.then(operator))
    }

    fn lower_filter(&mut self, filter: &Filter, step: Step) -> Result<Open> {
        let input = self.lower(&filter.input)?;
        let operator = FilterRows::new(&filter.predicate, &input.schema, step)?;
        Ok(input.then(operator))
    }

    fn lower_map(&mut self, map: &MapPartitions, schema: &SchemaRef, step: Step) -> Result<Open> {
        let input = self.lower(&map.input)?;
        let operator = MapBatches {
            function: Arc::clone(&map.map.function),
            whole_partition: map.map.whole_partition,
            input: Arc::clone(&input.schema),
            declared: Arc::clone(&map.declared),
            schema: Arc::clone(schema),
            step,
        };
        Ok(input.then(operator))
    }

    /// Each partition cuts what it can, then one task cuts what is left, in partition order.
    fn lower_slice(&mut self, input: &PlanRef, range: Range, plan: &PlanRef) -> Result<Open> {
        let (input, step) = (self.lower(input)?, plan.step);
        let schema = Arc::clone(&input.schema);
        match range {
            Range::First { offset, len } => {
                let rows = offset.saturating_add(len);
                let mut cut = input.then(TakeRows { rows, schema: Arc::clone(&schema), step });
                self.expect_of(&mut cut, plan);
                cut.pipelines
                    .iter_mut()
                    .for_each(|pipeline| pipeline.push_hint(PipelineStep::Enough { rows }));
                let mut gathered = self.gather(cut);
                if offset > 0 {
                    gathered = gathered.then(DropRows { rows: offset, schema: Arc::clone(&schema), step });
                }
                Ok(gathered.then(TakeRows { rows: len, schema, step }))
            }
            Range::Last { len } => {
                let mut cut = input.then(LastRows { rows: len, schema: Arc::clone(&schema), step });
                self.expect_of(&mut cut, plan);
                Ok(self.gather(cut).then(LastRows { rows: len, schema, step }))
            }
        }
    }

    fn lower_concat(&mut self, inputs: &[PlanRef], schema: &SchemaRef) -> Result<Open> {
        let mut pipelines = Vec::new();
        for input in inputs {
            let mut open = self.lower(input)?;
            if open.schema != *schema {
                // Only nullability can differ; the batches of all inputs must carry the one schema.
                let columns: Vec<_> = schema.fields().iter().map(|field| col(field.name())).collect();
                open =
                    open.then(ProjectColumns::new(&columns, &input.schema, Arc::clone(schema), input.step)?);
            }
            pipelines.extend(open.pipelines);
        }
        Ok(Open { pipelines, schema: Arc::clone(schema) })
    }

    fn lower_repartition(&mut self, input: &PlanRef, partitions: usize) -> Result<Open> {
        let input = self.lower(input)?;
        let schema = Arc::clone(&input.schema);
        let stage = self.close(input, Sink::Rows(Arc::clone(&schema)));
        Ok(open(Source::Rows { stage, cut: Cut::Equal(partitions) }, &schema))
    }

    fn lower_shared(&mut self, input: &PlanRef, id: usize) -> Result<Open> {
        let stage = match self.shared.get(&id) {
            Some(stage) => Arc::clone(stage),
            None => {
                let input = self.lower(input)?;
                let rows = Sink::Rows(Arc::clone(&input.schema));
                let stage = self.close(input, rows);
                self.shared.insert(id, Arc::clone(&stage));
                stage
            }
        };
        let schema = Arc::clone(&stage.schema);
        Ok(open(Source::Rows { stage, cut: Cut::AsMade }, &schema))
    }

    /// Each partition's share of a step leaves about what the whole step does.
    pub(super) fn expect_of(&self, open: &mut Open, plan: &PlanRef) {
        open.expect((self.rows_of)(plan));
    }

    /// All rows into one partition, in partition order.
    pub(super) fn gather(&mut self, input: Open) -> Open {
        let schema = Arc::clone(&input.schema);
        let stage = self.close(input, Sink::Rows(Arc::clone(&schema)));
        open(Source::Rows { stage, cut: Cut::Equal(1) }, &schema)
    }
}

impl Open {
    /// Adds an operator to every pipeline.
    pub(super) fn then(mut self, operator: impl Operator + 'static) -> Open {
        self.schema = Arc::clone(operator.schema());
        let operator: Arc<dyn Operator> = Arc::new(operator);
        for pipeline in &mut self.pipelines {
            pipeline.push(PipelineStep::Operator(Arc::clone(&operator)));
            pipeline.schema = Arc::clone(&self.schema);
        }
        self
    }

    /// Says how many rows are expected of the last steps together. Those of a concat are expected to give as
    /// much of them as they were until now.
    fn expect(&mut self, rows: Option<f64>) {
        let Some(rows) = rows else { return };
        let before = |pipeline: &Pipeline| {
            pipeline.expected.iter().rev().flatten().next().map_or(1.0, |expected| expected.rows.max(1.0))
        };
        let all: f64 = self.pipelines.iter().map(before).sum();
        let row_bytes = about_row_bytes(&self.schema);
        for pipeline in &mut self.pipelines {
            let rows = rows * before(pipeline) / all;
            pipeline.expect(Some(Expected { rows, bytes: rows * row_bytes }));
        }
    }
}

/// A pipeline that only reads.
pub(super) fn open(source: Source, schema: &SchemaRef) -> Open {
    let expected = match &source {
        Source::Scan { .. } | Source::Memory { .. } => None,
        Source::Buckets(stage) | Source::Sorted(stage) | Source::Rows { stage, .. } => stage.expected(),
    };
    let pipeline =
        Pipeline { source, steps: Vec::new(), schema: Arc::clone(schema), expected: vec![expected] };
    Open { pipelines: vec![pipeline], schema: Arc::clone(schema) }
}

fn lower_memory(memory: &Memory, schema: &SchemaRef) -> Result<Open> {
    let projection = match (&memory.columns, memory.partitions.iter().flatten().next()) {
        (Some(columns), Some(batch)) => {
            let all = batch.schema();
            Some(columns.iter().map(|name| column_index(&all, name)).collect::<Result<Vec<_>>>()?)
        }
        _ => None,
    };
    Ok(open(Source::Memory { partitions: Arc::clone(&memory.partitions), projection }, schema))
}

/// The terms of a filter by which files and row groups can be skipped.
fn prune_terms(filter: &crate::expr::Expr, schema: &SchemaRef) -> Result<Vec<Prune>> {
    let convert = |term: crate::expr::Term| {
        let column = column_index(schema, &term.column)?;
        Ok(Prune { column, compare: super::join::compare(term.compare), literals: term.literals })
    };
    filter.prune_terms(schema).into_iter().map(convert).collect()
}
