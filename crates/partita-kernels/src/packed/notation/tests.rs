//! Tests of values that are kept as whole numbers: they come back bit by bit, and take as many bytes as their numbers.

use arrow::array::{BinaryViewArray, Float64Array, StringViewArray};
use arrow::compute::{concat, take};
use arrow::datatypes::Float64Type;

use super::*;
use crate::packed::PackedColumn;
use crate::random::{Random, shown};

/// The column packed, and the bytes that are kept of each of its rows.
fn packed(column: &ArrayRef) -> (PackedColumn, usize) {
    let packed = PackedColumn::of(column, column.data_type()).unwrap();
    let width = packed.kept_beside(None).map(|kept| kept.data_type().primitive_width().unwrap_or(16)).sum();
    (packed, width)
}

/// It comes back as it was, all of it, a slice of it, and rows from anywhere. Gives the bytes that are kept of each row.
fn check(column: &ArrayRef, random: &mut Random) -> usize {
    let (packed, width) = packed(column);
    let back = packed.to_array();
    back.to_data().validate_full().unwrap();
    assert_eq!(bits(&back), bits(column));
    let (from, len) = (column.len() / 3, column.len() / 2);
    assert_eq!(bits(&packed.slice(from, len).to_array()), bits(&column.slice(from, len)));
    let row = |random: &mut Random| (random.below(6) > 0).then(|| random.below(column.len()) as u32);
    let rows: UInt32Array = (0..40).map(|_| row(random)).collect();
    let taken = packed.take(&rows).unwrap();
    taken.to_data().validate_full().unwrap();
    assert_eq!(bits(&taken), bits(&take(column, &rows, None).unwrap()));
    width
}

/// Rows as they are to be compared: floats by their bits.
fn bits(column: &ArrayRef) -> Vec<String> {
    match column.as_primitive_opt::<Float64Type>() {
        Some(floats) => floats.iter().map(|value| format!("{:x?}", value.map(f64::to_bits))).collect(),
        None => shown(column),
    }
}

fn floats(values: Vec<Option<f64>>) -> ArrayRef {
    Arc::new(Float64Array::from(values))
}

fn texts(values: &[Option<String>]) -> ArrayRef {
    Arc::new(values.iter().map(Option::as_deref).collect::<StringViewArray>())
}

/// What a reader of texts makes of a number with so many digits behind the point.
fn decimal(number: i64, digits: usize) -> f64 {
    let sign = if number < 0 { "-" } else { "" };
    let number = format!("{:0>1$}", number.unsigned_abs(), digits + 1);
    let (whole, fraction) = number.split_at(number.len() - digits);
    format!("{sign}{whole}.{fraction}").parse().unwrap()
}

#[test]
fn floats_of_few_decimals_are_kept_as_whole_numbers() {
    let mut random = Random(21);
    for digits in 0..=9 {
        for (most, expected) in [(200, 1), (60_000, 2), (1 << 29, 4)] {
            for from in [0, -(most as i64) / 2, 1_000_000_000] {
                for has_nulls in [false, true] {
                    let row = |random: &mut Random| {
                        let value = decimal(from + random.below(most) as i64, digits);
                        (!has_nulls || random.below(5) > 0).then_some(value)
                    };
                    let column = floats((0..2_000).map(|_| row(&mut random)).collect());
                    assert_eq!(check(&column, &mut random), expected, "{digits} digits, {from} to {most}");
                }
            }
        }
    }
}

#[test]
fn other_floats_stay_as_they_are() {
    let mut random = Random(22);
    let huge = [1e300, -1e17, 4_503_599_627_370_497.5, f64::INFINITY];
    for odd in [f64::NAN, -0.0, f64::MIN_POSITIVE, 0.1 + 0.2, 1e-10].into_iter().chain(huge) {
        for place in [0, 50, 1_500] {
            let value = |row: usize| if row == place { odd } else { row as f64 / 4.0 };
            let column = floats((0..2_000).map(|row| Some(value(row))).collect());
            assert_eq!(check(&column, &mut random), 8, "{odd} in row {place}");
        }
    }
    let any = floats((0..500).map(|_| Some(f64::from_bits(random.next()))).collect());
    assert_eq!(check(&any, &mut random), 8);
    // Whole numbers, but too far from each other; nothing; and a whole number that is too large.
    assert_eq!(check(&floats(vec![Some(0.0), Some(4_294_967_296.0)]), &mut random), 8);
    assert_eq!(check(&floats(vec![None, None]), &mut random), 8);
    assert_eq!(check(&floats(vec![Some(9_007_199_254_740_992.0)]), &mut random), 8);
}

#[test]
fn a_null_may_have_any_float() {
    let values = vec![f64::NAN, 1.25, 1e300, -7.5];
    let nulls = vec![false, true, false, true].into();
    let column: ArrayRef = Arc::new(Float64Array::new(values.into(), Some(nulls)));
    let (packed, width) = packed(&column);
    assert_eq!(width, 2);
    assert_eq!(bits(&packed.to_array()), bits(&floats(vec![None, Some(1.25), None, Some(-7.5)])));
}

