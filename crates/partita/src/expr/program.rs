//! Bound expressions: a flat list of steps, each computed once per batch, in an order where arguments come first.
//!
//! Made by `bind`. Equal sub-expressions are one step, so what several expressions share is computed once. A
//! branch that can fail (an overflow, a failed cast) is computed only on the rows that take it: its steps run
//! in a nested frame over the selected rows, which takes what the outer frame has by filtering it.

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use hashbrown::HashMap;

use super::bind::Binder;
use super::frame::{Frame, true_only};
use super::tree::Expr;
use super::value::{Kernel, Value};
use crate::{Error, Result};

/// One step of a program.
pub(crate) struct Slot {
    pub(crate) step: Step,
    pub(crate) data_type: DataType,
    pub(crate) nullable: bool,
    /// Whether the step, or one that it needs, can fail on some value.
    pub(crate) raises: bool,
    /// For messages.
    pub(crate) expr: Expr,
}

pub(crate) enum Step {
    Column(usize),
    Constant(ArrayRef),
    Call {
        kernel: Kernel,
        arguments: Vec<usize>,
    },
    /// Kleene's and/or. `lazy` holds the steps of a right side that is only evaluated where the left decides nothing.
    Logic {
        and: bool,
        left: usize,
        right: usize,
        lazy: Option<Vec<usize>>,
    },
    Case {
        branches: Vec<Branch>,
        otherwise: Option<usize>,
        lazy_otherwise: Option<Vec<usize>>,
    },
}

/// A condition and a value; each with its steps if it is evaluated only on the rows that come to it.
pub(crate) struct Branch {
    pub(crate) condition: usize,
    pub(crate) lazy_condition: Option<Vec<usize>>,
    pub(crate) value: usize,
    pub(crate) lazy_value: Option<Vec<usize>>,
}

impl Step {
    /// The steps whose results this one takes when it starts.
    pub(crate) fn for_each_eager(&self, mut f: impl FnMut(usize)) {
        match self {
            Step::Column(_) | Step::Constant(_) => {}
            Step::Call { arguments, .. } => arguments.iter().copied().for_each(f),
            Step::Logic { left, right, lazy, .. } => {
                f(*left);
                if lazy.is_none() {
                    f(*right);
                }
            }
            Step::Case { branches, otherwise, lazy_otherwise } => {
                for branch in branches {
                    if branch.lazy_condition.is_none() {
                        f(branch.condition);
                    }
                    if branch.lazy_value.is_none() {
                        f(branch.value);
                    }
                }
                if let (Some(otherwise), None) = (otherwise, lazy_otherwise) {
                    f(*otherwise);
                }
            }
        }
    }
    /// The lists of steps that run in nested frames.
    pub(crate) fn for_each_lazy<'a>(&'a self, mut f: impl FnMut(&'a [usize])) {
        match self {
            Step::Column(_) | Step::Constant(_) | Step::Call { .. } => {}
            Step::Logic { lazy, .. } => lazy.iter().for_each(|steps| f(steps)),
            Step::Case { branches, lazy_otherwise, .. } => {
                for branch in branches {
                    branch.lazy_condition.iter().chain(&branch.lazy_value).for_each(|steps| f(steps));
                }
                lazy_otherwise.iter().for_each(|steps| f(steps));
            }
        }
    }
}

/// A list of expressions bound to one schema.
pub(crate) struct BoundList {
    slots: Vec<Slot>,
    outputs: Vec<usize>,
    /// The steps of all outputs, arguments first.
    steps: Vec<usize>,
    /// Values that nothing needs after the step at the same place in `steps`.
    release: Vec<Vec<usize>>,
}

impl BoundList {
    /// Resolves names and types of `exprs` against `schema`.
    ///
    /// # Errors
    /// An unknown column, types that an operation has no meaning for, a pattern or format that does not parse.
    pub(crate) fn bind(exprs: &[Expr], schema: &Schema) -> Result<BoundList> {
        let mut binder = Binder::new(schema);
        let outputs = exprs.iter().map(|expr| binder.bind(expr)).collect::<Result<Vec<_>>>()?;
        let slots = binder.into_slots();
        let steps = needed(&slots, &outputs);
        let release = releases(&slots, &steps, &outputs);
        Ok(BoundList { slots, outputs, steps, release })
    }
    pub(crate) fn len(&self) -> usize {
        self.outputs.len()
    }
    pub(crate) fn data_type(&self, index: usize) -> &DataType {
        &self.slots[self.outputs[index]].data_type
    }
    pub(crate) fn nullable(&self, index: usize) -> bool {
        self.slots[self.outputs[index]].nullable
    }
    /// Whether evaluating can fail on some value.
    pub(crate) fn raises(&self) -> bool {
        self.outputs.iter().any(|&output| self.slots[output].raises)
    }
    /// The field of expression `index` under a name.
    pub(crate) fn field(&self, index: usize, name: &str) -> Field {
        Field::new(name, self.data_type(index).clone(), self.nullable(index))
    }

