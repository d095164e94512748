//! Every aggregate over every type that it takes: against naive loops, and whole against split, merged and passed through.

use std::sync::Arc;

use arrow::array::*;
use arrow::compute::cast;
use arrow::datatypes::*;

use super::AggregateKind::{self, *};
use super::AggregatePlan;
use crate::Result;
use crate::random::{Random, flat_types, many_types, shown};

const KINDS: [AggregateKind; 22] = [
    Sum,
    Product,
    Mean,
    Min,
    Max,
    Count,
    Size,
    Std { ddof: 1 },
    Std { ddof: 0 },
    Var { ddof: 1 },
    Var { ddof: 0 },
    Median,
    Quantile(0.9),
    Quantile(0.0),
    First,
    Last,
    NUnique,
    Any,
    All,
    Corr,
    TopK { k: 3 },
    BottomK { k: 2 },
];

/// Whether parts of a split may be added in another order, so that the last bits of floats may differ.
fn is_rounded(kind: AggregateKind) -> bool {
    matches!(kind, Sum | Product | Mean | Std { .. } | Var { .. } | Corr)
}

struct Case {
    group_ids: Vec<u32>,
    groups: usize,
    args: Vec<ArrayRef>,
}

impl Case {
    fn new(random: &mut Random, types: &[DataType]) -> Case {
        let (rows, groups) = (random.below(400) + 1, random.below(12) + 1);
        let args = types.iter().map(|data_type| random.column(data_type, rows, 40)).collect();
        Case { group_ids: (0..rows).map(|_| random.below(groups) as u32).collect(), groups, args }
    }

    fn slice(&self, start: usize, end: usize) -> Case {
        let args = self.args.iter().map(|arg| arg.slice(start, end - start)).collect();
        Case { group_ids: self.group_ids[start..end].to_vec(), groups: self.groups, args }
    }

    fn run(&self, plan: &AggregatePlan) -> Result<ArrayRef> {
        let mut aggregator = plan.aggregator()?;
        aggregator.update(&self.group_ids, self.groups, &self.args)?;
        aggregator.finish()
    }
}

fn arg_types(kind: AggregateKind, data_type: &DataType) -> Vec<DataType> {
    vec![data_type.clone(); kind.arity()]
}

fn assert_same(left: &ArrayRef, right: &ArrayRef, is_rounded: bool, what: &str) {
    assert_eq!(left.data_type(), right.data_type(), "{what}");
    if is_rounded && left.data_type() == &DataType::Float64 {
        assert_close(&floats(left), &floats(right), what);
    } else {
        assert_eq!(shown(left), shown(right), "{what}");
    }
}

fn assert_close(left: &[Option<f64>], right: &[Option<f64>], what: &str) {
    assert_eq!(left.len(), right.len(), "{what}");
    for (group, pair) in left.iter().zip(right).enumerate() {
        match pair {
            (Some(a), Some(b)) => {
                let is_close = a == b
                    || (a.is_nan() && b.is_nan())
                    || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-9);
                assert!(is_close, "{what}: {a} is not {b} in group {group}");
            }
            (a, b) => assert_eq!(a, b, "{what}: group {group}"),
        }
    }
}

/// Numbers as floats; ticks of dates and times as numbers.
fn floats(column: &ArrayRef) -> Vec<Option<f64>> {
    let column = match column.data_type() {
        temporal if temporal.is_temporal() => {
            let integer =
                if temporal.primitive_width() == Some(4) { DataType::Int32 } else { DataType::Int64 };
            make_array(column.to_data().into_builder().data_type(integer).build().unwrap())
        }
        _ => Arc::clone(column),
    };
    let floats = cast(&column, &DataType::Float64).unwrap();
    floats.as_primitive::<Float64Type>().iter().collect()
}

