//! Random chains of one to six steps, drawn so that each binds. The oracle goes along while they are drawn.

use arrow::array::RecordBatch;
use partita::{How, Keep};

use super::Draws;
use super::frame::{self, KINDS, Kind};
use crate::oracle::aggregate::Aggregate;
use crate::oracle::expression::{Compare, X};
use crate::oracle::step::{Call, Key, Step};
use crate::rows::Rows;

/// Beyond so many rows a step is not taken: the oracle tries every pair.
const MOST_ROWS: usize = 2_000;

/// Inputs, steps and the rows that must come out.
pub(super) struct Chain {
    pub(super) batches: Vec<RecordBatch>,
    pub(super) inputs: Vec<Rows>,
    pub(super) steps: Vec<Step>,
    pub(super) rows: Rows,
    /// Whether the order of the rows is fixed.
    pub(super) ordered: bool,
}

#[derive(Clone)]
struct Column {
    name: String,
    kind: Kind,
    /// Its last bits depend on the order of additions, so nothing may be decided by it.
    rough: bool,
}

/// What is known of the rows while a chain is drawn.
struct State {
    columns: Vec<Column>,
    ordered: bool,
    /// Lists came in, which few steps take.
    ended: bool,
    made: usize,
}

/// A step with what it makes of the columns and the order.
struct Next {
    before: Option<Step>,
    step: Step,
    columns: Vec<Column>,
    ordered: bool,
    ended: bool,
}

impl Chain {
    pub(super) fn draw(draws: &mut Draws<'_>) -> Chain {
        let drawn = [frame::draw(draws), frame::draw(draws)];
        let inputs: Vec<Rows> = drawn.iter().map(|drawn| drawn.rows.clone()).collect();
        let known: Vec<Vec<Column>> = drawn
            .iter()
            .map(|drawn| {
                let column =
                    |(name, kind): &(String, Kind)| Column { name: name.clone(), kind: *kind, rough: false };
                drawn.columns.iter().map(column).collect()
            })
            .collect();
        let mut state = State { columns: known[0].clone(), ordered: true, ended: false, made: 20 };
        let mut rows = inputs[0].clone();
        let mut steps = Vec::new();
        for _ in 0..1 + draws.pick(6) {
            if state.ended {
                break;
            }
            let Some(next) = state.next(draws, &known) else { continue };
            let unique = next
                .columns
                .iter()
                .enumerate()
                .all(|(at, column)| next.columns[..at].iter().all(|other| other.name != column.name));
            if !unique {
                continue;
            }
            let mut after = rows.clone();
            for step in next.before.iter().chain([&next.step]) {
                after = step.interpret(after, &inputs);
            }
            if after.rows.len() > MOST_ROWS {
                continue;
            }
            rows = after;
            steps.extend(next.before.into_iter().chain([next.step]));
            state = State { columns: next.columns, ordered: next.ordered, ended: next.ended, ..state };
        }
        let batches = drawn.into_iter().map(|drawn| drawn.batch).collect();
        Chain { batches, inputs, steps, rows, ordered: state.ordered }
    }
}

impl State {
    fn next(&mut self, draws: &mut Draws<'_>, inputs: &[Vec<Column>]) -> Option<Next> {
        match draws.pick(18) {
            0 | 1 => self.filter(draws),
            2 => self.assign(draws),
            3 => self.select(draws),
            4 | 5 => self.group_by(draws),
            6 => self.aggregate(draws),
            7 | 8 => self.merge(draws, inputs),
            9 => self.sort(draws),
            10 => self.distinct(draws),
            11 | 12 => self.by_position(draws),
            13 => self.concat(draws, inputs),
            14 => self.value_counts(draws),
            15 => self.nulls(draws),
            16 => self.rename_or_drop(draws),
            _ => self.same(Step::Repartition(1 + draws.pick(4))),
        }
    }

    /// A step that keeps columns and order.
    fn same(&self, step: Step) -> Option<Next> {
        let columns = self.columns.clone();
        Some(Next { before: None, step, columns, ordered: self.ordered, ended: false })
    }

    fn fresh(&mut self, kind: Kind) -> String {
        self.made += 1;
        format!("{}{}", kind.letter(), self.made)
    }

    /// Columns by whose values something may be decided.
    fn exact(&self) -> Vec<Column> {
        self.columns.iter().filter(|column| !column.rough).cloned().collect()
    }