    /// The value of each expression, each with as many rows as `batch`.
    ///
    /// # Errors
    /// A value that an expression has no answer for: an overflow, a failed cast. The error names both.
    pub(crate) fn evaluate(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let rows = batch.num_rows();
        self.evaluate_values(batch)?
            .into_iter()
            .map(|value| value.into_rows(rows).map_err(Error::from))
            .collect()
    }

    /// As [`BoundList::evaluate`], where constants stay one row.
    pub(crate) fn evaluate_values(&self, batch: &RecordBatch) -> Result<Vec<Value>> {
        let mut frame = Frame::of_batch(&self.slots, batch);
        for (&slot, release) in self.steps.iter().zip(&self.release) {
            frame.compute(slot)?;
            for done in release {
                frame.forget(*done);
            }
        }
        self.outputs.iter().map(|&output| frame.get(output)).collect()
    }
}

/// One expression bound to a schema.
pub(crate) struct Bound(BoundList);

impl Bound {
    pub(crate) fn data_type(&self) -> &DataType {
        self.0.data_type(0)
    }
    pub(crate) fn nullable(&self) -> bool {
        self.0.nullable(0)
    }
    pub(crate) fn raises(&self) -> bool {
        self.0.raises()
    }
    /// As [`BoundList::evaluate`].
    pub(crate) fn evaluate(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        let value = self.evaluate_value(batch)?;
        Ok(value.into_rows(batch.num_rows())?)
    }
    pub(crate) fn evaluate_value(&self, batch: &RecordBatch) -> Result<Value> {
        let mut values = self.0.evaluate_values(batch)?;
        values.pop().ok_or_else(|| Error::internal("a bound expression without an output"))
    }
    /// A boolean expression as the mask of a filter: null is false.
    pub(crate) fn evaluate_mask(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let array = self.evaluate(batch)?;
        if array.data_type() == &DataType::Null {
            return Ok(BooleanArray::from(vec![false; array.len()]));
        }
        let Some(mask) = array.as_boolean_opt() else {
            return Err(Error::internal("a filter that is not boolean was bound"));
        };
        Ok(true_only(mask))
    }
}

impl Expr {
    /// Resolves names and types against `schema`.
    ///
    /// # Errors
    /// As [`BoundList::bind`].
    pub(crate) fn bind(&self, schema: &Schema) -> Result<Bound> {
        Ok(Bound(BoundList::bind(std::slice::from_ref(self), schema)?))
    }
}

/// The steps that `outputs` need in a frame, arguments first; those of lazy branches are not among them.
pub(crate) fn needed(slots: &[Slot], outputs: &[usize]) -> Vec<usize> {
    let mut stack = outputs.to_vec();
    let mut seen = hashbrown::HashSet::new();
    while let Some(slot) = stack.pop() {
        if seen.insert(slot) {
            slots[slot].step.for_each_eager(|argument| stack.push(argument));
        }
    }
    // Slots are made after their arguments, so their numbers are an order.
    let mut steps: Vec<usize> = seen.into_iter().collect();
    steps.sort_unstable();
    steps
}

/// For each of `steps`, the values that it is the last to read: a long chain then holds two, not all.
fn releases(slots: &[Slot], steps: &[usize], outputs: &[usize]) -> Vec<Vec<usize>> {
    let mut last_reader: HashMap<usize, usize> = HashMap::new();
    for (place, &slot) in steps.iter().enumerate() {
        let mut lists = Vec::new();
        slots[slot].step.for_each_eager(|argument| {
            last_reader.insert(argument, place);
        });
        slots[slot].step.for_each_lazy(|list| lists.push(list));
        while let Some(list) = lists.pop() {
            for &inner in list {
                last_reader.insert(inner, place);
                slots[inner].step.for_each_lazy(|list| lists.push(list));
            }
        }
    }
    let mut release = vec![Vec::new(); steps.len()];
    for (slot, place) in last_reader {
        if !outputs.contains(&slot) {
            release[place].push(slot);
        }
    }
    release
}

impl std::fmt::Debug for BoundList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BoundList({} expressions)", self.len())
    }
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bound({:?})", self.data_type())
    }
}