#[test]
fn decimals_are_found_alike_on_any_processor() {
    let mut random = Random(23);
    let (decimals, _) = Decimals::of(&[floats(vec![Some(0.125)])]).unwrap();
    for rows in [0, 1, 3, 4, 9, 1_000] {
        let values: Vec<f64> = (0..rows).map(|_| decimal(random.below(1 << 25) as i64, 3)).collect();
        let any: Vec<f64> = (0..rows).map(|_| f64::from_bits(random.next())).collect();
        for (values, are_decimals) in [(values, true), (any, rows == 0)] {
            let [first, second] = decimals.both_ways(&values);
            assert_eq!((&first, first.0), (&second, are_decimals));
        }
    }
}

#[test]
fn texts_that_end_in_a_number_are_kept_as_it() {
    let mut random = Random(24);
    for (from, most, expected) in [(99_900, 250, 1), (0, 60_000, 2), (0, 99_000_000, 4)] {
        for width in [0, 8] {
            for prefix in ["", "i", "id", "é-"] {
                let text = |random: &mut Random| format!("{prefix}{:0width$}", from + random.below(most));
                let all: Vec<Option<String>> = (0..2_000).map(|_| Some(text(&mut random))).collect();
                let told = format!("{prefix} up to {most}, {width} digits");
                assert_eq!(check(&texts(&all), &mut random), expected, "{told}");
                let some: Vec<Option<String>> =
                    all.into_iter().map(|text| text.filter(|_| random.below(4) > 0)).collect();
                assert_eq!(check(&texts(&some), &mut random), expected, "{told}, nulls");
            }
        }
    }
}

#[test]
fn other_texts_come_back_too() {
    let mut random = Random(25);
    let short = ["", "id", "i", "ie7", "id07", "id7a", "id/7", "id:7", "id 7", "id+7", "7", "id1234567890"];
    for odd in short.into_iter().chain(["a text of more than twelve", "id77777777777"]) {
        for place in [0, 40, 1_500] {
            let text = |row: usize| if row == place { odd.to_owned() } else { format!("id{row}") };
            let column: Vec<Option<String>> = (0..2_000).map(|row| Some(text(row))).collect();
            assert!(check(&texts(&column), &mut random) > 2, "{odd:?} in row {place}");
        }
    }
    let bytes = |texts: [&[u8]; 3]| -> ArrayRef { Arc::new(BinaryViewArray::from_iter_values(texts)) };
    check(&bytes([b"\xFF\x80", b"\xFF\x8017", b"\xFF\x809"]), &mut random);
    assert_eq!(check(&bytes([b"\xFF\x8012345", b"\xFF\x8012340", b"\xFF\x8012510"]), &mut random), 4);
    assert_eq!(check(&bytes([b"\xFF\x8012345", b"\xFF\x801234", b"\xFF\x8012510"]), &mut random), 2);
}

#[test]
fn every_number_of_at_most_nine_digits_has_its_text() {
    let mut random = Random(26);
    let tens = (0..9).map(|digits| 10u32.pow(digits));
    let edges = tens.flat_map(|ten| [ten - 1, ten, ten + 1]).chain([999_999_999]);
    let numbers: Vec<u32> = edges.chain((0..5_000).map(|_| random.below(1_000_000_000) as u32)).collect();
    for (width, expected) in [(0, 4), (9, 16)] {
        let all: Vec<Option<String>> =
            numbers.iter().map(|number| Some(format!("no{number:0width$}"))).collect();
        assert_eq!(check(&texts(&all), &mut random), expected);
    }
}

#[test]
fn parts_of_several_notations_become_one_column() {
    let mut random = Random(27);
    let prices = |numbers: &[i64], digits: usize| {
        floats(numbers.iter().map(|number| Some(decimal(*number, digits))).collect())
    };
    let no_floats = [floats(vec![None]), floats(vec![])];
    let text = |texts: &[&str]| -> ArrayRef { Arc::new(StringViewArray::from(texts.to_vec())) };
    let few = [prices(&[125, 350], 2), prices(&[7_125, -2_000], 3), prices(&[5_000_000_000], 1)];
    let ids = [
        text(&["id1", "id20000"]),
        text(&["id07000", "id12345"]),
        text(&["x9", "x10000"]),
        text(&["id10000", "id9"]),
    ];
    for parts in [few.into_iter().chain(no_floats).collect::<Vec<_>>(), ids.to_vec()] {
        for _ in 0..60 {
            let chosen: Vec<&ArrayRef> =
                (0..1 + random.below(4)).map(|_| &parts[random.below(parts.len())]).collect();
            let whole = concat(&chosen.iter().map(|part| part.as_ref()).collect::<Vec<_>>()).unwrap();
            let packed: Vec<PackedColumn> = chosen.iter().map(|part| packed(part).0).collect();
            let together = PackedColumn::concat(&packed.iter().collect::<Vec<_>>()).unwrap();
            assert_eq!((together.len(), together.data_type()), (whole.len(), whole.data_type()));
            assert_eq!(bits(&together.to_array()), bits(&whole));
        }
    }
    let alike = [text(&["id9", "id11111"]), text(&["id10000", "id9"])].map(|part| packed(&part).0);
    let together = PackedColumn::concat(&alike.each_ref()).unwrap();
    let kept: Vec<DataType> = together.kept_beside(None).map(|kept| kept.data_type().clone()).collect();
    assert_eq!(kept, [DataType::UInt16]);
}
