//! Random expressions over random rows, against an evaluator that takes one row and one node at a time.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};

use super::super::tree::{BinaryOp, Node, UnaryOp};
use super::super::{Expr, col, lit, literal::Literal, null, when};

/// What a value is, one row at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cell {
    Int(i64),
    Float(f64),
    Bool(bool),
    Null,
}

#[derive(Debug)]
struct Overflow;

/// Steele and Vigna's SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    fn int(&mut self) -> i64 {
        match self.below(8) {
            0 => i64::MAX,
            1 => i64::MIN,
            2 => 0,
            3 => -1,
            _ => self.below(21) as i64 - 10,
        }
    }
    fn float(&mut self) -> f64 {
        match self.below(8) {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => -0.0,
            3 => 0.0,
            _ => (self.below(41) as f64 - 20.0) / 4.0,
        }
    }
    fn maybe<T>(&mut self, value: T) -> Option<T> {
        (self.below(5) > 0).then_some(value)
    }
}

fn rows(random: &mut Random, count: usize) -> RecordBatch {
    let ints = |random: &mut Random| -> ArrayRef {
        Arc::new(
            (0..count)
                .map(|_| {
                    let value = random.int();
                    random.maybe(value)
                })
                .collect::<Int64Array>(),
        )
    };
    let (a, b) = (ints(random), ints(random));
    let floats = |random: &mut Random| -> ArrayRef {
        Arc::new(
            (0..count)
                .map(|_| {
                    let value = random.float();
                    random.maybe(value)
                })
                .collect::<Float64Array>(),
        )
    };
    let (x, y) = (floats(random), floats(random));
    let p: ArrayRef = Arc::new(
        (0..count)
            .map(|_| {
                let value = random.below(2) == 0;
                random.maybe(value)
            })
            .collect::<BooleanArray>(),
    );
    RecordBatch::try_from_iter_with_nullable(
        [("a", a), ("b", b), ("x", x), ("y", y), ("p", p)].map(|(name, column)| (name, column, true)),
    )
    .expect("a batch")
}

fn int(random: &mut Random, depth: u32) -> Expr {
    if depth == 0 {
        return match random.below(4) {
            0 => lit(random.int()),
            1 => col("a"),
            _ => col("b"),
        };
    }
    let mut next = || int(random, depth - 1);
    let (left, right) = (next(), next());
    match random.below(8) {
        0 => left + right,
        1 => left - right,
        2 => left * right,
        3 => left.floor_div(right),
        4 => left % right,
        5 => -left,
        6 => when(logic(random, depth - 1)).then(left).otherwise(right),
        _ => left.fill_null(right),
    }
}

fn float(random: &mut Random, depth: u32) -> Expr {
    if depth == 0 {
        return match random.below(4) {
            0 => lit(random.float()),
            1 => col("x"),
            _ => col("y"),
        };
    }
    let (left, right) = (float(random, depth - 1), float(random, depth - 1));
    match random.below(6) {
        0 => left + right,
        1 => left - right,
        2 => left * right,
        3 => left / right,
        4 => when(logic(random, depth - 1)).then(left).end(),
        _ => left - int(random, depth - 1),
    }
}

fn logic(random: &mut Random, depth: u32) -> Expr {
    if depth == 0 {
        return match random.below(5) {
            0 => lit(random.below(2) == 0),
            1 => null(),
            _ => col("p"),
        };
    }
    match random.below(9) {
        0 | 1 => logic(random, depth - 1) & logic(random, depth - 1),
        2 | 3 => logic(random, depth - 1) | logic(random, depth - 1),
        4 => !logic(random, depth - 1),
        5 => int(random, depth - 1).is_null(),
        6 => compare(random.below(7), float(random, depth - 1), float(random, depth - 1)),
        _ => compare(random.below(7), int(random, depth - 1), int(random, depth - 1)),
    }
}

