//! A join of two inputs on equal key columns, or of every row with every row.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema};

use super::{Node, Plan, PlanRef, check_unique, column_index};
use crate::error::{Error, Result, Step, type_name};
use crate::expr::common_type;

/// Which rows a merge keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum How {
    /// Pairs of rows with equal keys.
    #[default]
    Inner,
    /// The same, and each left row without a partner once, with nulls on the right.
    Left,
    /// The same, and each right row without a partner once, with nulls on the left.
    Right,
    /// All of these.
    Outer,
    /// Left rows that have a partner, each once, with the left columns alone.
    Semi,
    /// Left rows that have no partner, with the left columns alone.
    Anti,
    /// Every left row with every right row; no keys.
    Cross,
}

/// Where a column of a join's output comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum JoinSide {
    Left(String),
    Right(String),
    /// A key of both sides under one name: the left value, or the right one where there is no left row.
    Key(String, String),
}

/// A column of a join's output.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct JoinColumn {
    pub(crate) name: String,
    pub(crate) side: JoinSide,
}

#[derive(Clone, Debug)]
pub(crate) struct Join {
    pub(crate) left: PlanRef,
    pub(crate) right: PlanRef,
    pub(crate) left_on: Vec<String>,
    pub(crate) right_on: Vec<String>,
    pub(crate) how: How,
    pub(crate) nulls_equal: bool,
    pub(crate) output: Vec<JoinColumn>,
    /// Whether the left side runs first, to leave rows of the right side out that have no partner in it.
    pub(crate) reduces: bool,
}

/// What `merge` was asked for, before it is checked.
#[derive(Clone, Debug)]
pub(crate) struct JoinRequest {
    pub(crate) left_on: Vec<String>,
    pub(crate) right_on: Vec<String>,
    pub(crate) how: How,
    pub(crate) nulls_equal: bool,
    pub(crate) suffixes: (String, String),
}

impl Join {
    /// # Errors
    /// A key does not exist, the two sides of a key have no common type, or output names clash even with the
    /// suffixes.
    pub(crate) fn plan(left: PlanRef, right: PlanRef, request: JoinRequest, step: Step) -> Result<PlanRef> {
        let output = output_columns(&left, &right, &request);
        let JoinRequest { left_on, right_on, how, nulls_equal, .. } = request;
        Join { left, right, left_on, right_on, how, nulls_equal, output, reduces: false }.into_plan(step)
    }

    /// The same join over other inputs.
    pub(crate) fn with_inputs(&self, left: PlanRef, right: PlanRef, step: Step) -> Result<PlanRef> {
        Join { left, right, ..self.clone() }.into_plan(step)
    }

    /// Checks the parts and computes the schema.
    pub(crate) fn into_plan(self, step: Step) -> Result<PlanRef> {
        if self.left_on.len() != self.right_on.len() {
            return Err(Error::invalid(format!(
                "merge has {} left keys but {} right keys; each left key needs its right one",
                self.left_on.len(),
                self.right_on.len()
            )));
        }
        if self.how == How::Cross && !self.left_on.is_empty() {
            return Err(Error::invalid("a cross merge pairs every row with every row, so it takes no keys"));
        }
        if self.how != How::Cross && self.left_on.is_empty() {
            return Err(Error::invalid(
                "merge needs keys: `on([..])`, or `How::Cross` for every pair of rows",
            ));
        }
        for (left_key, right_key) in self.left_on.iter().zip(&self.right_on) {
            let left_type = self.left.schema.field(side_index(&self.left, left_key, "left")?).data_type();
            let right_type =
                self.right.schema.field(side_index(&self.right, right_key, "right")?).data_type();
            if common_type(left_type, right_type).is_none() {
                return Err(Error::schema(format!(
                    "the merge keys `{left_key}` ({}) and `{right_key}` ({}) have no common type; cast one with `astype`",
                    type_name(left_type),
                    type_name(right_type)
                )));
            }
        }
        let fields = self.output.iter().map(|column| self.field(column)).collect::<Result<Vec<_>>>()?;
        check_unique(fields.iter().map(|field| field.name().as_str()))?;
        Ok(Plan::new(Node::Join(self), Arc::new(Schema::new(fields)), step))
    }

