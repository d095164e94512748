//! Passes against the aggregators that keep all values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, StringViewArray};
use arrow::datatypes::DataType;

use crate::aggregate::AggregateKind;
use crate::random::{Random, shown};

/// Finishes one group over batches in passes that may keep `most_bytes`, and in one go; says how many passes there were.
fn check(kind: AggregateKind, batches: &[ArrayRef], most_bytes: usize) -> usize {
    let plan = kind.plan(&[batches[0].data_type().clone()]).unwrap();
    let states: Vec<Vec<ArrayRef>> = batches
        .iter()
        .map(|batch| {
            let mut partial = plan.aggregator().unwrap();
            partial.update(&vec![0; batch.len()], 1, &[Arc::clone(batch)]).unwrap();
            partial.state().unwrap()
        })
        .collect();
    let mut whole = plan.aggregator().unwrap();
    states.iter().for_each(|states| whole.merge(&[0], 1, states).unwrap());
    let mut passes = plan.passes(most_bytes).unwrap().expect("it keeps values");
    let mut count = 0;
    loop {
        states.iter().for_each(|states| passes.add(states).unwrap());
        count += 1;
        if !passes.end() {
            break;
        }
    }
    assert_eq!(shown(&passes.finish().unwrap()), shown(&whole.finish().unwrap()), "{kind:?}");
    count
}

fn floats(rows: usize, mut value: impl FnMut(usize) -> Option<f64>) -> Vec<ArrayRef> {
    (0..4)
        .map(|part| Arc::new((0..rows).map(|row| value(part * rows + row)).collect::<Float64Array>()) as _)
        .collect()
}

#[test]
fn quantiles_of_any_values() {
    let mut random = Random(4);
    let odd = [f64::NAN, -f64::NAN, f64::INFINITY, -f64::INFINITY, 0.0, -0.0, 1.5];
    for at in [0.0, 0.3, 0.5, 0.999, 1.0] {
        let kind = AggregateKind::Quantile(at);
        for most_bytes in [0, 10_000, 1 << 20] {
            let number = |row| (row % 7 != 0).then(|| random.number() as f64 / 8.0);
            check(kind, &floats(1_000, number), most_bytes);
            check(kind, &floats(50, |row| Some(odd[(row * 5) % 7])), most_bytes);
            check(kind, &floats(3, |row| (row == 5).then_some(2.5)), most_bytes);
            check(kind, &floats(3, |_| None), most_bytes);
        }
    }
}

#[test]
fn a_quantile_of_many_alike_values_takes_all_passes() {
    // What begins with the bits known so far is never few.
    let alike =
        floats(50_000, |row| Some(if row % 9 == 0 { 2.5 } else { 2.5 + f64::EPSILON * (row % 3) as f64 }));
    assert_eq!(check(AggregateKind::Median, &alike, 1 << 20), 6);
    let spread = floats(50_000, |row| Some(((row * 7_919) % 200_000) as f64 / 200_000.0));
    assert_eq!(check(AggregateKind::Median, &spread, 0), 6);
    assert!(check(AggregateKind::Median, &spread, 1 << 20) <= 3);
}

#[test]
fn distinct_values_in_as_many_passes_as_they_need() {
    let mut random = Random(5);
    let few: Vec<ArrayRef> = (0..4)
        .map(|_| Arc::new((0..30_000).map(|_| random.below(500) as i64).collect::<Int64Array>()) as _)
        .collect();
    assert_eq!(check(AggregateKind::NUnique, &few, 0), 1, "few values need one pass");
    let many: Vec<ArrayRef> = (0..4)
        .map(|part| Arc::new((part * 50_000..(part + 1) * 50_000).collect::<Int64Array>()) as _)
        .collect();
    assert!(check(AggregateKind::NUnique, &many, 0) > 4);
    assert_eq!(check(AggregateKind::NUnique, &many, 1 << 30), 1);
    let texts: Vec<ArrayRef> = (0..4)
        .map(|part| {
            let text = |row: usize| {
                (!row.is_multiple_of(5))
                    .then(|| format!("a text of some length {}", (row * 31 + part) % 9_000))
            };
            Arc::new((0..20_000).map(text).collect::<StringViewArray>()) as _
        })
        .collect();
    assert!(check(AggregateKind::NUnique, &texts, 0) > 1);
    let nothing = arrow::array::new_null_array(&DataType::Int64, 10);
    assert_eq!(check(AggregateKind::NUnique, &[nothing], 0), 1);
}
