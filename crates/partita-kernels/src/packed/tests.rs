//! Tests of packed batches: what is unpacked is what was packed, and how much is kept of it.

use arrow::array::{
    AsArray, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array,
    Int64Array, StringArray, StringViewArray, TimestampMicrosecondArray, UInt32Array, UInt64Array,
};
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{Field, Schema, UInt32Type};

use super::*;
use crate::random::{Random, many_types, shown};

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .unwrap()
}

fn packed(batch: &RecordBatch) -> PackedBatch {
    PackedBatch::pack(batch, batch.schema_ref()).unwrap()
}

/// The bytes of what is kept of the only column.
fn kept(packed: &PackedBatch) -> usize {
    packed.kept_beside(None).map(|array| array.to_data().get_slice_memory_size().unwrap()).sum()
}

#[test]
fn numbers_take_as_few_bytes_as_their_range_needs() {
    let of = |numbers: Vec<i64>| kept(&packed(&batch(vec![("n", Arc::new(Int64Array::from(numbers)))])));
    assert_eq!(of(vec![5, 260, 7, 5]), 4);
    assert_eq!(of(vec![5, 261, 7, 5]), 8);
    assert_eq!(of(vec![-32_768, 32_767]), 4);
    assert_eq!(of(vec![-32_768, 32_768]), 8);
    assert_eq!(of(vec![0, u32::MAX.into()]), 8);
    assert_eq!(of(vec![0, i64::from(u32::MAX) + 1]), 16);
    assert_eq!(of(vec![i64::MIN, i64::MAX]), 16);
}

