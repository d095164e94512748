//! Binding: from an expression tree and a schema to the steps of a `program`, with names and types resolved and
//! implicit casts put in (the table of `types`).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::cast_with_options;
use arrow::datatypes::{DataType, Schema};
use hashbrown::HashMap;

use super::function::{Call, Returns};
use super::literal::{Literal, fold_integers};
use super::program::{Branch, Slot, Step, needed};
use super::tree::{BinaryOp, Expr, Node, UnaryOp, post_order};
use super::types::{STRICT, adapt, common, is_text, value_type};
use super::{arithmetic, compare, convert};
use crate::error::type_name;
use crate::{Error, Result};

/// Branches inside branches that can fail nest frames; nobody writes this many.
const MOST_NESTED: usize = 128;

/// Grows the steps of one program.
pub(crate) struct Binder<'a> {
    schema: &'a Schema,
    columns: HashMap<&'a str, usize>,
    slots: Vec<Slot>,
    /// How deep lazy branches nest below each slot.
    nesting: Vec<usize>,
    /// Equal nodes over equal children are one slot.
    known: HashMap<(Shallow, Vec<usize>), usize>,
    by_node: HashMap<usize, usize>,
    /// Keeps the nodes of `by_node` alive.
    kept: Vec<Expr>,
    casts: HashMap<(usize, DataType), usize>,
    /// Literals that give way to the type they meet.
    weak: HashMap<usize, Literal>,
}

/// A node compared without its children.
#[derive(Clone)]
struct Shallow(Expr);