fn compare(which: u64, left: Expr, right: Expr) -> Expr {
    match which {
        0 => left.eq(right),
        1 => left.ne(right),
        2 => left.lt(right),
        3 => left.le(right),
        4 => left.gt(right),
        5 => left.ge(right),
        _ => left.eq_null_safe(right),
    }
}

fn naive(expr: &Expr, batch: &RecordBatch, row: usize) -> Result<Cell, Overflow> {
    Ok(match expr.node() {
        Node::Column(name) => {
            let column = batch.column_by_name(name).expect("a column");
            match column.data_type() {
                _ if column.is_null(row) => Cell::Null,
                arrow::datatypes::DataType::Int64 => Cell::Int(column.as_primitive::<Int64Type>().value(row)),
                arrow::datatypes::DataType::Float64 => {
                    Cell::Float(column.as_primitive::<Float64Type>().value(row))
                }
                _ => Cell::Bool(column.as_boolean().value(row)),
            }
        }
        Node::Literal(Literal::Int(value)) => Cell::Int(*value as i64),
        Node::Literal(Literal::Float(value)) => Cell::Float(*value),
        Node::Literal(Literal::Typed(array)) => Cell::Bool(array.as_boolean().value(0)),
        Node::Literal(_) => Cell::Null,
        Node::Unary(op, input) => match (op, naive(input, batch, row)?) {
            (UnaryOp::IsNull, cell) => Cell::Bool(cell == Cell::Null),
            (UnaryOp::IsNotNull, cell) => Cell::Bool(cell != Cell::Null),
            (UnaryOp::Not, Cell::Bool(value)) => Cell::Bool(!value),
            (UnaryOp::Negate, Cell::Int(value)) => Cell::Int(value.checked_neg().ok_or(Overflow)?),
            (_, cell) => cell,
        },
        Node::Binary(BinaryOp::And, left, right) => match naive(left, batch, row)? {
            Cell::Bool(false) => Cell::Bool(false),
            left => match (left, naive(right, batch, row)?) {
                (_, Cell::Bool(false)) => Cell::Bool(false),
                (Cell::Bool(true), Cell::Bool(true)) => Cell::Bool(true),
                _ => Cell::Null,
            },
        },
        Node::Binary(BinaryOp::Or, left, right) => match naive(left, batch, row)? {
            Cell::Bool(true) => Cell::Bool(true),
            left => match (left, naive(right, batch, row)?) {
                (_, Cell::Bool(true)) => Cell::Bool(true),
                (Cell::Bool(false), Cell::Bool(false)) => Cell::Bool(false),
                _ => Cell::Null,
            },
        },
        Node::Binary(op, left, right) => binary(*op, naive(left, batch, row)?, naive(right, batch, row)?)?,
        Node::Case { branches, otherwise } => {
            for (condition, value) in branches {
                if naive(condition, batch, row)? == Cell::Bool(true) {
                    return naive(value, batch, row);
                }
            }
            match otherwise {
                Some(otherwise) => naive(otherwise, batch, row)?,
                None => Cell::Null,
            }
        }
        _ => panic!("{expr} is not drawn here"),
    })
}