#[test]
fn every_type_comes_back() {
    let ages: Vec<Option<i32>> = vec![Some(-3), None, Some(70_000)];
    let wide = [i128::MIN, 0, i128::MAX];
    let batch = batch(vec![
        ("dates", Arc::new(Date32Array::from(ages))),
        ("times", Arc::new(TimestampMicrosecondArray::from(vec![-1, 0, 1]).with_timezone("+01:00"))),
        (
            "prices",
            Arc::new(Decimal128Array::from(vec![-5, 300, 7]).with_precision_and_scale(12, 2).unwrap()),
        ),
        ("wide", Arc::new(Decimal128Array::from(wide.to_vec()).with_precision_and_scale(38, 0).unwrap())),
        ("counts", Arc::new(UInt64Array::from(vec![u64::MAX, u64::MAX - 9, u64::MAX - 3]))),
        ("missing", Arc::new(Int64Array::from(vec![None, None, None]))),
        ("floats", Arc::new(Float64Array::from(vec![-0.0, f64::NAN, 1.0]))),
        ("flags", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("texts", Arc::new(StringArray::from(vec![Some("a"), None, Some("b")]))),
        ("views", Arc::new(StringViewArray::from(vec![Some("a text that is no short one"), None, Some("")]))),
    ]);
    let packed = packed(&batch);
    assert_eq!(format!("{:?}", packed.unpack()), format!("{batch:?}"));
    assert_eq!((packed.num_rows(), packed.schema()), (3, &batch.schema()));
}

#[test]
fn random_columns_of_every_type_come_back() {
    let mut random = Random(3);
    for data_type in many_types() {
        for rows in [1, 40, 500] {
            let column = random.column(&data_type, rows, 30);
            let unpacked = packed(&batch(vec![("c", Arc::clone(&column))])).unpack();
            assert_eq!(unpacked.column(0).data_type(), &data_type);
            assert_eq!(shown(unpacked.column(0)), shown(&column), "{data_type}");
        }
    }
}

#[test]
fn rows_without_columns_and_columns_without_rows_come_back() {
    let options = RecordBatchOptions::new().with_row_count(Some(7));
    let none = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
    assert_eq!(packed(&none).unpack(), none);
    let empty = batch(vec![("n", Arc::new(Int64Array::from(Vec::<i64>::new())))]);
    assert_eq!(packed(&empty).unpack(), empty);
}

/// Rows as codes, and the schema that they are declared to have.
fn coded(codes: Vec<Option<u32>>, values: &ArrayRef) -> (RecordBatch, SchemaRef) {
    let coded = DictionaryArray::<UInt32Type>::try_new(codes.into(), Arc::clone(values)).unwrap();
    let declared = Schema::new(vec![Field::new("t", values.data_type().clone(), true)]);
    (batch(vec![("t", Arc::new(coded))]), Arc::new(declared))
}

#[test]
fn dictionaries_stay_codes_and_come_back_spread() {
    let values: ArrayRef =
        Arc::new(StringViewArray::from(vec![Some("x"), None, Some("a longer text than fits")]));
    let codes: Vec<Option<u32>> = (0..600).map(|row| (row % 7 != 0).then_some(row % 3)).collect();
    let (rows, declared) = coded(codes.clone(), &values);
    let first = PackedBatch::pack(&rows, &declared).unwrap();
    let text = |code: Option<u32>| [Some("x"), None, Some("a longer text than fits")][code? as usize];
    let expected: StringViewArray = codes.iter().map(|code| text(*code)).collect();
    let unpacked = first.unpack();
    assert_eq!(unpacked.schema(), declared);
    assert_eq!(unpacked.column(0).as_string_view(), &expected);
    // A byte for each row, and the values once for all batches.
    let second = PackedBatch::pack(&rows, &declared).unwrap();
    let arrays = |other| second.kept_beside(other).map(|array| array.data_type().clone()).collect::<Vec<_>>();
    assert_eq!(arrays(None), [DataType::UInt8, DataType::Utf8View]);
    assert_eq!(arrays(Some(&first)), [DataType::UInt8]);
}

#[test]
fn a_dictionary_that_is_larger_than_its_rows_is_not_kept() {
    let values: ArrayRef =
        Arc::new((0..100).map(|value| Some(format!("the text {value:>9}"))).collect::<StringViewArray>());
    let (rows, declared) = coded((0..99).map(Some).collect(), &values);
    let packed = PackedBatch::pack(&rows, &declared).unwrap();
    let kept: Vec<DataType> = packed.kept_beside(None).map(|array| array.data_type().clone()).collect();
    assert_eq!(kept, [DataType::Utf8View]);
    assert_eq!(packed.unpack().column(0).len(), 99);
}

#[test]
fn a_declared_dictionary_stays_one() {
    let values: ArrayRef = Arc::new(StringViewArray::from(vec!["x", "y"]));
    let (rows, _) = coded(vec![Some(1), Some(0), None], &values);
    assert_eq!(packed(&rows).unpack(), rows);
}

#[test]
fn numbers_come_back() {
    let mut random = Random(7);
    for bits in 0..64 {
        for rows in [1, 2, 63, 300] {
            let from = random.next() as i64;
            let number = |random: &mut Random| from.wrapping_add((random.next() >> bits) as i64);
            let numbers: Int64Array =
                (0..rows).map(|_| (random.below(5) > 0).then(|| number(&mut random))).collect();
            let rows = batch(vec![("n", Arc::new(numbers))]);
            assert_eq!(packed(&rows).unpack(), rows, "{bits}");
        }
    }
}

/// Rows from anywhere in a column of so many, some of them null.
fn some_rows(random: &mut Random, of: usize) -> UInt32Array {
    (0..random.below(200)).map(|_| (of > 0 && random.below(8) > 0).then(|| random.below(of) as u32)).collect()
}

/// The parts as one have the rows of `whole`, and so has what is taken of them.
fn check_parts(parts: &[PackedColumn], whole: &ArrayRef, random: &mut Random) {
    let together = PackedColumn::concat(&parts.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!((together.len(), together.data_type()), (whole.len(), whole.data_type()));
    assert_eq!(shown(&together.to_array()), shown(whole));
    let rows = some_rows(random, whole.len());
    let expected = shown(&take(whole, &rows, None).unwrap());
    let (plain, coded) = (together.take(&rows).unwrap(), together.take_coded(&rows).unwrap());
    assert_eq!((plain.data_type(), shown(&plain)), (whole.data_type(), expected.clone()));
    assert!(coded.data_type() == whole.data_type() || is_coded(&coded, whole.data_type()));
    assert_eq!(shown(&cast(&coded, whole.data_type()).unwrap()), expected);
}

#[test]
fn parts_of_every_type_become_one_column() {
    let mut random = Random(5);
    for data_type in many_types() {
        for parts in 1..5 {
            let columns: Vec<ArrayRef> = (0..parts)
                .map(|part| {
                    let rows = if part == 2 { 0 } else { 1 + random.below(60) };
                    random.column(&data_type, rows, [3, 40][part % 2])
                })
                .collect();
            let whole = concat(&columns.iter().map(AsRef::as_ref).collect::<Vec<_>>()).unwrap();
            let packed: Vec<PackedColumn> =
                columns.iter().map(|column| PackedColumn::of(column, &data_type).unwrap()).collect();
            check_parts(&packed, &whole, &mut random);
        }
    }
}

#[test]
fn distances_from_several_numbers_become_distances_from_the_least() {
    let mut random = Random(9);
    for (spread, kept) in [(50_i64, 1), (10_000, 2), (1 << 30, 4), (1 << 60, 8)] {
        let part = |from: i64, random: &mut Random| -> ArrayRef {
            let number = |random: &mut Random| from + random.below(200) as i64;
            Arc::new((0..99).map(|_| (random.below(9) > 0).then(|| number(random))).collect::<Int64Array>())
        };
        let nulls: ArrayRef = Arc::new(Int64Array::from(vec![None, None]));
        let columns =
            [part(-spread, &mut random), nulls, part(0, &mut random), part(-spread / 2, &mut random)];
        let packed = columns.each_ref().map(|column| PackedColumn::of(column, &DataType::Int64).unwrap());
        let together = PackedColumn::concat(&packed.each_ref()).unwrap();
        let bytes = |column: &PackedColumn| {
            column.kept_beside(None).map(|array| array.to_data().buffers()[0].len()).sum::<usize>()
        };
        assert_eq!(bytes(&together), kept * together.len(), "{spread}");
        check_parts(&packed, &concat(&columns.each_ref().map(|c| c as &dyn Array)).unwrap(), &mut random);
    }
}

#[test]
fn codes_of_several_dictionaries_become_codes_of_one() {
    let mut random = Random(4);
    for long in [false, true] {
        let text = |number: usize| if long { format!("{number:>20}") } else { number.to_string() };
        let dictionary = |random: &mut Random| -> ArrayRef {
            let value = |random: &mut Random| (random.below(6) > 0).then(|| text(random.below(9)));
            Arc::new((0..12).map(|_| value(random)).collect::<StringViewArray>())
        };
        let (first, second) = (dictionary(&mut random), dictionary(&mut random));
        // The last part has fewer rows than its dictionary has values, so that it is kept as texts.
        let parts = [(&first, 100), (&second, 70), (&first, 30), (&second, 5)].map(|(values, rows)| {
            let codes = (0..rows).map(|_| (random.below(9) > 0).then(|| random.below(12) as u32));
            let (rows, declared) = coded(codes.collect(), values);
            PackedColumn::of(rows.column(0), declared.field(0).data_type()).unwrap()
        });
        let whole = parts.each_ref().map(PackedColumn::to_array);
        let whole = concat(&whole.each_ref().map(AsRef::as_ref)).unwrap();
        check_parts(&parts, &whole, &mut random);
        let together = PackedColumn::concat(&parts.each_ref()).unwrap();
        let kept: Vec<&ArrayRef> = together.kept_beside(None).collect();
        assert_eq!((kept[0].data_type(), kept[0].len()), (&DataType::UInt8, 205));
        let distinct: std::collections::BTreeSet<String> = shown(kept[1]).into_iter().collect();
        assert_eq!(distinct.len(), kept[1].len(), "each value once");
        // Where most are texts, all are.
        let texts = PackedColumn::plain(concat(&[whole.as_ref(), &whole]).unwrap());
        let together = PackedColumn::concat(&[&parts[0], &texts]).unwrap();
        assert_eq!(together.kept_beside(None).count(), 1);
        check_parts(&[parts[0].clone(), texts.clone()], &concat_of(&parts[0], &texts), &mut random);
    }
}

fn concat_of(first: &PackedColumn, second: &PackedColumn) -> ArrayRef {
    concat(&[first.to_array().as_ref(), &second.to_array()]).unwrap()
}

#[test]
fn codes_of_one_dictionary_stay_its_codes() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![7, 1 << 50]));
    let parts = [vec![Some(0), None], vec![Some(1), Some(0)]].map(|codes| {
        let (rows, declared) = coded(codes, &values);
        PackedColumn::of(rows.column(0), declared.field(0).data_type()).unwrap()
    });
    let together = PackedColumn::concat(&parts.each_ref()).unwrap();
    assert!(together.kept_beside(None).any(|kept| Arc::ptr_eq(kept, &values)));
    let whole: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), None, Some(1 << 50), Some(7)]));
    check_parts(&parts, &whole, &mut Random(1));
}