    fn field(&self, column: &JoinColumn) -> Result<Field> {
        let left_nullable = matches!(self.how, How::Right | How::Outer);
        let right_nullable = matches!(self.how, How::Left | How::Outer);
        let of = |plan: &PlanRef, name: &str, nullable: bool| -> Result<Field> {
            let field = plan.schema.field(column_index(&plan.schema, name)?);
            Ok(Field::new(&column.name, field.data_type().clone(), field.is_nullable() || nullable))
        };
        match &column.side {
            JoinSide::Left(name) => of(&self.left, name, left_nullable),
            JoinSide::Right(name) => of(&self.right, name, right_nullable),
            JoinSide::Key(left, right) => {
                let (left, right) = (of(&self.left, left, false)?, of(&self.right, right, false)?);
                let data_type = common_type(left.data_type(), right.data_type())
                    .ok_or_else(|| Error::internal("join keys lost their common type"))?;
                Ok(Field::new(&column.name, data_type, left.is_nullable() || right.is_nullable()))
            }
        }
    }

    pub(crate) fn columns_used(&self, input: usize, wanted: &BTreeSet<String>) -> BTreeSet<String> {
        let keys = if input == 0 { &self.left_on } else { &self.right_on };
        let mut used: BTreeSet<String> = keys.iter().cloned().collect();
        for column in self.output.iter().filter(|column| wanted.contains(&column.name)) {
            match (&column.side, input) {
                (JoinSide::Left(name), 0) | (JoinSide::Right(name), 1) => {
                    used.insert(name.clone());
                }
                (JoinSide::Key(left, right), _) => {
                    used.insert(if input == 0 { left.clone() } else { right.clone() });
                }
                _ => {}
            }
        }
        used
    }
}

fn side_index(plan: &PlanRef, name: &str, side: &str) -> Result<usize> {
    column_index(&plan.schema, name)
        .map_err(|error| error.context(format!("on the {side} side of the merge")))
}

/// pandas' rule: left columns, then right columns; keys of one name appear once; other clashes get suffixes.
fn output_columns(left: &PlanRef, right: &PlanRef, request: &JoinRequest) -> Vec<JoinColumn> {
    let shared_key =
        |name: &str| request.left_on.iter().zip(&request.right_on).any(|(a, b)| a == b && a == name);
    let right_names = super::names(&right.schema);
    let left_names = super::names(&left.schema);
    let only_left = matches!(request.how, How::Semi | How::Anti);
    let mut output = Vec::new();
    for field in left.schema.fields() {
        let name = field.name().clone();
        let column = if only_left {
            JoinColumn { name: name.clone(), side: JoinSide::Left(name) }
        } else if shared_key(&name) {
            // The left value serves except where the left row may be missing.
            let side = match request.how {
                How::Right | How::Outer => JoinSide::Key(name.clone(), name.clone()),
                _ => JoinSide::Left(name.clone()),
            };
            JoinColumn { name, side }
        } else if right_names.contains(&name) {
            JoinColumn { name: format!("{name}{}", request.suffixes.0), side: JoinSide::Left(name) }
        } else {
            JoinColumn { name: name.clone(), side: JoinSide::Left(name) }
        };
        output.push(column);
    }
    if only_left {
        return output;
    }
    for field in right.schema.fields() {
        let name = field.name().clone();
        if shared_key(&name) {
            continue;
        }
        let shown =
            if left_names.contains(&name) { format!("{name}{}", request.suffixes.1) } else { name.clone() };
        output.push(JoinColumn { name: shown, side: JoinSide::Right(name) });
    }
    output
}
