//! Pruning may only say no when no row passes: fixed cases, and a search for counterexamples.

use arrow::array::{
    BinaryArray, Date32Array, Decimal128Array, Int32Array, Int64Array, StringArray, StringViewArray,
    new_empty_array,
};
use proptest::prelude::*;

use super::*;

fn prune(compare: Compare, literals: impl Array + 'static) -> Prune {
    Prune { column: 0, compare, literals: Arc::new(literals) }
}

fn int(value: i64) -> Int64Array {
    Int64Array::from(vec![value])
}

const COMPARISONS: [Compare; 7] = [
    Compare::Equal,
    Compare::NotEqual,
    Compare::Less,
    Compare::LessOrEqual,
    Compare::Greater,
    Compare::GreaterOrEqual,
    Compare::In,
];

#[test]
fn what_must_be_pruned_is() {
    let (min, max): (ArrayRef, ArrayRef) = (Arc::new(int(10)), Arc::new(int(20)));
    let bounds = Bounds {
        min: Some(&min),
        max: Some(&max),
        exact: true,
        nulls: Some(0),
        rows: Some(5),
        no_nan: false,
    };
    for (compare, literal, expected) in [
        (Compare::Equal, 9, false),
        (Compare::Equal, 10, true),
        (Compare::Equal, 20, true),
        (Compare::Equal, 21, false),
        (Compare::Less, 10, false),
        (Compare::Less, 11, true),
        (Compare::LessOrEqual, 9, false),
        (Compare::LessOrEqual, 10, true),
        (Compare::Greater, 20, false),
        (Compare::Greater, 19, true),
        (Compare::GreaterOrEqual, 21, false),
        (Compare::GreaterOrEqual, 20, true),
        (Compare::NotEqual, 10, true),
        (Compare::In, 5, false),
        (Compare::In, 15, true),
    ] {
        assert_eq!(may_match(&bounds, &prune(compare, int(literal))), expected, "{compare:?} {literal}");
    }
    assert!(!may_match(&bounds, &prune(Compare::IsNull, new_int())));
    assert!(may_match(&bounds, &prune(Compare::IsNotNull, new_int())));
    assert!(!may_match(&bounds, &prune(Compare::In, new_int())));
    assert!(!may_match(&bounds, &prune(Compare::In, Int64Array::from(vec![None, Some(3)]))));
    assert!(!may_match(&bounds, &prune(Compare::Equal, Int64Array::from(vec![None]))));
    let one = Bounds { max: Some(&min), ..bounds };
    assert!(!may_match(&one, &prune(Compare::NotEqual, int(10))));
    assert!(may_match(&Bounds { exact: false, ..one }, &prune(Compare::NotEqual, int(10))));
    let null = Bounds { nulls: Some(5), rows: Some(5), ..Bounds::default() };
    assert!(COMPARISONS.iter().all(|&compare| !may_match(&null, &prune(compare, int(1)))));
    assert!(may_match(&null, &prune(Compare::IsNull, new_int())));
    assert!(!may_match(&null, &prune(Compare::IsNotNull, new_int())));
    assert!(!may_match(&Bounds { rows: Some(0), ..Bounds::default() }, &prune(Compare::Equal, int(1))));
}

fn new_int() -> Int64Array {
    Int64Array::from(Vec::<i64>::new())
}

#[test]
fn nothing_known_prunes_nothing() {
    for compare in COMPARISONS {
        assert!(may_match(&Bounds::default(), &prune(compare, int(1))));
    }
    // Bounds that contradict each other, bounds of another kind, and bounds that are NaN or null.
    let (high, low): (ArrayRef, ArrayRef) = (Arc::new(int(5)), Arc::new(int(1)));
    let text: ArrayRef = Arc::new(StringArray::from(vec!["z"]));
    let nan: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN]));
    let null: ArrayRef = Arc::new(Int64Array::from(vec![None]));
    for (min, max) in [(&high, &low), (&text, &text), (&null, &null)] {
        let bounds = Bounds { min: Some(min), max: Some(max), exact: true, ..Bounds::default() };
        assert!(COMPARISONS.iter().all(|&compare| may_match(&bounds, &prune(compare, int(100)))));
    }
    let bounds = Bounds { min: Some(&nan), max: Some(&nan), ..Bounds::default() };
    assert!(may_match(&bounds, &prune(Compare::Equal, Float64Array::from(vec![1.0]))));
}