    fn some_exact(&self, draws: &mut Draws<'_>, kind: Kind) -> Option<Column> {
        let all: Vec<Column> = self.exact().into_iter().filter(|column| column.kind == kind).collect();
        draws.of(&all).cloned()
    }

    /// One or two exact columns.
    fn keys(&self, draws: &mut Draws<'_>) -> Option<Vec<Column>> {
        let exact = self.exact();
        let mut keys = vec![draws.of(&exact)?.clone()];
        let second = draws.of(&exact)?;
        if draws.rarely(2) && second.name != keys[0].name {
            keys.push(second.clone());
        }
        Some(keys)
    }

    /// A sort by all columns, where the order is not fixed yet. `None` if a rough column stands in the way.
    fn fix_order(&self) -> Option<Option<Step>> {
        if self.ordered {
            return Some(None);
        }
        let all = self.columns.iter().map(|column| Key::ascending(&column.name)).collect();
        self.columns.iter().all(|column| !column.rough).then_some(Some(Step::Sort(all)))
    }

    fn expression(&self, draws: &mut Draws<'_>, kind: Kind, depth: usize) -> X {
        let sub = |draws: &mut Draws<'_>, kind| Box::new(self.expression(draws, kind, depth - 1));
        let choice = if depth == 0 { draws.pick(2) } else { draws.pick(6) };
        match (choice, kind) {
            (0, _) => match self.some_exact(draws, kind) {
                Some(column) => X::Column(column.name),
                None => X::Literal(kind.value(u64::from(draws.number()))),
            },
            (1, _) => X::Literal(kind.value(u64::from(draws.number()))),
            (2, _) => X::Coalesce(sub(draws, kind), sub(draws, kind)),
            (3, _) => X::When(sub(draws, Kind::Bool), sub(draws, kind), sub(draws, kind)),
            (4, Kind::Int | Kind::Float) => X::Add(sub(draws, kind), sub(draws, kind)),
            (5, Kind::Int | Kind::Float) => X::Subtract(sub(draws, kind), sub(draws, kind)),
            (_, Kind::Bool) => self.condition(draws, depth),
            _ => self.expression(draws, kind, 0),
        }
    }

    fn condition(&self, draws: &mut Draws<'_>, depth: usize) -> X {
        let kind = KINDS[draws.pick(KINDS.len())];
        let sub =
            |draws: &mut Draws<'_>, kind| Box::new(self.expression(draws, kind, depth.saturating_sub(1)));
        match draws.pick(8) {
            0 => X::And(sub(draws, Kind::Bool), sub(draws, Kind::Bool)),
            1 => X::Or(sub(draws, Kind::Bool), sub(draws, Kind::Bool)),
            2 => X::Not(sub(draws, Kind::Bool)),
            3 => X::IsNull(sub(draws, kind)),
            4 => {
                let values = (0..1 + draws.pick(4)).map(|_| kind.value(u64::from(draws.number()))).collect();
                X::IsIn(sub(draws, kind), values)
            }
            _ => {
                let compare = [
                    Compare::Less,
                    Compare::LessOrEqual,
                    Compare::Greater,
                    Compare::GreaterOrEqual,
                    Compare::Equal,
                    Compare::NotEqual,
                ][draws.pick(6)];
                X::Compare(compare, sub(draws, kind), sub(draws, kind))
            }
        }
    }

    fn filter(&self, draws: &mut Draws<'_>) -> Option<Next> {
        let predicate = self.condition(draws, 2);
        self.same(Step::Filter(predicate))
    }

    fn assign(&mut self, draws: &mut Draws<'_>) -> Option<Next> {
        let mut columns = self.columns.clone();
        let mut exprs = Vec::new();
        for _ in 0..1 + draws.pick(2) {
            let kind = KINDS[draws.pick(KINDS.len())];
            let x = self.expression(draws, kind, 2);
            let old = columns.iter().find(|column| column.kind == kind && !column.rough);
            let name = match old {
                Some(old) if draws.rarely(3) && exprs.iter().all(|(name, _)| *name != old.name) => {
                    old.name.clone()
                }
                _ => {
                    let name = self.fresh(kind);
                    columns.push(Column { name: name.clone(), kind, rough: false });
                    name
                }
            };
            exprs.push((name, x));
        }
        Some(Next { columns, ..self.same(Step::Assign(exprs))? })
    }