#[test]
fn a_null_row_of_nothing_is_null() {
    let rows = UInt32Array::from(vec![None, None]);
    for empty in [Arc::new(Int64Array::new_null(0)) as ArrayRef, Arc::new(StringViewArray::new_null(0))] {
        let packed = PackedColumn::of(&empty, empty.data_type()).unwrap();
        assert_eq!(packed.take(&rows).unwrap().null_count(), 2);
    }
}

fn texts(values: Vec<Option<&[u8]>>) -> ArrayRef {
    Arc::new(BinaryViewArray::from(values))
}

#[test]
fn short_texts_take_as_few_bytes_as_they_differ_in() {
    let of = |values: Vec<Option<&[u8]>>| kept(&packed(&batch(vec![("t", texts(values))])));
    assert_eq!(of(vec![Some(b"id0000000001"), Some(b"id0000000009")]), 2);
    assert_eq!(of(vec![Some(b"id000000000a"), Some(b"id000000001b"), None]), 6 + 1);
    assert_eq!(of(vec![Some(b"a"), Some(b"b"), Some(b"")]), 3);
    assert_eq!(of(vec![Some(b"ida"), Some(b"idba")]), 4);
    assert_eq!(of(vec![Some(b"ida"), Some(b"idbbbbb")]), 16);
    assert_eq!(of(vec![Some(b"\x00\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), Some(b"\x00\x00\x01")]), 16);
    // Nine bytes differ, a zero is at the end, the text is long.
    assert_eq!(of(vec![Some(b"abcdefghi"), Some(b"123456789")]), 32);
    assert_eq!(of(vec![Some(b"a\x00"), Some(b"b")]), 32);
    assert!(of(vec![Some(b"a text of more than twelve"), Some(b"b")]) >= 32);
}

#[test]
fn short_texts_come_back() {
    let mut random = Random(12);
    for round in 0..400 {
        let (alike, length, letters) = (random.below(9), random.below(14), 1 + random.below(255));
        let text = |random: &mut Random| -> Option<Vec<u8>> {
            let length = if round % 3 == 0 { length } else { random.below(length + 1) };
            let is_valid = random.below(7) > 0;
            let begin = std::iter::repeat_n(b'x', alike);
            let end = (0..length).map(|_| (random.below(letters) + round % 2) as u8);
            is_valid.then(|| begin.chain(end).collect())
        };
        let part = |random: &mut Random| -> ArrayRef {
            let rows = [0, 1, 30, 200][random.below(4)];
            let rows: Vec<Option<Vec<u8>>> = (0..rows).map(|_| text(random)).collect();
            texts(rows.iter().map(Option::as_deref).collect())
        };
        let parts: Vec<ArrayRef> = (0..1 + random.below(4)).map(|_| part(&mut random)).collect();
        let whole = concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>()).unwrap();
        let rows = batch(vec![("t", Arc::clone(&whole))]);
        assert_eq!(packed(&rows).unpack(), rows);
        let (from, len) = (whole.len() / 3, whole.len() / 2);
        assert_eq!(packed(&rows).slice(from, len).unpack(), rows.slice(from, len));
        let packed: Vec<PackedColumn> =
            parts.iter().map(|part| PackedColumn::of(part, part.data_type()).unwrap()).collect();
        check_parts(&packed, &whole, &mut random);
    }
}

#[test]
fn texts_of_one_length_come_back_whatever_their_bytes() {
    let mut random = Random(11);
    for length in 1..=12 {
        for letters in [&b"0123456789"[..], b"ab", b"\0a", b"\xff\0\x80"] {
            let mut text =
                || -> Vec<u8> { (0..length).map(|_| letters[random.below(letters.len())]).collect() };
            let values: Vec<Vec<u8>> = (0..200).map(|_| text()).collect();
            let column: ArrayRef = Arc::new(BinaryViewArray::from_iter_values(&values));
            let back = packed(&batch(vec![("t", Arc::clone(&column))])).unpack();
            assert_eq!(shown(back.column(0)), shown(&column), "{length} of {letters:?}");
        }
    }
}

#[test]
fn a_null_beside_texts_is_a_text_too() {
    // Without the bits in which é and Ĩ differ they are no UTF-8.
    let alike =
        texts((0..100).map(|row| Some(if row % 2 == 0 { "é".as_bytes() } else { "Ĩ".as_bytes() })).collect());
    let (alike, nulls) = (cast(&alike, &DataType::Utf8View).unwrap(), texts(vec![None; 3]));
    let nulls = cast(&nulls, &DataType::Utf8View).unwrap();
    let parts = [&alike, &nulls].map(|part| PackedColumn::of(part, &DataType::Utf8View).unwrap());
    let both = PackedColumn::concat(&[&parts[1], &parts[0]]).unwrap();
    assert!(both.as_array().is_none());
    let both = both.to_array();
    assert_eq!(both.as_string_view().views().len(), 103);
    assert!(
        both.as_string_view().views()[..3]
            .iter()
            .all(|view| both.as_string_view().views()[3..].contains(view))
    );
    both.to_data().validate_full().unwrap();
}

#[test]
fn a_row_of_no_number_is_a_text_too() {
    let alike: Vec<Option<&[u8]>> = (0..10).map(|row| Some(["é", "Ĩ"][row % 2].as_bytes())).collect();
    let alike = cast(&texts(alike), &DataType::Utf8View).unwrap();
    let packed = PackedColumn::of(&alike, &DataType::Utf8View).unwrap();
    assert!(packed.as_array().is_none());
    // The number of a row that is none may be any.
    let rows = UInt32Array::new(vec![1, u32::MAX, 0].into(), Some(vec![true, false, true].into()));
    let taken = packed.take(&rows).unwrap();
    let expected: ArrayRef = Arc::new(StringViewArray::from(vec![Some("Ĩ"), None, Some("é")]));
    assert_eq!(shown(&taken), shown(&expected));
    taken.to_data().validate_full().unwrap();
    for view in taken.as_string_view().views() {
        assert!(std::str::from_utf8(&view.to_le_bytes()[4..][..*view as u32 as usize]).is_ok());
    }
}

#[test]
fn bounds_are_the_least_and_the_largest_on_any_processor() {
    let mut random = Random(13);
    for rows in [0, 1, 2, 3, 7, 8, 33, 1_000] {
        let signed: Vec<i64> = (0..rows).map(|_| random.next() as i64).collect();
        let expected = signed.iter().min().copied().zip(signed.iter().max().copied());
        assert_eq!((bounds::bounds(&signed), bounds::plainly(&signed)), (expected, expected));
        let unsigned: Vec<u64> = signed.iter().map(|number| *number as u64).collect();
        let expected = unsigned.iter().min().copied().zip(unsigned.iter().max().copied());
        assert_eq!((bounds::bounds(&unsigned), bounds::plainly(&unsigned)), (expected, expected));
    }
}
