//! The run of a `program` over one batch: values computed so far, by step.
//!
//! Steps of lazy branches run in a nested frame over the rows that their conditions select.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::kernels::boolean::{and_kleene, not, or_kleene};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{prep_null_mask_filter, take};
use arrow::datatypes::DataType;
use hashbrown::HashMap;

use super::program::{Branch, Slot, Step};
use super::value::{Fault, Value};
use crate::{Error, Result};

/// The values computed so far, over all rows of a batch or over some of an outer frame's.
pub(crate) struct Frame<'a> {
    slots: &'a [Slot],
    rows: usize,
    memo: HashMap<usize, Value>,
    source: Source<'a>,
}

enum Source<'a> {
    Batch(&'a RecordBatch),
    Selected { outer: &'a Frame<'a>, mask: Option<&'a BooleanArray> },
}

impl<'a> Frame<'a> {
    pub(crate) fn of_batch(slots: &'a [Slot], batch: &'a RecordBatch) -> Frame<'a> {
        Frame { slots, rows: batch.num_rows(), memo: HashMap::new(), source: Source::Batch(batch) }
    }
    /// Lets go of a value that nothing needs any more.
    pub(crate) fn forget(&mut self, slot: usize) {
        self.memo.remove(&slot);
    }

    /// A value that was computed already here or further out.
    fn lookup(&self, slot: usize) -> Result<Option<Value>> {
        if let Some(value) = self.memo.get(&slot) {
            return Ok(Some(value.clone()));
        }
        if let Step::Constant(array) = &self.slots[slot].step {
            return Ok(Some(Value::Scalar(Arc::clone(array))));
        }
        match &self.source {
            Source::Batch(batch) => match self.slots[slot].step {
                Step::Column(index) => match batch.columns().get(index) {
                    Some(column) => Ok(Some(Value::Array(Arc::clone(column)))),
                    None => Err(Error::internal("a batch has fewer columns than the schema it was bound to")),
                },
                _ => Ok(None),
            },
            Source::Selected { outer, mask } => match outer.lookup(slot)? {
                Some(value) => match mask {
                    Some(mask) => Ok(Some(value.filter(mask)?)),
                    None => Ok(Some(value)),
                },
                None => Ok(None),
            },
        }
    }

    pub(crate) fn get(&self, slot: usize) -> Result<Value> {
        self.lookup(slot)?.ok_or_else(|| Error::internal("a step ran before its argument"))
    }

    pub(crate) fn compute(&mut self, slot: usize) -> Result<()> {
        if self.memo.contains_key(&slot) {
            return Ok(());
        }
        let value = match self.lookup(slot)? {
            Some(value) => value,
            None => self.step(slot)?,
        };
        self.memo.insert(slot, value);
        Ok(())
    }

    fn step(&self, slot: usize) -> Result<Value> {
        let Slot { step, data_type, expr, .. } = &self.slots[slot];
        match step {
            Step::Call { kernel, arguments } => {
                let arguments =
                    arguments.iter().map(|&argument| self.get(argument)).collect::<Result<Vec<_>>>()?;
                let scalar = arguments.iter().all(Value::is_scalar);
                match kernel(&arguments) {
                    Ok(array) if scalar => Ok(Value::Scalar(array)),
                    Ok(array) => Ok(Value::Array(array)),
                    Err(Fault::Value(message)) => Err(Error::value(expr, message)),
                    Err(Fault::Error(error)) => Err(error),
                }
            }
            Step::Logic { and, left, right, lazy } => self.logic(*and, *left, *right, lazy.as_deref()),
            Step::Case { branches, otherwise, lazy_otherwise } => {
                self.case(branches, *otherwise, lazy_otherwise.as_deref(), data_type)
            }
            Step::Column(_) | Step::Constant(_) => self.get(slot),
        }
    }

    /// The value of `slot` on the rows of `mask`; what stands in the other rows means nothing.
    ///
    /// Where many rows are wanted, all are tried first: whole columns are faster than picked rows, and mostly
    /// nothing fails. Nested frames do not try, or each level would double the work of a failure.
    fn selected(&self, slot: usize, steps: &[usize], mask: &BooleanArray, to: &DataType) -> Result<Value> {
        let wanted = mask.true_count();
        if matches!(self.source, Source::Batch(_))
            && wanted >= self.rows / 4
            && let Ok(value) = self.nested(slot, steps, None, self.rows)
        {
            return Ok(value);
        }
        match self.nested(slot, steps, Some(mask), wanted)? {
            Value::Array(some) => Ok(Value::Array(scatter(&some, mask, to)?)),
            scalar => Ok(scalar),
        }
    }

    fn nested(
        &self,
        slot: usize,
        steps: &[usize],
        mask: Option<&BooleanArray>,
        rows: usize,
    ) -> Result<Value> {
        let source = Source::Selected { outer: self, mask };
        let mut inner = Frame { slots: self.slots, rows, memo: HashMap::new(), source };
        for &step in steps {
            inner.compute(step)?;
        }
        inner.get(slot)
    }

    fn logic(&self, and: bool, left: usize, right: usize, lazy: Option<&[usize]>) -> Result<Value> {
        let decided = self.get(left)?;
        let combine = if and { and_kleene } else { or_kleene };
        let Some(steps) = lazy else {
            let other = self.get(right)?;
            let scalar = decided.is_scalar() && other.is_scalar();
            let rows = if scalar { 1 } else { self.rows };
            let (a, b) = (decided.into_rows(rows)?, other.into_rows(rows)?);
            let array: ArrayRef = Arc::new(combine(boolean(&a)?, boolean(&b)?)?);
            return Ok(if scalar { Value::Scalar(array) } else { Value::Array(array) });
        };
        let array = decided.into_rows(self.rows)?;
        let decided = boolean(&array)?;
        // False ends an `and`, true an `or`; null leaves both open.
        let settled = true_only(&if and { not(decided)? } else { decided.clone() });
        let open = not(&settled)?;
        if open.true_count() == 0 {
            return Ok(Value::Array(array));
        }
        let other = self.selected(right, steps, &open, &DataType::Boolean)?.into_rows(self.rows)?;
        // Rows that were settled stay what they are, whatever they are combined with.
        Ok(Value::Array(Arc::new(combine(decided, boolean(&other)?)?)))
    }

    fn case(
        &self,
        branches: &[Branch],
        otherwise: Option<usize>,
        lazy_otherwise: Option<&[usize]>,
        data_type: &DataType,
    ) -> Result<Value> {
        // Rows that no condition took yet.
        let mut open = BooleanArray::from(vec![true; self.rows]);
        let mut chosen: Vec<(BooleanArray, Value)> = Vec::with_capacity(branches.len() + 1);
        for branch in branches {
            if open.true_count() == 0 {
                break; // A condition that no row comes to must not fail, not even one without columns.
            }
            let condition = match &branch.lazy_condition {
                None => self.get(branch.condition)?.into_rows(self.rows)?,
                Some(steps) => {
                    self.selected(branch.condition, steps, &open, &DataType::Boolean)?.into_rows(self.rows)?
                }
            };
            let is_true = true_only(boolean(&condition)?);
            let takes = arrow::compute::and(&is_true, &open)?;
            // Not arrow's `and_not`: in 59.3 it is wrong for masks that do not begin at a byte.
            open = arrow::compute::and(&open, &not(&is_true)?)?;
            if takes.true_count() > 0 {
                let value =
                    self.branch_value(branch.value, branch.lazy_value.as_deref(), &takes, data_type)?;
                chosen.push((takes, value));
            }
        }
        let rest = match otherwise {
            Some(slot) if open.true_count() > 0 => {
                self.branch_value(slot, lazy_otherwise, &open, data_type)?
            }
            _ => Value::Scalar(new_null_array(data_type, 1)),
        };
        let mut result = rest;
        for (takes, value) in chosen.into_iter().rev() {
            result = Value::Array(if takes.true_count() == self.rows && !value.is_scalar() {
                Arc::clone(value.array())
            } else {
                zip(&takes, &value, &result)?
            });
        }
        Ok(Value::Array(result.into_rows(self.rows)?))
    }

    fn branch_value(
        &self,
        slot: usize,
        lazy: Option<&[usize]>,
        takes: &BooleanArray,
        to: &DataType,
    ) -> Result<Value> {
        match lazy {
            None => self.get(slot),
            Some(steps) => self.selected(slot, steps, takes, to),
        }
    }
}

/// The same with null made false.
pub(crate) fn true_only(mask: &BooleanArray) -> BooleanArray {
    // Arrow's function is only for masks that have nulls.
    if mask.nulls().is_some() { prep_null_mask_filter(mask) } else { mask.clone() }
}

fn boolean(array: &ArrayRef) -> Result<&BooleanArray> {
    array.as_boolean_opt().ok_or_else(|| Error::internal("a condition that is not boolean was bound"))
}

/// Spreads the rows of `values` to where `mask` is true; null elsewhere.
fn scatter(values: &ArrayRef, mask: &BooleanArray, data_type: &DataType) -> Result<ArrayRef> {
    if values.len() == mask.len() {
        return Ok(Arc::clone(values));
    }
    if values.is_empty() {
        return Ok(new_null_array(data_type, mask.len()));
    }
    let mut next = 0_u32;
    let indices: UInt32Array = mask
        .values()
        .iter()
        .map(|taken| {
            taken.then(|| {
                next += 1;
                next - 1
            })
        })
        .collect();
    Ok(take(values, &indices, None)?)
}