#[test]
fn bounds_of_a_narrower_type_are_widened() {
    let (min, max): (ArrayRef, ArrayRef) =
        (Arc::new(Int32Array::from(vec![1])), Arc::new(Int32Array::from(vec![9])));
    let bounds = Bounds { min: Some(&min), max: Some(&max), ..Bounds::default() };
    assert!(!may_match(&bounds, &prune(Compare::Greater, int(9))));
    assert!(may_match(&bounds, &prune(Compare::Greater, int(8))));
    let (min, max): (ArrayRef, ArrayRef) =
        (Arc::new(StringArray::from(vec!["b"])), Arc::new(StringArray::from(vec!["d"])));
    let bounds = Bounds { min: Some(&min), max: Some(&max), ..Bounds::default() };
    assert!(!may_match(&bounds, &prune(Compare::Equal, StringViewArray::from(vec!["da"]))));
    assert!(may_match(&bounds, &prune(Compare::Equal, StringViewArray::from(vec!["c"]))));
    let decimal = |value| Decimal128Array::from(vec![value]).with_precision_and_scale(10, 2).unwrap();
    let (min, max): (ArrayRef, ArrayRef) = (Arc::new(decimal(100)), Arc::new(decimal(200)));
    let bounds = Bounds { min: Some(&min), max: Some(&max), ..Bounds::default() };
    assert!(!may_match(&bounds, &prune(Compare::Less, decimal(100))));
    let date: ArrayRef = Arc::new(Date32Array::from(vec![10]));
    let bounds = Bounds { min: Some(&date), max: Some(&date), ..Bounds::default() };
    assert!(!may_match(&bounds, &prune(Compare::Equal, Date32Array::from(vec![11]))));
    assert!(!may_match(
        &bounds,
        &Prune { column: 0, compare: Compare::In, literals: new_empty_array(&DataType::Date32) }
    ));
}

#[test]
fn nan_and_zero_are_never_pruned_by_mistake() {
    let float = |value: f64| Float64Array::from(vec![value]);
    let (min, max): (ArrayRef, ArrayRef) = (Arc::new(float(0.0)), Arc::new(float(5.0)));
    let bounds = Bounds { min: Some(&min), max: Some(&max), exact: true, ..Bounds::default() };
    assert!(may_match(&bounds, &prune(Compare::Equal, float(-0.0))));
    assert!(may_match(&bounds, &prune(Compare::Greater, float(6.0))), "NaN may be greater");
    assert!(!may_match(&Bounds { no_nan: true, ..bounds }, &prune(Compare::Greater, float(6.0))));
    assert!(may_match(&bounds, &prune(Compare::Equal, float(f64::NAN))));
    assert!(!may_match(&Bounds { no_nan: true, ..bounds }, &prune(Compare::Equal, float(f64::NAN))));
    assert!(!may_match(&bounds, &prune(Compare::Less, float(-1.0))));
}

/// Whether a row passes under the order of floats where NaN is greatest, or under IEEE's.
fn passes<T: Copy>(
    compare: Compare,
    value: T,
    literals: &[T],
    order: impl Fn(T, T) -> Option<Ordering>,
) -> bool {
    let to = |literal: T| order(value, literal);
    match compare {
        Compare::Equal | Compare::In => literals.iter().any(|&literal| to(literal) == Some(Ordering::Equal)),
        Compare::NotEqual => literals.iter().any(|&literal| to(literal) != Some(Ordering::Equal)),
        Compare::Less => literals.iter().any(|&literal| to(literal) == Some(Ordering::Less)),
        Compare::LessOrEqual => literals.iter().any(|&literal| to(literal).is_some_and(Ordering::is_le)),
        Compare::Greater => literals.iter().any(|&literal| to(literal) == Some(Ordering::Greater)),
        Compare::GreaterOrEqual => literals.iter().any(|&literal| to(literal).is_some_and(Ordering::is_ge)),
        Compare::IsNull | Compare::IsNotNull => unreachable!("not drawn"),
    }
}