#[test]
fn merged_states_give_what_one_update_gives() {
    let mut random = Random(21);
    let mut cases = 0;
    for kind in KINDS {
        for data_type in many_types() {
            let Ok(plan) = kind.plan(&arg_types(kind, &data_type)) else { continue };
            for _ in 0..2 {
                let mut case = Case::new(&mut random, &arg_types(kind, &data_type));
                if kind == Product {
                    // Of more rows most products overflow, and whether they do depends on their order.
                    case = case.slice(0, 2.min(case.group_ids.len()));
                }
                let what = format!("{kind:?} of {data_type}");
                let Ok(whole) = case.run(&plan) else { continue };
                cases += 1;
                assert_eq!(whole.data_type(), plan.result_type(), "{what}");
                assert_eq!(whole.len(), case.groups, "{what}");
                let cut = random.below(case.group_ids.len());
                let (first, second) = (case.slice(0, cut), case.slice(cut, case.group_ids.len()));
                check_batches(&plan, &first, &second, &whole, &what);
                check_parts(&plan, [&first, &second], &whole, is_rounded(kind), &what);
                check_pass_through(&plan, &case, &whole, is_rounded(kind), &what);
            }
        }
    }
    assert!(cases > 500, "only {cases} cases were run");
}

/// Two updates add rows in the same order as one: the same bits.
fn check_batches(plan: &AggregatePlan, first: &Case, second: &Case, whole: &ArrayRef, what: &str) {
    let mut aggregator = plan.aggregator().unwrap();
    let seen = first.group_ids.iter().max().map_or(0, |max| *max as usize + 1);
    aggregator.update(&first.group_ids, seen, &first.args).unwrap();
    aggregator.update(&second.group_ids, second.groups, &second.args).unwrap();
    assert_same(&aggregator.finish().unwrap(), whole, false, what);
    assert_eq!(aggregator.finish().unwrap().len(), 0, "{what} keeps states");
}

fn check_parts(plan: &AggregatePlan, parts: [&Case; 2], whole: &ArrayRef, is_rounded: bool, what: &str) {
    let mut total = plan.aggregator().unwrap();
    let mut partial = plan.aggregator().unwrap();
    for part in parts {
        partial.update(&part.group_ids, part.groups, &part.args).unwrap();
        let states = partial.state().unwrap();
        let types: Vec<DataType> = states.iter().map(|state| state.data_type().clone()).collect();
        assert_eq!(types, plan.state_types(), "{what}");
        let all: Vec<u32> = (0..part.groups as u32).collect();
        total.merge(&all, part.groups, &states).unwrap();
    }
    assert_same(&total.finish().unwrap(), whole, is_rounded, what);
}

fn check_pass_through(plan: &AggregatePlan, case: &Case, whole: &ArrayRef, is_rounded: bool, what: &str) {
    let states = plan.convert_to_state(case.group_ids.len(), &case.args).unwrap();
    let mut total = plan.aggregator().unwrap();
    total.merge(&case.group_ids, case.groups, &states).unwrap();
    assert_same(&total.finish().unwrap(), whole, is_rounded, what);
}

/// Values by group, nulls left out.
fn by_group<T: Clone>(case: &Case, values: &[Option<T>]) -> Vec<Vec<T>> {
    let mut groups = vec![Vec::new(); case.groups];
    for (&group, value) in case.group_ids.iter().zip(values) {
        groups[group as usize].extend(value.clone());
    }
    groups
}

fn order(a: &f64, b: &f64) -> std::cmp::Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => a.partial_cmp(b).unwrap(),
        (a, b) => a.cmp(&b),
    }
}

fn naive(kind: AggregateKind, values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    let mut sorted = values.to_vec();
    sorted.sort_by(order);
    let variance = |ddof: u8| {
        let mean = values.iter().sum::<f64>() / n;
        (n > f64::from(ddof))
            .then(|| values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - f64::from(ddof)))
    };
    let quantile = |at: f64| {
        let place = at * (n - 1.0);
        let low = *sorted.get(place.floor() as usize)?;
        let high = *sorted.get(place.ceil() as usize)?;
        let is_one = low == high || place.fract() == 0.0;
        Some(if is_one { low } else { low + (high - low) * place.fract() })
    };
    match kind {
        Sum => Some(values.iter().sum()),
        Product => Some(values.iter().product()),
        Mean => (n > 0.0).then(|| values.iter().sum::<f64>() / n),
        Min => sorted.first().copied(),
        Max => sorted.last().copied(),
        Std { ddof } => variance(ddof).map(f64::sqrt),
        Var { ddof } => variance(ddof),
        Median => quantile(0.5),
        Quantile(at) => quantile(at),
        Count => Some(n),
        Any => Some(f64::from(u8::from(values.iter().any(|&v| v != 0.0)))),
        All => Some(f64::from(u8::from(values.iter().all(|&v| v != 0.0)))),
        _ => unreachable!("{kind:?} has its own test"),
    }
}