impl PartialEq for Shallow {
    fn eq(&self, other: &Shallow) -> bool {
        self.0.node().eq_shallow(other.0.node())
    }
}
impl Eq for Shallow {}
impl std::hash::Hash for Shallow {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<'a> Binder<'a> {
    pub(crate) fn new(schema: &'a Schema) -> Binder<'a> {
        let columns =
            schema.fields().iter().enumerate().map(|(index, field)| (field.name().as_str(), index)).collect();
        Binder {
            schema,
            columns,
            slots: Vec::new(),
            nesting: Vec::new(),
            known: HashMap::new(),
            by_node: HashMap::new(),
            kept: Vec::new(),
            casts: HashMap::new(),
            weak: HashMap::new(),
        }
    }
    pub(crate) fn into_slots(self) -> Vec<Slot> {
        self.slots
    }

    /// The slot of `expr`.
    pub(crate) fn bind(&mut self, expr: &Expr) -> Result<usize> {
        self.kept.push(expr.clone());
        for node in post_order([expr]) {
            if self.by_node.contains_key(&node.id()) {
                continue;
            }
            let mut children = Vec::new();
            node.node().for_each_child(|child| children.push(self.by_node[&child.id()]));
            let key = (Shallow(node.clone()), children);
            let slot = match self.known.get(&key) {
                Some(slot) => *slot,
                None => {
                    let slot = self.bind_node(node, &key.1)?;
                    self.known.insert(key, slot);
                    slot
                }
            };
            self.by_node.insert(node.id(), slot);
        }
        Ok(self.by_node[&expr.id()])
    }

    fn bind_node(&mut self, expr: &Expr, children: &[usize]) -> Result<usize> {
        match (expr.node(), children) {
            (Node::Column(name), _) => self.column(expr, name),
            (Node::Literal(literal), _) => Ok(self.literal(expr, literal)),
            (Node::Alias(..), &[input]) => Ok(input),
            (Node::Unary(op, _), &[input]) => self.unary(expr, *op, input),
            (Node::Binary(op, ..), &[left, right]) => self.binary(expr, *op, left, right),
            (Node::Function(function, _), _) => {
                let mut call = Call::new(self, expr, children.to_vec());
                let returns = (function.bind)(&mut call)?;
                let arguments = call.into_arguments();
                Ok(self.call(expr, arguments, returns))
            }
            (Node::Cast { to, strict, .. }, &[input]) => self.cast(expr, input, to, *strict),
            (Node::Case { branches, otherwise }, _) => {
                self.case(expr, branches.len(), otherwise.is_some(), children)
            }
            (Node::Aggregate(..), _) => Err(Error::invalid(format!(
                "`{expr}` is an aggregate, which needs `agg` after `groupby`; here each row has one value"
            ))),
            _ => Err(Error::internal("a node with a wrong number of children")),
        }
    }

    fn column(&mut self, expr: &Expr, name: &str) -> Result<usize> {
        let Some(&index) = self.columns.get(name) else {
            return Err(Error::unknown_column(
                name,
                self.schema.fields().iter().map(|field| field.name().as_str()),
            ));
        };
        let field = self.schema.field(index);
        Ok(self.push(expr, Step::Column(index), field.data_type().clone(), field.is_nullable(), false))
    }

    fn literal(&mut self, expr: &Expr, literal: &Literal) -> usize {
        let slot = self.constant(expr, literal.to_array());
        if !matches!(literal, Literal::Typed(array) if array.is_valid(0)) {
            self.weak.insert(slot, literal.clone());
        }
        slot
    }

    fn unary(&mut self, expr: &Expr, op: UnaryOp, input: usize) -> Result<usize> {
        let returns = match op {
            UnaryOp::Negate => {
                let mut call = Call::new(self, expr, vec![input]);
                let returns = arithmetic::negate(&mut call)?;
                let arguments = call.into_arguments();
                return Ok(self.call(expr, arguments, returns));
            }
            UnaryOp::Not => {
                let input = self.condition(expr, input)?;
                let returns = compare::not(self.slots[input].nullable);
                return Ok(self.call(expr, vec![input], returns));
            }
            UnaryOp::IsNull => compare::null_test(true),
            UnaryOp::IsNotNull => compare::null_test(false),
        };
        Ok(self.call(expr, vec![input], returns))
    }

    fn binary(&mut self, expr: &Expr, op: BinaryOp, left: usize, right: usize) -> Result<usize> {
        if op.is_logical() {
            return self.logic(expr, op == BinaryOp::And, left, right);
        }
        if let (Some(Literal::Int(a)), Some(Literal::Int(b))) = (self.weak.get(&left), self.weak.get(&right))
            && let Some(value) = fold_integers(op, *a, *b)
        {
            return Ok(self.literal(expr, &Literal::Int(i128::from(value))));
        }
        let mut call = Call::new(self, expr, vec![left, right]);
        let returns =
            if op.is_comparison() { compare::bind(&mut call, op)? } else { arithmetic::bind(&mut call, op)? };
        let arguments = call.into_arguments();
        Ok(self.call(expr, arguments, returns))
    }

    fn logic(&mut self, expr: &Expr, and: bool, left: usize, right: usize) -> Result<usize> {
        let (left, right) = (self.condition(expr, left)?, self.condition(expr, right)?);
        let lazy = self.lazy(right);
        let nullable = self.slots[left].nullable || self.slots[right].nullable;
        let raises = self.slots[left].raises || self.slots[right].raises;
        let slot =
            self.push(expr, Step::Logic { and, left, right, lazy }, DataType::Boolean, nullable, raises);
        self.check_nesting(slot)?;
        Ok(slot)
    }

    fn case(&mut self, expr: &Expr, count: usize, has_otherwise: bool, children: &[usize]) -> Result<usize> {
        let mut values: Vec<usize> = (0..count).map(|branch| children[2 * branch + 1]).collect();
        values.extend(has_otherwise.then(|| children[2 * count]));
        // Dictionaries of several branches would have to be merged, and may have too few keys for that.
        let data_type = match self.meet(expr, &values)? {
            DataType::Dictionary(_, value) if is_text(&value) => DataType::Utf8View,
            met => value_type(&met).clone(),
        };
        for value in &mut values {
            *value = self.coerce(expr, *value, &data_type)?;
        }
        let mut branches = Vec::with_capacity(count);
        for index in 0..count {
            let condition = self.condition(expr, children[2 * index])?;
            // The first condition is met by every row.
            let lazy_condition = if index == 0 { None } else { self.lazy(condition) };
            let value = values[index];
            branches.push(Branch { condition, lazy_condition, value, lazy_value: self.lazy(value) });
        }
        let otherwise = has_otherwise.then(|| values[count]);
        let lazy_otherwise = otherwise.and_then(|otherwise| self.lazy(otherwise));
        let nullable = match otherwise {
            // `coalesce` is as nullable as its last.
            Some(otherwise) => {
                self.slots[otherwise].nullable
                    || !is_coalesce(expr) && values.iter().any(|&value| self.slots[value].nullable)
            }
            None => true,
        };
        let raises = children.iter().chain(&values).any(|&slot| self.slots[slot].raises);
        let step = Step::Case { branches, otherwise, lazy_otherwise };
        let slot = self.push(expr, step, data_type, nullable, raises);
        self.check_nesting(slot)?;
        Ok(slot)
    }

    /// The steps of `slot` in a frame of its own, if it can fail and so must see only the rows it is for.
    fn lazy(&self, slot: usize) -> Option<Vec<usize>> {
        self.slots[slot].raises.then(|| needed(&self.slots, &[slot]))
    }

    fn check_nesting(&mut self, slot: usize) -> Result<()> {
        let mut deepest = 0;
        self.slots[slot].step.for_each_lazy(|steps| {
            let last = steps.last().map_or(0, |&last| self.nesting[last]);
            deepest = deepest.max(last + 1);
        });
        self.nesting[slot] = self.nesting[slot].max(deepest);
        if self.nesting[slot] > MOST_NESTED {
            return Err(Error::invalid(format!(
                "more than {MOST_NESTED} choices that can fail stand inside each other; compute the inner ones in a step before"
            )));
        }
        Ok(())
    }

    fn condition(&mut self, expr: &Expr, slot: usize) -> Result<usize> {
        match &self.slots[slot].data_type {
            DataType::Boolean => Ok(slot),
            DataType::Null => self.coerce(expr, slot, &DataType::Boolean),
            other => {
                let (found, what) = (type_name(other), self.slots[slot].expr.clone());
                Err(Error::type_clash(
                    expr,
                    format!(
                        "a condition must be boolean, but `{what}` is {found}; compare it with something"
                    ),
                ))
            }
        }
    }

    /// The type at which all of `slots` meet; weak literals give way.
    pub(crate) fn meet(&self, expr: &Expr, slots: &[usize]) -> Result<DataType> {
        let mut met: Option<DataType> = None;
        for &slot in slots.iter().filter(|slot| !self.weak.contains_key(*slot)) {
            let data_type = &self.slots[slot].data_type;
            met = Some(match met {
                None => data_type.clone(),
                Some(so_far) if so_far == *data_type => so_far,
                Some(so_far) => self.common(expr, &so_far, data_type)?,
            });
        }
        for slot in slots {
            let Some(literal) = self.weak.get(slot) else { continue };
            let own = &self.slots[*slot].data_type;
            met = Some(match met {
                None => own.clone(),
                Some(so_far) => match adapt(literal, &so_far) {
                    Ok(Some(_)) => so_far,
                    Ok(None) => self.common(expr, &so_far, own)?,
                    Err(message) => return Err(Error::type_clash(expr, message)),
                },
            });
        }
        Ok(met.unwrap_or(DataType::Null))
    }

    fn common(&self, expr: &Expr, left: &DataType, right: &DataType) -> Result<DataType> {
        common(left, right).ok_or_else(|| {
            let (left, right) = (type_name(left), type_name(right));
            Error::type_clash(expr, format!("{left} and {right} have no type in common; cast one of them"))
        })
    }

    /// `slot` as `to`: itself, the literal written as that type, or a checked cast.
    pub(crate) fn coerce(&mut self, expr: &Expr, slot: usize, to: &DataType) -> Result<usize> {
        if self.slots[slot].data_type == *to {
            return Ok(slot);
        }
        if let Some(&cast) = self.casts.get(&(slot, to.clone())) {
            return Ok(cast);
        }
        let cast = match self.weak.get(&slot).map(|literal| adapt(literal, to)) {
            Some(Err(message)) => return Err(Error::type_clash(expr, message)),
            Some(Ok(Some(array))) => {
                let literal = self.slots[slot].expr.clone();
                let array =
                    if array.data_type() == to { array } else { cast_with_options(&array, to, &STRICT)? };
                self.constant(&literal, array)
            }
            Some(Ok(None)) | None => {
                let of = self.slots[slot].expr.clone();
                let returns = convert::bind_cast(&of, &self.slots[slot].data_type, to, true)?;
                self.call(&of, vec![slot], returns)
            }
        };
        self.casts.insert((slot, to.clone()), cast);
        Ok(cast)
    }

    fn cast(&mut self, expr: &Expr, input: usize, to: &DataType, strict: bool) -> Result<usize> {
        if self.slots[input].data_type == *to {
            // A literal that was cast says what it is and gives way no more.
            return Ok(match (self.weak.contains_key(&input), self.constant_value(input).cloned()) {
                (true, Some(array)) => self.constant(expr, array),
                _ => input,
            });
        }
        let returns = convert::bind_cast(expr, &self.slots[input].data_type, to, strict)?;
        Ok(self.call(expr, vec![input], returns))
    }

    pub(crate) fn constant(&mut self, expr: &Expr, array: ArrayRef) -> usize {
        let (data_type, nullable) =
            (array.data_type().clone(), array.is_null(0) || array.data_type() == &DataType::Null);
        self.push(expr, Step::Constant(array), data_type, nullable, false)
    }

    pub(crate) fn call(&mut self, expr: &Expr, arguments: Vec<usize>, returns: Returns) -> usize {
        let Returns { data_type, nullable, raises, kernel } = returns;
        let nullable = nullable.unwrap_or_else(|| arguments.iter().any(|&slot| self.slots[slot].nullable));
        let raises = raises || arguments.iter().any(|&slot| self.slots[slot].raises);
        self.push(expr, Step::Call { kernel, arguments }, data_type, nullable, raises)
    }

    fn push(&mut self, expr: &Expr, step: Step, data_type: DataType, nullable: bool, raises: bool) -> usize {
        let mut nesting = 0;
        step.for_each_eager(|argument| nesting = nesting.max(self.nesting[argument]));
        self.nesting.push(nesting);
        self.slots.push(Slot { step, data_type, nullable, raises, expr: expr.clone() });
        self.slots.len() - 1
    }

    pub(crate) fn slot(&self, slot: usize) -> &Slot {
        &self.slots[slot]
    }
    pub(crate) fn weak(&self, slot: usize) -> Option<&Literal> {
        self.weak.get(&slot)
    }
    /// The value of a slot that is a constant.
    pub(crate) fn constant_value(&self, slot: usize) -> Option<&ArrayRef> {
        match &self.slots[slot].step {
            Step::Constant(array) => Some(array),
            _ => None,
        }
    }
}

/// Whether each branch is taken exactly where its own value is not null.
fn is_coalesce(expr: &Expr) -> bool {
    match expr.node() {
        Node::Case { branches, .. } => branches.iter().all(|(condition, value)| {
            matches!(condition.node(), Node::Unary(UnaryOp::IsNotNull, tested) if tested.id() == value.id())
        }),
        _ => false,
    }
}

/// A kernel from a function of its arguments.
pub(crate) fn kernel(
    f: impl Fn(&[super::value::Value]) -> super::value::Evaluated<ArrayRef> + Send + Sync + 'static,
) -> super::value::Kernel {
    Arc::new(f)
}
