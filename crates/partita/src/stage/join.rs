//! Lowering of joins. The build side becomes a stage of its own; the probe side's pipelines go on through a join
//! step, and the run decides from the build side's size whether that is a shared table or an exchange of both
//! sides by hash of their keys.
//!
//! The right side is built, except that a right join has its sides swapped. An inner join builds its left
//! side if that is known to be much smaller; the optimizer has put it on the right then.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use partita_io::Compare;

use super::lower::{Lowering, Open, open};
use super::{Cut, JoinStep, PipelineStep, ReduceStep, Sink, Source};
use crate::error::{Error, Result, Step, column_index};
use crate::exchange::HashKeys;
use crate::expr::{TermCompare, common_type};
use crate::op::{JoinKind, JoinShape, OutputColumn};
use crate::plan::{How, Join, JoinSide};

impl Lowering {
    pub(super) fn lower_join(&mut self, node: &Join, schema: &SchemaRef, step: Step) -> Result<Open> {
        let swapped = node.how == How::Right;
        let (probe, build) = if swapped { (&node.right, &node.left) } else { (&node.left, &node.right) };
        let mut probe = self.lower(probe)?;
        if node.how == How::Outer && probe.pipelines.len() > 1 {
            // Build rows without a partner are known only after all probe rows, those of a whole concat.
            let schema = Arc::clone(&probe.schema);
            let stage = self.close(probe, Sink::Rows(Arc::clone(&schema)));
            probe = open(Source::Rows { stage, cut: Cut::AsMade }, &schema);
        }
        let mut build = self.lower(build)?;
        let shape = Arc::new(join_shape(node, swapped, &probe.schema, &build.schema, schema, step)?);
        if node.reduces {
            probe = self.reduce(probe, &mut build, &shape);
        }
        let hash = HashKeys { columns: shape.build_keys.clone(), types: shape.key_types.clone() };
        let sink = if shape.kind == JoinKind::Outer { Sink::Hash(hash) } else { Sink::Build(hash) };
        let build = self.close(build, sink);
        for pipeline in &mut probe.pipelines {
            let join = JoinStep { build: Arc::clone(&build), shape: Arc::clone(&shape), coded: Vec::new() };
            pipeline.push(PipelineStep::Join(join));
            pipeline.schema = Arc::clone(schema);
        }
        probe.schema = Arc::clone(schema);
        Ok(probe)
    }
}

impl Lowering {
    /// Runs the probe side first, for the build side needs only rows that have a partner in it.
    fn reduce(&mut self, probe: Open, build: &mut Open, shape: &JoinShape) -> Open {
        let schema = Arc::clone(&probe.schema);
        let by = self.close(probe, Sink::Rows(Arc::clone(&schema)));
        let reduce = ReduceStep {
            by: Arc::clone(&by),
            keys: shape.probe_keys.clone(),
            columns: shape.build_keys.clone(),
            types: shape.key_types.clone(),
            nulls_equal: shape.nulls_equal,
            step: shape.step,
        };
        for pipeline in &mut build.pipelines {
            pipeline.push_hint(PipelineStep::Reduce(reduce.clone()));
        }
        open(Source::Rows { stage: by, cut: Cut::AsMade }, &schema)
    }
}

fn join_shape(
    node: &Join,
    swapped: bool,
    probe: &SchemaRef,
    build: &SchemaRef,
    schema: &SchemaRef,
    step: Step,
) -> Result<JoinShape> {
    let (probe_on, build_on) =
        if swapped { (&node.right_on, &node.left_on) } else { (&node.left_on, &node.right_on) };
    let indices = |schema: &SchemaRef, names: &[String]| {
        names.iter().map(|name| column_index(schema, name)).collect::<Result<Vec<_>>>()
    };
    let (probe_keys, build_keys) = (indices(probe, probe_on)?, indices(build, build_on)?);
    let key_types = probe_keys
        .iter()
        .zip(&build_keys)
        .map(|(&p, &b)| key_type(probe.field(p).data_type(), build.field(b).data_type()))
        .collect::<Result<Vec<_>>>()?;
    let output = node
        .output
        .iter()
        .map(|column| {
            Ok(match (&column.side, swapped) {
                (JoinSide::Left(name), false) | (JoinSide::Right(name), true) => {
                    OutputColumn::Probe(column_index(probe, name)?)
                }
                (JoinSide::Left(name), true) | (JoinSide::Right(name), false) => {
                    OutputColumn::Build(column_index(build, name)?)
                }
                (JoinSide::Key(left, right), _) => {
                    let (p, b) = if swapped { (right, left) } else { (left, right) };
                    OutputColumn::Key { probe: column_index(probe, p)?, build: column_index(build, b)? }
                }
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let kind = match node.how {
        How::Inner => JoinKind::Inner,
        How::Left | How::Right => JoinKind::Left,
        How::Outer => JoinKind::Outer,
        How::Semi => JoinKind::Semi,
        How::Anti => JoinKind::Anti,
        How::Cross => JoinKind::Cross,
    };
    let label = describe(node);
    Ok(JoinShape {
        kind,
        probe_keys,
        build_keys,
        key_types,
        nulls_equal: node.nulls_equal,
        probe_schema: Arc::clone(probe),
        build_schema: Arc::clone(build),
        output,
        schema: Arc::clone(schema),
        label,
        step,
    })
}

fn key_type(probe: &DataType, build: &DataType) -> Result<DataType> {
    if probe == build {
        return Ok(probe.clone());
    }
    common_type(probe, build).ok_or_else(|| Error::internal("join keys lost their common type"))
}

fn describe(node: &Join) -> String {
    let kind = format!("{:?}", node.how).to_lowercase();
    let pairs: Vec<String> = node
        .left_on
        .iter()
        .zip(&node.right_on)
        .map(|(left, right)| if left == right { left.clone() } else { format!("{left} = {right}") })
        .collect();
    if pairs.is_empty() { format!("{kind} join") } else { format!("{kind} join on {}", pairs.join(", ")) }
}

/// The reader's word for a comparison.
pub(super) fn compare(compare: TermCompare) -> Compare {
    match compare {
        TermCompare::Equal => Compare::Equal,
        TermCompare::NotEqual => Compare::NotEqual,
        TermCompare::Less => Compare::Less,
        TermCompare::LessOrEqual => Compare::LessOrEqual,
        TermCompare::Greater => Compare::Greater,
        TermCompare::GreaterOrEqual => Compare::GreaterOrEqual,
        TermCompare::In => Compare::In,
        TermCompare::IsNull => Compare::IsNull,
        TermCompare::IsNotNull => Compare::IsNotNull,
    }
}