#[test]
fn numbers_agree_with_naive_loops() {
    let mut random = Random(22);
    let mut cases = 0;
    for kind in KINDS {
        if matches!(kind, Size | First | Last | NUnique | Corr | TopK { .. } | BottomK { .. }) {
            continue;
        }
        for data_type in flat_types() {
            let is_number = data_type.is_numeric() || data_type == DataType::Boolean;
            if !is_number && !matches!(data_type, DataType::Duration(_) | DataType::Date32) {
                continue;
            }
            let Ok(plan) = kind.plan(std::slice::from_ref(&data_type)) else { continue };
            for _ in 0..3 {
                let mut case = Case::new(&mut random, std::slice::from_ref(&data_type));
                if kind == Product {
                    case = case.slice(0, 1);
                }
                let Ok(result) = case.run(&plan) else { continue };
                cases += 1;
                let values = floats(&case.args[0]);
                let expected: Vec<_> =
                    by_group(&case, &values).iter().map(|values| naive(kind, values)).collect();
                let what = format!("{kind:?} of {data_type}");
                let result = floats(&result);
                match data_type {
                    // Means of these are rounded to ticks, or to four more digits.
                    _ if kind == Mean && (data_type.is_temporal() || data_type.is_decimal()) => {
                        for (a, b) in result.iter().zip(&expected) {
                            let unit = if data_type.is_decimal() { 1e-5 } else { 0.5 };
                            let (a, b) = (a.unwrap_or(0.0), b.unwrap_or(0.0));
                            assert!((a - b).abs() <= unit + 1e-9 * b.abs(), "{what}: {a} is not {b}");
                        }
                    }
                    // Eight digits: of large numbers close together, a running mean keeps no more.
                    _ if matches!(kind, Std { .. } | Var { .. }) => {
                        for (a, b) in result.iter().zip(&expected) {
                            assert_eq!(
                                (a.is_some(), a.is_some_and(f64::is_nan)),
                                (b.is_some(), b.is_some_and(f64::is_nan))
                            );
                            let (a, b) = (a.unwrap_or(0.0), b.unwrap_or(0.0));
                            let is_close = a.is_nan() || (a - b).abs() <= 1e-7 * b.abs().max(1e-7);
                            assert!(is_close, "{what}: {a} is not {b}");
                        }
                    }
                    _ => assert_close(&result, &expected, &what),
                }
            }
        }
    }
    assert!(cases > 200, "only {cases} cases were run");
}

#[test]
fn picked_values_agree_with_naive_loops() {
    let mut random = Random(23);
    for data_type in many_types() {
        for _ in 0..3 {
            let case = Case::new(&mut random, std::slice::from_ref(&data_type));
            let texts: Vec<Option<String>> =
                shown(&case.args[0]).into_iter().map(|text| (text != "<null>").then_some(text)).collect();
            let groups = by_group(&case, &texts);
            let run = |kind: AggregateKind| {
                case.run(&kind.plan(std::slice::from_ref(&data_type)).unwrap()).unwrap()
            };
            let text = |value: Option<&String>| value.cloned().unwrap_or("<null>".to_owned());
            let expected: Vec<String> = groups.iter().map(|values| text(values.first())).collect();
            assert_eq!(shown(&run(First)), expected, "first of {data_type}");
            let expected: Vec<String> = groups.iter().map(|values| text(values.last())).collect();
            assert_eq!(shown(&run(Last)), expected, "last of {data_type}");
            let expected: Vec<String> = groups
                .iter()
                .map(|values| values.iter().collect::<std::collections::HashSet<_>>().len().to_string())
                .collect();
            assert_eq!(shown(&run(NUnique)), expected, "nunique of {data_type}");
            let expected: Vec<String> = groups.iter().map(|values| values.len().to_string()).collect();
            assert_eq!(shown(&run(Count)), expected, "count of {data_type}");
            let is_text = matches!(
                data_type,
                DataType::Utf8
                    | DataType::LargeUtf8
                    | DataType::Utf8View
                    | DataType::Binary
                    | DataType::BinaryView
            );
            if is_text {
                let expected: Vec<String> = groups.iter().map(|values| text(values.iter().min())).collect();
                assert_eq!(shown(&run(Min)), expected, "min of {data_type}");
                let expected: Vec<String> = groups.iter().map(|values| text(values.iter().max())).collect();
                assert_eq!(shown(&run(Max)), expected, "max of {data_type}");
            }
        }
    }
}