fn binary(op: BinaryOp, left: Cell, right: Cell) -> Result<Cell, Overflow> {
    if op == BinaryOp::EqualNullSafe {
        return Ok(Cell::Bool(left == right));
    }
    Ok(match (left, right) {
        (Cell::Null, _) | (_, Cell::Null) => Cell::Null,
        (Cell::Int(a), Cell::Int(b)) => match op {
            BinaryOp::Add => Cell::Int(a.checked_add(b).ok_or(Overflow)?),
            BinaryOp::Subtract => Cell::Int(a.checked_sub(b).ok_or(Overflow)?),
            BinaryOp::Multiply => Cell::Int(a.checked_mul(b).ok_or(Overflow)?),
            BinaryOp::FloorDivide | BinaryOp::Remainder if b == 0 => Cell::Null,
            BinaryOp::FloorDivide => {
                let floor = (i128::from(a) as f64 / i128::from(b) as f64).floor();
                // The float only guesses; the exact one is next to it.
                let guess = floor as i128;
                let exact = (guess - 2_048..=guess + 2_048)
                    .find(|q| {
                        let rest = i128::from(a) - q * i128::from(b);
                        rest == 0 || (rest < 0) == (b < 0) && rest.abs() < i128::from(b).abs()
                    })
                    .expect("a quotient");
                Cell::Int(i64::try_from(exact).map_err(|_| Overflow)?)
            }
            BinaryOp::Remainder => {
                let (a, b) = (i128::from(a), i128::from(b));
                Cell::Int((((a % b) + b) % b) as i64)
            }
            _ => Cell::Bool(ordered(op, a.cmp(&b))),
        },
        (Cell::Float(a), Cell::Int(b)) => return binary(op, Cell::Float(a), Cell::Float(b as f64)),
        (Cell::Float(a), Cell::Float(b)) => match op {
            BinaryOp::Add => Cell::Float(a + b),
            BinaryOp::Subtract => Cell::Float(a - b),
            BinaryOp::Multiply => Cell::Float(a * b),
            BinaryOp::Divide => Cell::Float(a / b),
            _ => Cell::Bool(match a.partial_cmp(&b) {
                Some(order) => ordered(op, order),
                None => op == BinaryOp::NotEqual,
            }),
        },
        other => panic!("{other:?} is not drawn here"),
    })
}

fn ordered(op: BinaryOp, order: std::cmp::Ordering) -> bool {
    match op {
        BinaryOp::Equal => order.is_eq(),
        BinaryOp::NotEqual => order.is_ne(),
        BinaryOp::Less => order.is_lt(),
        BinaryOp::LessOrEqual => order.is_le(),
        BinaryOp::Greater => order.is_gt(),
        _ => order.is_ge(),
    }
}

fn same(cell: Cell, array: &ArrayRef, row: usize) -> bool {
    match cell {
        Cell::Null => array.is_null(row),
        _ if array.is_null(row) => false,
        Cell::Int(value) => {
            array.as_primitive_opt::<Int64Type>().is_some_and(|array| array.value(row) == value)
        }
        Cell::Float(value) => array.as_primitive_opt::<Float64Type>().is_some_and(|array| {
            let found = array.value(row);
            // The sign of a NaN is nobody's promise.
            found.to_bits() == value.to_bits() || found.is_nan() && value.is_nan()
        }),
        Cell::Bool(value) => array.as_boolean_opt().is_some_and(|array| array.value(row) == value),
    }
}

#[test]
fn random_expressions_agree_with_the_naive_evaluator() {
    let mut random = Random(20_130_101);
    let (mut failed, mut succeeded) = (0, 0);
    for round in 0..4_000 {
        let depth = 1 + (round % 4) as u32;
        let expr = match round % 3 {
            0 => int(&mut random, depth),
            1 => float(&mut random, depth),
            _ => logic(&mut random, depth),
        };
        let count = 1 + random.below(12) as usize;
        let batch = rows(&mut random, count);
        let expected: Result<Vec<Cell>, Overflow> = (0..count).map(|row| naive(&expr, &batch, row)).collect();
        for expr in [expr.clone(), expr.fold_constants(&batch.schema())] {
            let bound = expr.bind(&batch.schema()).unwrap_or_else(|error| panic!("{expr}: {error}"));
            match (&expected, bound.evaluate(&batch)) {
                (Ok(expected), Ok(found)) => {
                    for (row, cell) in expected.iter().enumerate() {
                        assert!(
                            same(*cell, &found, row),
                            "{expr}, row {row}: {cell:?} but {found:?} of {batch:?}"
                        );
                    }
                    succeeded += 1;
                }
                (Err(_), Err(_)) => {
                    assert!(bound.raises(), "{expr} was bound as one that never fails");
                    failed += 1;
                }
                (expected, found) => panic!("{expr}: expected {expected:?}, found {found:?} of {batch:?}"),
            }
        }
    }
    assert!(failed > 100 && succeeded > 1_000, "{failed} failed, {succeeded} did not");
}