    fn select(&self, draws: &mut Draws<'_>) -> Option<Next> {
        let start = draws.pick(self.columns.len());
        let mut columns = self.columns.clone();
        columns.rotate_left(start);
        columns.truncate(1 + draws.pick(columns.len()));
        let step = Step::Select(columns.iter().map(|column| column.name.clone()).collect());
        Some(Next { columns, ..self.same(step)? })
    }

    /// Up to three aggregates with the columns that they make, and whether one makes lists.
    fn calls(&mut self, draws: &mut Draws<'_>, ordered: bool) -> (Vec<Call>, Vec<Column>, bool) {
        let (mut calls, mut columns, mut lists) = (Vec::new(), Vec::new(), false);
        for _ in 0..1 + draws.pick(3) {
            let Some(of) = draws.of(&self.exact()).cloned() else { continue };
            let numbers = matches!(of.kind, Kind::Int | Kind::Float);
            use Aggregate::{
                All, Any, BottomK, Corr, Count, First, Last, Max, Mean, Median, Min, NUnique, Quantile, Size,
                Std, Sum, TopK, Var,
            };
            let mut choices = vec![Count, Min, Max, Size, NUnique, First, Last];
            if numbers {
                choices.extend([Sum, Sum, Mean, Std, Var, Median, Quantile(0.3), TopK(2), BottomK(3), Corr]);
            }
            if of.kind == Kind::Bool {
                choices.extend([Any, All]);
            }
            let Some(&aggregate) = draws.of(&choices) else { continue };
            if aggregate.needs_order() && !ordered {
                continue;
            }
            let other = if aggregate == Corr { self.some_exact(draws, Kind::Float) } else { None };
            if aggregate == Corr && other.is_none() {
                continue;
            }
            let kind = match aggregate {
                Count | Size | NUnique => Kind::Int,
                Mean | Std | Var | Median | Quantile(_) | Corr => Kind::Float,
                _ => of.kind,
            };
            let name = self.fresh(kind);
            // Sums of the drawn floats are exact; what is divided or multiplied is not, nor sums of that.
            let rough = matches!(aggregate, Mean | Std | Var | Median | Quantile(_) | Corr);
            lists |= matches!(aggregate, TopK(_) | BottomK(_));
            columns.push(Column { name: name.clone(), kind, rough });
            let other = other.map_or(String::new(), |other| other.name);
            calls.push(Call { aggregate, column: of.name, other, name, float: of.kind == Kind::Float });
        }
        (calls, columns, lists)
    }

    fn group_by(&mut self, draws: &mut Draws<'_>) -> Option<Next> {
        let keys = self.keys(draws)?;
        let (calls, made, ended) = self.calls(draws, self.ordered);
        let columns = keys.iter().cloned().chain(made).collect();
        let (dropna, sort) = (draws.rarely(2), draws.rarely(3));
        let keys = keys.into_iter().map(|key| key.name).collect();
        let step = Step::GroupBy { keys, calls, dropna, sort };
        Some(Next { before: None, step, columns, ordered: sort, ended })
    }

    fn aggregate(&mut self, draws: &mut Draws<'_>) -> Option<Next> {
        let (calls, columns, ended) = self.calls(draws, self.ordered);
        if calls.is_empty() {
            return None;
        }
        Some(Next { before: None, step: Step::Aggregate(calls), columns, ordered: true, ended })
    }