#[test]
fn top_lists_agree_with_sorting() {
    let mut random = Random(24);
    for data_type in
        [DataType::Int32, DataType::UInt64, DataType::Float64, DataType::Boolean, DataType::Utf8View]
    {
        for k in [0, 1, 3, 1000] {
            let case = Case::new(&mut random, std::slice::from_ref(&data_type));
            let top = case.run(&TopK { k }.plan(std::slice::from_ref(&data_type)).unwrap()).unwrap();
            let bottom = case.run(&BottomK { k }.plan(std::slice::from_ref(&data_type)).unwrap()).unwrap();
            let (top, bottom) = (top.as_list::<i32>(), bottom.as_list::<i32>());
            if data_type == DataType::Utf8View {
                let texts = case.args[0].as_string_view();
                for (group, mut values) in
                    by_group(&case, &texts.iter().collect::<Vec<_>>()).into_iter().enumerate()
                {
                    values.sort();
                    let low: Vec<&str> = values.iter().copied().take(k).collect();
                    assert_eq!(
                        bottom.value(group).as_string_view().iter().flatten().collect::<Vec<_>>(),
                        low
                    );
                    let high: Vec<&str> = values.iter().rev().copied().take(k).collect();
                    assert_eq!(top.value(group).as_string_view().iter().flatten().collect::<Vec<_>>(), high);
                }
                continue;
            }
            for (group, mut values) in by_group(&case, &floats(&case.args[0])).into_iter().enumerate() {
                values.sort_by(order);
                let show = |values: Vec<f64>| format!("{values:?}").replace("-0.0", "0.0");
                let found = |list: ArrayRef| show(floats(&list).into_iter().flatten().collect());
                assert_eq!(found(bottom.value(group)), show(values.iter().copied().take(k).collect()));
                assert_eq!(found(top.value(group)), show(values.iter().rev().copied().take(k).collect()));
            }
        }
    }
}

fn one_group(kind: AggregateKind, args: &[ArrayRef]) -> Result<ArrayRef> {
    let types: Vec<DataType> = args.iter().map(|arg| arg.data_type().clone()).collect();
    let rows = args.first().map_or(0, |arg| arg.len());
    Case { group_ids: vec![0; rows], groups: 1, args: args.to_vec() }.run(&kind.plan(&types)?)
}

fn float_of(kind: AggregateKind, args: &[ArrayRef]) -> f64 {
    floats(&one_group(kind, args).unwrap())[0].unwrap()
}

#[test]
fn nothing_gives_what_pandas_gives() {
    let nulls: ArrayRef = Arc::new(Float64Array::from(vec![None, None]));
    let expected = [
        (Sum, Some(0.0)),
        (Product, Some(1.0)),
        (Mean, None),
        (Min, None),
        (Max, None),
        (Count, Some(0.0)),
        (Std { ddof: 1 }, None),
        (Median, None),
        (Quantile(0.3), None),
        (First, None),
        (Last, None),
        (NUnique, Some(0.0)),
        (Any, Some(0.0)),
        (All, Some(1.0)),
    ];
    for (kind, value) in expected {
        let result = one_group(kind, std::slice::from_ref(&nulls)).unwrap();
        assert_eq!(floats(&result), [value], "{kind:?}");
        let empty = nulls.slice(0, 0);
        assert_eq!(floats(&one_group(kind, &[empty]).unwrap()), [value], "{kind:?} of no rows");
    }
    assert_eq!(floats(&one_group(Corr, &[Arc::clone(&nulls), nulls]).unwrap()), [None]);
}