fn nan_last(a: f64, b: f64) -> Option<Ordering> {
    Some(a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn integers(values in prop::collection::vec(prop::option::of(-4i64..5), 1..6), literals in prop::collection::vec(-5i64..6, 1..3), which in 0usize..7) {
        let compare = COMPARISONS[which];
        let literals = if compare == Compare::In { literals } else { literals[..1].to_vec() };
        let present: Vec<i64> = values.iter().flatten().copied().collect();
        let min = present.iter().min().map(|&min| Arc::new(int(min)) as ArrayRef);
        let max = present.iter().max().map(|&max| Arc::new(int(max)) as ArrayRef);
        let bounds = Bounds {
            min: min.as_ref(), max: max.as_ref(), exact: true,
            nulls: Some((values.len() - present.len()) as u64), rows: Some(values.len() as u64), no_nan: false,
        };
        let any = present.iter().any(|&value| passes(compare, value, &literals, |a, b| Some(a.cmp(&b))));
        let told = may_match(&bounds, &prune(compare, Int64Array::from(literals.clone())));
        prop_assert!(told || !any);
        // Where the bounds decide alone, the answer is exact.
        if !matches!(compare, Compare::Equal | Compare::In | Compare::NotEqual) || present.len() == 1 {
            prop_assert_eq!(told, any);
        }
    }

    #[test]
    fn floats(picks in prop::collection::vec(0usize..8, 1..5), literal in 0usize..8, which in 0usize..7) {
        const FLOATS: [f64; 8] = [f64::NAN, f64::NEG_INFINITY, -1.5, -0.0, 0.0, 2.0, f64::INFINITY, 1e-300];
        let compare = COMPARISONS[which];
        let values: Vec<f64> = picks.iter().map(|&pick| FLOATS[pick]).collect();
        let numbers = || values.iter().copied().filter(|value| !value.is_nan());
        let bound = |value: Option<f64>| value.map(|value| Arc::new(Float64Array::from(vec![value])) as ArrayRef);
        let (min, max) = (bound(numbers().reduce(f64::min)), bound(numbers().reduce(f64::max)));
        let no_nan = values.iter().all(|value| !value.is_nan());
        for no_nan in [no_nan, false] {
            let bounds = Bounds { min: min.as_ref(), max: max.as_ref(), exact: true, nulls: Some(0), rows: Some(values.len() as u64), no_nan };
            let told = may_match(&bounds, &prune(compare, Float64Array::from(vec![FLOATS[literal]])));
            let literals = [FLOATS[literal]];
            let any = values.iter().any(|&value| {
                passes(compare, value, &literals, nan_last)
                    || passes(compare, value, &literals, |a, b| a.partial_cmp(&b))
                    || (!value.is_nan() && !literals[0].is_nan() && passes(compare, value, &literals, |a, b| Some(a.total_cmp(&b))))
            });
            prop_assert!(told || !any, "{:?} {:?} {:?}", values, compare, literals);
        }
    }

    #[test]
    fn shortened_text(values in prop::collection::vec("[a-c]{0,4}", 1..5), literal in "[a-d]{0,4}", which in 0usize..7, keep in 0usize..3) {
        let compare = COMPARISONS[which];
        // As Parquet shortens: the least is cut, the greatest is cut and its last byte raised.
        let min = values.iter().min().unwrap();
        let max = values.iter().max().unwrap();
        let exact = min.len() <= keep && max.len() <= keep;
        let min = min.as_bytes()[..min.len().min(keep)].to_vec();
        let max = if max.len() <= keep { Some(max.clone().into_bytes()) } else {
            let mut cut = max.as_bytes()[..keep].to_vec();
            cut.last_mut().map(|last| *last += 1).map(|()| cut)
        };
        let bytes = |value: &[u8]| Arc::new(BinaryArray::from(vec![value])) as ArrayRef;
        let min = bytes(&min);
        let max = max.map(|max| bytes(&max));
        let bounds = Bounds { min: Some(&min), max: max.as_ref(), exact, nulls: Some(0), rows: Some(values.len() as u64), no_nan: false };
        let told = may_match(&bounds, &prune(compare, BinaryArray::from(vec![literal.as_bytes()])));
        let any = values.iter().any(|value| passes(compare, value.as_str(), &[literal.as_str()], |a, b| Some(a.cmp(b))));
        prop_assert!(told || !any, "{:?} {:?} {:?}", values, compare, literal);
    }
}
