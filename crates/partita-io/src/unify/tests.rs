//! Tests of schema unification and of the conversions it asks for.

use arrow::array::{
    Date32Array, DictionaryArray, Float32Array, Float64Array, Int8Array, Int32Array, Int64Array, ListArray,
    StringArray, StringViewArray, TimestampMillisecondArray, UInt32Array,
};
use arrow::datatypes::{Int32Type, TimeUnit};

use super::*;

fn schema(fields: &[(&str, DataType)]) -> Schema {
    Schema::new(
        fields
            .iter()
            .map(|(name, data_type)| Field::new(*name, data_type.clone(), false))
            .collect::<Vec<_>>(),
    )
}

fn unified(schemas: &[Schema], extra: ExtraColumns) -> Result<SchemaRef> {
    let paths: Vec<_> =
        (0..schemas.len()).map(|index| std::path::PathBuf::from(format!("file{index}"))).collect();
    unify(paths.iter().map(std::path::PathBuf::as_path).zip(schemas), &[], extra, Widening::default())
}

fn shown(schema: &Schema) -> String {
    let one = |field: &FieldRef| {
        format!("{}:{}{}", field.name(), field.data_type(), if field.is_nullable() { "?" } else { "" })
    };
    schema.fields().iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn columns_are_matched_by_name_and_widened() {
    use DataType::*;
    let first = schema(&[("a", Int32), ("b", Utf8), ("c", Float32)]);
    let second = schema(&[("c", Float64), ("a", Int64)]);
    let joined = unified(&[first.clone(), second], ExtraColumns::Error).unwrap();
    assert_eq!(shown(&joined), "a:Int64 b:Utf8? c:Float64");
    let extra = schema(&[("a", Int8), ("b", LargeUtf8), ("c", Float32), ("d", Boolean)]);
    let both = [first, extra];
    assert_eq!(
        shown(&unified(&both, ExtraColumns::Union).unwrap()),
        "a:Int32 b:Utf8View c:Float32 d:Boolean?"
    );
    assert_eq!(shown(&unified(&both, ExtraColumns::Ignore).unwrap()), "a:Int32 b:Utf8View c:Float32");
    let error = unified(&both, ExtraColumns::Error).unwrap_err().to_string();
    assert!(error.contains("`d`") && error.contains("`file1`") && error.contains("`file0`"), "{error}");
}

#[test]
fn errors_name_both_files_and_both_types() {
    use DataType::*;
    let files = [schema(&[("a", Int32)]), schema(&[("a", Int64)]), schema(&[("a", Utf8)])];
    let error = unified(&files, ExtraColumns::Error).unwrap_err().to_string();
    // The type that clashes came from the second file.
    for part in ["`a`", "Int64", "`file1`", "Utf8", "`file2`"] {
        assert!(error.contains(part), "{error}");
    }
    let twice = schema(&[("a", Int32), ("a", Int32)]);
    assert!(unified(&[twice], ExtraColumns::Error).unwrap_err().to_string().contains("two columns"));
    let partition: FieldRef = Arc::new(Field::new("a", Int64, true));
    let error = unify([(Path::new("f"), &files[0])], &[partition], ExtraColumns::Error, Widening::default());
    assert!(error.unwrap_err().to_string().contains("names of directories"));
    assert!(unified(&[], ExtraColumns::Error).is_err());
}

#[test]
fn common_types_by_hand() {
    use DataType::*;
    let common = |a: DataType, b: DataType| {
        let there = common_type(&a, &b, Widening::default());
        assert_eq!(there, common_type(&b, &a, Widening::default()), "{a} {b}");
        there
    };
    assert_eq!(common(UInt8, Int8), Some(Int16));
    assert_eq!(common(UInt32, Int8), Some(Int64));
    assert_eq!(common(UInt64, Int64), None);
    assert_eq!(common(UInt16, UInt32), Some(UInt32));
    assert_eq!(common(Int64, Float64), None);
    assert_eq!(common_type(&Int64, &Float64, Widening { int_to_float: true }), Some(Float64));
    assert_eq!(common_type(&Int64, &Utf8, Widening { int_to_float: true }), None);
    assert_eq!(common(Null, Boolean), Some(Boolean));
    assert_eq!(common(Decimal128(10, 2), Decimal128(10, 4)), Some(Decimal128(12, 4)));
    assert_eq!(common(Decimal128(38, 0), Decimal128(38, 10)), Some(Decimal256(48, 10)));
    assert_eq!(common(Decimal256(76, 0), Decimal256(76, 10)), None);
    assert_eq!(common(Utf8, Dictionary(Box::new(Int32), Box::new(Utf8))), Some(Utf8));
    assert_eq!(
        common(Timestamp(TimeUnit::Second, None), Timestamp(TimeUnit::Microsecond, None)),
        Some(Timestamp(TimeUnit::Microsecond, None))
    );
    assert_eq!(
        common(Timestamp(TimeUnit::Second, None), Timestamp(TimeUnit::Second, Some("UTC".into()))),
        None
    );
    assert_eq!(common(Date32, Int32), None);
    assert_eq!(common(Boolean, Int8), None);
    let list = |item| List(Arc::new(Field::new("item", item, true)));
    assert_eq!(common(list(Int8), list(Int32)), Some(list(Int32)));
    assert_eq!(common(list(Int8), list(Utf8)), None);
}

#[test]
fn values_survive_widening() {
    let int: ArrayRef = Arc::new(Int32Array::from(vec![Some(-7), None]));
    assert_eq!(widen(&int, &DataType::Int64).unwrap().as_ref(), &Int64Array::from(vec![Some(-7), None]));
    let unsigned: ArrayRef = Arc::new(UInt32Array::from(vec![u32::MAX]));
    assert_eq!(widen(&unsigned, &DataType::Int64).unwrap().as_ref(), &Int64Array::from(vec![4294967295]));
    let float: ArrayRef = Arc::new(Float32Array::from(vec![0.5]));
    assert_eq!(widen(&float, &DataType::Float64).unwrap().as_ref(), &Float64Array::from(vec![0.5]));
    let text = StringViewArray::from(vec![Some("a"), None, Some("a long text that is not inlined")]);
    let plain: ArrayRef =
        Arc::new(StringArray::from(vec![Some("a"), None, Some("a long text that is not inlined")]));
    assert_eq!(widen(&plain, &DataType::Utf8View).unwrap().as_ref(), &text);
    let dictionary: ArrayRef = Arc::new(
        [Some("a"), None, Some("a long text that is not inlined")]
            .into_iter()
            .collect::<DictionaryArray<Int32Type>>(),
    );
    assert_eq!(widen(&dictionary, &DataType::Utf8View).unwrap().as_ref(), &text);
    let late: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![i64::MAX]));
    assert!(widen(&late, &DataType::Timestamp(TimeUnit::Nanosecond, None)).is_err());
    let date: ArrayRef = Arc::new(Date32Array::from(vec![1]));
    assert_eq!(widen(&date, &DataType::Date32).unwrap().as_ref(), &Date32Array::from(vec![1]));
}

#[test]
fn nested_columns_are_widened_by_name() {
    let inner = StructArray::from(vec![(
        Arc::new(Field::new("x", DataType::Int8, true)),
        Arc::new(Int8Array::from(vec![Some(1), None])) as ArrayRef,
    )]);
    let from = DataType::Struct(inner.fields().clone());
    let wide = DataType::Struct(
        vec![Field::new("y", DataType::Utf8View, true), Field::new("x", DataType::Int32, true)].into(),
    );
    let to = common_type(&wide, &from, Widening::default()).unwrap();
    assert_eq!(to, wide);
    let array: ArrayRef = Arc::new(inner);
    let widened = widen(&array, &to).unwrap();
    assert_eq!(widened.as_struct().column(1).as_ref(), &Int32Array::from(vec![Some(1), None]));
    assert_eq!(widened.as_struct().column(0).null_count(), 2);

    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]));
    let to = DataType::List(Arc::new(Field::new("item", DataType::Int64, true)));
    let expected = ListArray::from_iter_primitive::<arrow::datatypes::Int64Type, _, _>([
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]);
    assert_eq!(widen(&list, &to).unwrap().as_ref(), &expected);
}