#[test]
fn overflow_is_an_error_that_names_sum_and_type() {
    let decimal = |values: Vec<i128>| -> ArrayRef {
        Arc::new(Decimal128Array::from(values).with_precision_and_scale(38, 0).unwrap())
    };
    let nines = 10i128.pow(38) - 1;
    let cases: Vec<(AggregateKind, ArrayRef, &str)> = vec![
        (Sum, Arc::new(Int64Array::from(vec![i64::MAX, 1])), "sum overflowed Int64"),
        (Sum, Arc::new(Int64Array::from(vec![i64::MIN, -1])), "sum overflowed Int64"),
        (Sum, Arc::new(UInt64Array::from(vec![u64::MAX, 1])), "sum overflowed UInt64"),
        (Sum, Arc::new(DurationSecondArray::from(vec![i64::MAX, 1])), "sum overflowed Duration(s)"),
        (Sum, decimal(vec![nines, 1]), "sum overflowed Decimal128(38, 0)"),
        (Sum, decimal(vec![nines, nines]), "sum overflowed Decimal128(38, 0)"),
        (Product, Arc::new(Int32Array::from(vec![i32::MAX; 3])), "product overflowed Int64"),
        (Mean, decimal(vec![nines, nines]), "the sum of a mean overflowed Decimal128(38, 0)"),
    ];
    for (kind, values, message) in cases {
        let what = format!("{kind:?} of {values:?}");
        let plan = kind.plan(&[values.data_type().clone()]).unwrap();
        let mut aggregator = plan.aggregator().unwrap();
        let result = aggregator
            .update(&[0].repeat(values.len()), 1, &[values])
            .and_then(|()| aggregator.state())
            .map(drop);
        let error = result.expect_err(&what);
        assert!(error.is_overflow() && error.to_string().starts_with(message), "{what}: {error}");
    }
    // A mean needs no room for its sum: these are exact in 128 bits.
    let extremes: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX, i64::MAX, i64::MAX]));
    assert_eq!(float_of(Mean, &[extremes]), i64::MAX as f64);
    let small: ArrayRef = Arc::new(Int8Array::from(vec![i8::MAX; 1000]));
    assert_eq!(float_of(Sum, &[small]), 127_000.0);
}

#[test]
fn variance_keeps_its_digits_beside_a_large_mean() {
    // 4, 7, 13, 16: mean 10, squared distances 36 + 9 + 9 + 36 = 90, so a variance of 30.
    for offset in [0.0, 1e9, 1e12, 1e14] {
        let values: ArrayRef =
            Arc::new(Float64Array::from_iter_values([4.0, 7.0, 13.0, 16.0].map(|v| v + offset)));
        assert_eq!(float_of(Var { ddof: 1 }, std::slice::from_ref(&values)), 30.0, "offset {offset}");
        let plan = Var { ddof: 1 }.plan(&[DataType::Float64]).unwrap();
        let mut total = plan.aggregator().unwrap();
        for part in [values.slice(0, 1), values.slice(1, 3)] {
            let mut partial = plan.aggregator().unwrap();
            partial.update(&vec![0; part.len()], 1, &[part]).unwrap();
            total.merge(&[0], 1, &partial.state().unwrap()).unwrap();
        }
        assert_close(&floats(&total.finish().unwrap()), &[Some(30.0)], "merged");
    }
    // Against exact integer arithmetic: n * sum(x^2) - sum(x)^2 over n * (n - 1).
    let mut random = Random(31);
    let values: Vec<i64> = (0..1000).map(|_| 1_000_000_000_000 + random.below(1000) as i64).collect();
    let n = values.len() as i128;
    let (sum, squares) = values.iter().fold((0i128, 0i128), |(sum, squares), &v| {
        (sum + i128::from(v), squares + i128::from(v) * i128::from(v))
    });
    let exact = (n * squares - sum * sum) as f64 / (n * (n - 1)) as f64;
    let column: ArrayRef = Arc::new(Int64Array::from(values));
    let found = float_of(Var { ddof: 1 }, &[column]);
    assert!((found - exact).abs() < exact * 1e-6, "{found} is not {exact}");
}

#[test]
fn correlation_of_known_columns() {
    let float = |values: Vec<Option<f64>>| -> ArrayRef { Arc::new(Float64Array::from(values)) };
    let x = float(vec![Some(1.0), Some(2.0), Some(3.0), None, Some(9.0)]);
    let y = float(vec![Some(2.0), Some(4.0), Some(6.0), Some(1.0), None]);
    assert_eq!(float_of(Corr, &[Arc::clone(&x), y]), 1.0);
    // Means 2 and 2, products -1 + 0 + 0 = -1 over squares 2 and 2: by hand, -0.5.
    let y = float(vec![Some(3.0), Some(1.0), Some(2.0), Some(0.0), None]);
    assert!((float_of(Corr, &[Arc::clone(&x), y]) + 0.5).abs() < 1e-15);
    let constant = float(vec![Some(7.0); 5]);
    assert!(float_of(Corr, &[x, constant]).is_nan());
}

