//! Rows of several inputs, one after the other. Columns are matched by name: the first input's order, then
//! what only later ones have; a column that an input lacks is null there, and types widen to a common one.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::{Node, Plan, PlanRef, Project};
use crate::error::{Error, Result, Step, type_name};
use crate::expr::{Expr, col, common_type, null_of};

#[derive(Clone, Debug)]
pub(crate) struct Concat {
    /// All of one schema.
    pub(crate) inputs: Vec<PlanRef>,
}

impl Concat {
    /// # Errors
    /// There is no input, or a column has types without a common one.
    pub(crate) fn plan(inputs: Vec<PlanRef>, step: Step) -> Result<PlanRef> {
        if inputs.is_empty() {
            return Err(Error::invalid("concat needs at least one frame"));
        }
        let schema = union_schema(&inputs)?;
        let inputs =
            inputs.into_iter().map(|input| align(input, &schema, step)).collect::<Result<Vec<_>>>()?;
        Ok(Plan::new(Node::Concat(Concat { inputs }), schema, step))
    }
}

fn union_schema(inputs: &[PlanRef]) -> Result<SchemaRef> {
    let mut fields: Vec<Field> = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        for field in input.schema.fields() {
            match fields.iter_mut().find(|known| known.name() == field.name()) {
                None => fields.push(Field::new(
                    field.name(),
                    field.data_type().clone(),
                    field.is_nullable() || index > 0,
                )),
                Some(known) => *known = widened(known, field)?,
            }
        }
        for known in &mut fields {
            if input.schema.column_with_name(known.name()).is_none() {
                known.set_nullable(true);
            }
        }
    }
    Ok(Arc::new(Schema::new(fields)))
}

fn widened(known: &Field, field: &Field) -> Result<Field> {
    let data_type = if known.data_type() == field.data_type() {
        known.data_type().clone()
    } else if known.data_type() == &DataType::Null {
        field.data_type().clone()
    } else {
        common_type(known.data_type(), field.data_type()).ok_or_else(|| {
            Error::schema(format!(
                "column `{}` is {} in one frame and {} in another; cast one of them with `astype`",
                field.name(),
                type_name(known.data_type()),
                type_name(field.data_type())
            ))
        })?
    };
    Ok(Field::new(known.name(), data_type, known.is_nullable() || field.is_nullable()))
}

fn align(input: PlanRef, schema: &SchemaRef, step: Step) -> Result<PlanRef> {
    let same = |(a, b): (&Arc<Field>, &Arc<Field>)| a.name() == b.name() && a.data_type() == b.data_type();
    if input.schema.fields().len() == schema.fields().len()
        && input.schema.fields().iter().zip(schema.fields()).all(same)
    {
        return Ok(input);
    }
    let exprs: Vec<Expr> = schema
        .fields()
        .iter()
        .map(|field| match input.schema.field_with_name(field.name()) {
            Ok(own) if own.data_type() == field.data_type() => col(field.name()),
            Ok(_) => col(field.name()).cast(field.data_type().clone()).alias(field.name()),
            Err(_) => null_of(field.data_type()).alias(field.name()),
        })
        .collect();
    Project::plan(input, exprs, step)
}