    fn merge(&mut self, draws: &mut Draws<'_>, inputs: &[Vec<Column>]) -> Option<Next> {
        let right = draws.pick(inputs.len());
        let how =
            [How::Inner, How::Left, How::Right, How::Outer, How::Semi, How::Anti, How::Cross][draws.pick(7)];
        let mut keys: Vec<(String, String)> = Vec::new();
        if how != How::Cross {
            let pairs: Vec<(String, String)> = self
                .exact()
                .iter()
                .flat_map(|a| {
                    let of_kind = inputs[right].iter().filter(|b| b.kind == a.kind);
                    of_kind.map(|b| (a.name.clone(), b.name.clone())).collect::<Vec<_>>()
                })
                .collect();
            keys.push(draws.of(&pairs)?.clone());
            let second = draws.of(&pairs)?.clone();
            if draws.rarely(3) && second.0 != keys[0].0 && second.1 != keys[0].1 {
                keys.push(second);
            }
        }
        let shared = |name: &str| keys.iter().any(|(a, b)| a == b && a == name);
        let mut columns = self.columns.clone();
        if !matches!(how, How::Semi | How::Anti) {
            for column in columns.iter_mut().filter(|column| !shared(&column.name)) {
                if inputs[right].iter().any(|other| other.name == column.name) {
                    column.name.push_str("_x");
                }
            }
            for column in inputs[right].iter().filter(|column| !shared(&column.name)) {
                let mut column = column.clone();
                if self.columns.iter().any(|other| other.name == column.name) {
                    column.name.push_str("_y");
                }
                columns.push(column);
            }
        }
        let step = Step::Merge { right, keys, how, nulls_equal: how != How::Cross && draws.rarely(2) };
        Some(Next { before: None, step, columns, ordered: false, ended: false })
    }

    fn sort(&self, draws: &mut Draws<'_>) -> Option<Next> {
        let keys = self.keys(draws)?;
        if draws.rarely(3) {
            let step = Step::Largest {
                count: draws.pick(8),
                column: keys[0].name.clone(),
                smallest: draws.rarely(2),
            };
            return Some(Next { before: self.fix_order()?, ordered: true, ..self.same(step)? });
        }
        let key = |draws: &mut Draws<'_>, column: Column| Key {
            column: column.name,
            descending: draws.rarely(2),
            nulls_first: draws.rarely(2),
        };
        let keys = keys.into_iter().map(|column| key(draws, column)).collect();
        self.same(Step::Sort(keys))
    }

    fn distinct(&self, draws: &mut Draws<'_>) -> Option<Next> {
        let subset = self.keys(draws)?.into_iter().map(|column| column.name).collect();
        let keep = [Keep::First, Keep::Last, Keep::None][draws.pick(3)];
        let before = self.fix_order()?;
        Some(Next { before, ordered: false, ..self.same(Step::Distinct { subset, keep })? })
    }

    fn by_position(&self, draws: &mut Draws<'_>) -> Option<Next> {
        let before = self.fix_order()?;
        let step = match draws.pick(3) {
            0 => Step::Head(draws.pick(30)),
            1 => Step::Tail(draws.pick(30)),
            _ => Step::Slice(draws.pick(20), draws.pick(30)),
        };
        Some(Next { before, ordered: true, ..self.same(step)? })
    }

    fn concat(&self, draws: &mut Draws<'_>, inputs: &[Vec<Column>]) -> Option<Next> {
        let input = draws.pick(inputs.len());
        let mut columns = self.columns.clone();
        let new = inputs[input].iter().filter(|column| columns.iter().all(|known| known.name != column.name));
        columns.extend(new.cloned().collect::<Vec<_>>());
        Some(Next { columns, ..self.same(Step::Concat(input))? })
    }

    fn value_counts(&mut self, draws: &mut Draws<'_>) -> Option<Next> {
        let column = draws.of(&self.exact())?.clone();
        let name = self.fresh(Kind::Int);
        let step = Step::ValueCounts { column: column.name.clone(), name: name.clone() };
        let columns = vec![column, Column { name, kind: Kind::Int, rough: false }];
        Some(Next { before: None, step, columns, ordered: true, ended: false })
    }

    fn nulls(&self, draws: &mut Draws<'_>) -> Option<Next> {
        let column = draws.of(&self.exact())?.clone();
        if draws.rarely(2) {
            return self.same(Step::DropNull(vec![column.name]));
        }
        let value = column.kind.value(u64::from(draws.number()));
        self.same(Step::FillNull(column.name, value))
    }

    fn rename_or_drop(&mut self, draws: &mut Draws<'_>) -> Option<Next> {
        let at = draws.pick(self.columns.len());
        let mut columns = self.columns.clone();
        if draws.rarely(2) && columns.len() > 1 {
            let gone = columns.remove(at);
            return Some(Next { columns, ..self.same(Step::Drop(gone.name))? });
        }
        let new = self.fresh(columns[at].kind);
        let old = std::mem::replace(&mut columns[at].name, new.clone());
        Some(Next { columns, ..self.same(Step::Rename(old, new))? })
    }
}