#[test]
fn means_of_decimals_and_ticks_are_rounded_once() {
    let decimals = Decimal128Array::from(vec![100, 101, 101]).with_precision_and_scale(5, 2).unwrap();
    let mean = one_group(Mean, &[Arc::new(decimals)]).unwrap();
    assert_eq!(mean.data_type(), &DataType::Decimal128(9, 6));
    assert_eq!(mean.as_primitive::<Decimal128Type>().value(0), 1_006_667);
    let negative =
        Decimal256Array::from(vec![i256::from_i128(-100), i256::from_i128(-101), i256::from_i128(-101)]);
    let mean = one_group(Mean, &[Arc::new(negative.with_precision_and_scale(5, 2).unwrap())]).unwrap();
    assert_eq!(mean.as_primitive::<Decimal256Type>().value(0), i256::from_i128(-1_006_667));
    let durations: ArrayRef = Arc::new(DurationMillisecondArray::from(vec![1, 2]));
    let mean = one_group(Mean, &[durations]).unwrap();
    assert_eq!(mean.as_primitive::<DurationMillisecondType>().value(0), 2);
    let dates: ArrayRef = Arc::new(Date32Array::from(vec![-1, -2, -2]));
    assert_eq!(one_group(Mean, &[dates]).unwrap().as_primitive::<Date32Type>().value(0), -2);
}

#[test]
fn quantiles_of_extremes_stay_finite() {
    let values: ArrayRef = Arc::new(Float64Array::from(vec![f64::MAX, f64::MAX, 1.0, f64::INFINITY]));
    assert_eq!(float_of(Median, std::slice::from_ref(&values)), f64::MAX);
    assert_eq!(float_of(Quantile(1.0), &[values]), f64::INFINITY);
    let infinite: ArrayRef = Arc::new(Float64Array::from(vec![f64::INFINITY; 4]));
    assert_eq!(float_of(Quantile(0.3), &[infinite]), f64::INFINITY);
    let nan: ArrayRef = Arc::new(Float64Array::from(vec![1.0, f64::NAN, -f64::NAN]));
    assert_eq!(float_of(Quantile(0.0), &[Arc::clone(&nan)]), 1.0);
    assert!(float_of(Median, &[nan]).is_nan());
    assert!(Quantile(1.5).plan(&[DataType::Float64]).is_err());
    assert!(Quantile(f64::NAN).plan(&[DataType::Float64]).is_err());
}

#[test]
fn types_that_make_no_sense_are_refused_by_name() {
    let text = [DataType::Utf8];
    for kind in [Sum, Product, Mean, Std { ddof: 1 }, Median, Any, All] {
        let error = kind.plan(&text).unwrap_err();
        assert!(error.is_unsupported(), "{kind:?}: {error}");
        assert_eq!(
            error.to_string(),
            format!("{} is not defined for Utf8; cast to another type first", kind.name())
        );
    }
    assert!(Corr.plan(&text).is_err());
    let list = [DataType::List(Arc::new(Field::new_list_field(DataType::Int8, true)))];
    assert!(Min.plan(&list).unwrap_err().is_unsupported());
}

#[test]
fn wrong_columns_are_errors_not_panics() {
    let plan = Sum.plan(&[DataType::Int32]).unwrap();
    let mut sum = plan.aggregator().unwrap();
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    assert!(sum.update(&[0], 1, &[text]).is_err());
    let long: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    assert!(sum.update(&[0], 1, std::slice::from_ref(&long)).is_err());
    assert!(sum.merge(&[0, 0], 1, &[long]).is_err());
}

#[test]
fn last_of_many_batches_keeps_no_more_than_it_needs() {
    let plan = Last.plan(&[DataType::Utf8View]).unwrap();
    let mut last = plan.aggregator().unwrap();
    for batch in 0..200 {
        let values =
            StringViewArray::from_iter_values((0..1000).map(|i| format!("a long text {batch} {i:08}")));
        let group_ids: Vec<u32> = (0..1000).map(|i| i % 500).collect();
        last.update(&group_ids, 500, &[Arc::new(values)]).unwrap();
    }
    assert!(last.size_bytes() < 2_000_000, "{} bytes", last.size_bytes());
    let result = last.finish().unwrap();
    let expected: Vec<String> = (500..1000).map(|i| format!("a long text 199 {i:08}")).collect();
    assert_eq!(shown(&result), expected);
}
