//! Tests of the NDJSON reader: values by hand and against serde_json, cuts, bad rows, hostile lines.

use arrow::array::{Array, AsArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{
    Date32Type, Decimal128Type, Fields, Float64Type, Int8Type, Int64Type, TimestampMillisecondType,
    UInt64Type,
};
use proptest::prelude::*;

use super::json::{Json, Token};
use super::*;
use crate::{Call, Fault, Faulty, FileSystem, Limits, ListingOptions, Local};

fn context(files: Arc<dyn FileSystem>) -> ReadContext {
    ReadContext::new(files)
}

struct Case {
    directory: tempfile::TempDir,
}

type Read = Result<(RecordBatch, Vec<Notice>)>;

impl Case {
    fn new(content: &[u8]) -> Self {
        let case = Case { directory: tempfile::tempdir().unwrap() };
        case.add("x.ndjson", content);
        case
    }
    fn add(&self, name: &str, content: &[u8]) {
        std::fs::write(self.directory.path().join(name), content).unwrap();
    }
    fn source(&self, options: &NdjsonOptions, context: &ReadContext) -> Result<Arc<dyn Source>> {
        open(Listing::open(self.directory.path(), &ListingOptions::ndjson(), &Local)?, options, context)
    }
    fn read(&self, options: &NdjsonOptions) -> Read {
        self.read_as(options, &ScanRequest::default(), &context(Arc::new(Local)))
    }
    /// As the engine does it: widened once if a type was too narrow.
    fn read_as(&self, options: &NdjsonOptions, request: &ScanRequest, context: &ReadContext) -> Read {
        let source = self.source(options, context)?;
        match all(&*source, request, context) {
            Err(error) if error.is_type_too_narrow() => {
                let (wider, mut notices) = source.widened(request, context)?;
                let (batch, more) = all(&*wider, request, context)?;
                notices.extend(more);
                Ok((batch, notices))
            }
            read => read,
        }
    }
}

fn all(source: &dyn Source, request: &ScanRequest, context: &ReadContext) -> Read {
    let (mut batches, mut notices) = (Vec::new(), Vec::new());
    for split in source.splits(request, context)? {
        let mut reader = source.read(&split, request, context)?;
        while let Some(batch) = reader.next_batch()? {
            batches.push(batch);
        }
        notices.extend(reader.take_notices());
    }
    let schema = batches.first().map_or_else(|| source.schema().clone(), RecordBatch::schema);
    Ok((concat_batches(&schema, &batches).unwrap(), notices))
}

fn types(batch: &RecordBatch) -> String {
    let schema = batch.schema();
    schema.fields().iter().map(|f| format!("{}:{}", f.name(), f.data_type())).collect::<Vec<_>>().join(" ")
}

fn texts(batch: &RecordBatch, column: usize) -> Vec<Option<&str>> {
    batch.column(column).as_string_view().iter().collect()
}

fn given(types: &[(&str, DataType)]) -> NdjsonOptions {
    let types = types.iter().map(|(name, data_type)| (name.to_string(), data_type.clone())).collect();
    NdjsonOptions { types, ..NdjsonOptions::default() }
}

#[test]
fn values_and_types_by_hand() {
    let case = Case::new(
        b"\xef\xbb\xbf{\"i\":1,\"f\":1,\"b\":true,\"t\":\"a\\u00e9\\n\\ud83d\\ude00\",\"l\":[1,null],\"s\":{\"x\":1}}\r\n\
          \n  \n{\"f\":2.5,\"i\":-9223372036854775808,\"t\":null,\"m\":1,\"l\":[],\"s\":{\"y\":\"z\"}}\n\
          {\"m\":\"one\",\"big\":18446744073709551616,\"wide\":9007199254740993,\"n\":null,\"l\":null,\"e\":{}}\n\
          {\"wide\":0.5, \"m\" : [1, {\"a\" : 2}] ,\"b\":false}",
    );
    let (batch, notices) = case.read(&NdjsonOptions::default()).unwrap();
    assert!(notices.is_empty());
    assert!(types(&batch).starts_with("i:Int64 f:Float64 b:Boolean t:Utf8View l:List("), "{}", types(&batch));
    assert_eq!(batch.num_rows(), 4);
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let ints: Vec<_> = column("i").as_primitive::<Int64Type>().iter().collect();
    assert_eq!(ints, [Some(1), Some(i64::MIN), None, None]);
    let floats: Vec<_> = column("f").as_primitive::<Float64Type>().iter().collect();
    assert_eq!(floats, [Some(1.0), Some(2.5), None, None]);
    assert_eq!(column("b").as_boolean().iter().collect::<Vec<_>>(), [Some(true), None, None, Some(false)]);
    let text = |name: &str| column(name).as_string_view().iter().collect::<Vec<_>>();
    assert_eq!(text("t"), [Some("aé\n😀"), None, None, None]);
    assert_eq!(text("m"), [None, Some("1"), Some("one"), Some("[1, {\"a\" : 2}]")]);
    assert_eq!(text("big"), [None, None, Some("18446744073709551616"), None]);
    assert_eq!(text("wide"), [None, None, Some("9007199254740993"), Some("0.5")]);
    assert_eq!(text("n"), [None; 4]);
    assert_eq!(text("e"), [None, None, Some("{}"), None]);
    let lists = column("l").as_list::<i32>();
    assert_eq!(lists.value_offsets(), [0, 2, 2, 2, 2]);
    assert_eq!((lists.is_null(1), lists.is_null(2)), (false, true));
    assert_eq!(lists.values().as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(1), None]);
    let structs = column("s").as_struct();
    assert_eq!(structs.column(0).as_primitive::<Int64Type>().iter().next(), Some(Some(1)));
    assert_eq!(structs.column(1).as_string_view().iter().collect::<Vec<_>>(), [None, Some("z"), None, None]);
    assert!(structs.is_null(2));
}

/// Rows with strings that hold escaped newlines, and their numbers.
fn numbered(rows: usize) -> Vec<u8> {
    let row = |i| format!("{{\"i\":{i},\"t\":\"{}\\n{{\"}}\n", "x".repeat(i % 7));
    (0..rows).flat_map(|i| row(i).into_bytes()).collect()
}

#[test]
fn every_cut_gives_the_same_rows() {
    let content = numbered(20);
    for content in [content.clone(), content[..content.len() - 1].to_vec()] {
        let case = Case::new(&content);
        for split_bytes in 1..content.len() as u64 + 1 {
            let options = NdjsonOptions { split_bytes, ..NdjsonOptions::default() };
            let request = ScanRequest { batch_rows: 3, ..ScanRequest::default() };
            let (batch, _) = case.read_as(&options, &request, &context(Arc::new(Local))).unwrap();
            assert_eq!(
                batch.column(0).as_primitive::<Int64Type>().values().to_vec(),
                (0..20).collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn errors_name_the_line_however_the_file_is_cut() {
    let mut content = numbered(20);
    let at = content.len();
    content.extend_from_slice(b"{\"i\":oops}\n");
    content.extend(numbered(3));
    let case = Case::new(&content);
    for split_bytes in [1, 10, 17, at as u64, 1 << 20] {
        let options = NdjsonOptions { split_bytes, infer_rows: 5, ..NdjsonOptions::default() };
        let error = case.read(&options).unwrap_err().to_string();
        assert!(error.contains("line 21,") && error.contains(&format!("byte {}", at + 5)), "{error}");
        assert!(error.contains("x.ndjson") && error.contains("not JSON"), "{error}");
    }
}

#[test]
fn types_widen_instead_of_failing() {
    let content = b"{\"a\":1,\"l\":[1],\"n\":null}\n{\"a\":2.5,\"l\":[\"x\"],\"n\":7}\n";
    let options = NdjsonOptions { infer_rows: 1, ..NdjsonOptions::default() };
    let (batch, notices) = Case::new(content).read(&options).unwrap();
    let list = DataType::List(Arc::new(Field::new("item", DataType::Utf8View, true)));
    assert_eq!(batch.schema().field(1).data_type(), &list);
    assert_eq!(batch.column(0).as_primitive::<Float64Type>().values(), &[1.0, 2.5]);
    assert_eq!(
        batch.column(1).as_list::<i32>().values().as_string_view().iter().collect::<Vec<_>>(),
        [Some("1"), Some("x")]
    );
    assert_eq!(batch.column(2).as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [None, Some(7)]);
    assert_eq!(notices.len(), 3);
    assert!(
        notices[0].message.contains("`a`") && notices[0].message.contains("Float64"),
        "{}",
        notices[0].message
    );
    let (batch, _) = Case::new(b"{\"a\":1}\n{\"a\":\"x\"}\n").read(&options).unwrap();
    assert_eq!(texts(&batch, 0), [Some("1"), Some("x")]);
}

#[test]
fn given_types_are_exact() {
    let options = given(&[
        ("i", DataType::Int8),
        ("u", DataType::UInt64),
        ("d", DataType::Decimal128(5, 2)),
        ("day", DataType::Date32),
        ("at", DataType::Timestamp(arrow::datatypes::TimeUnit::Millisecond, None)),
        ("absent", DataType::Boolean),
        ("t", DataType::Utf8),
    ]);
    let content = b"{\"i\":-128,\"u\":18446744073709551615,\"d\":1.5,\"day\":\"2013-01-02\",\"at\":\"1970-01-01T00:00:01.5\",\"t\":007e\n";
    // `007e` is no JSON; the row is repaired below.
    assert!(Case::new(content).read(&options).is_err());
    let content = b"{\"i\":-128,\"u\":18446744073709551615,\"d\":1.5,\"day\":\"2013-01-02\",\"at\":\"1970-01-01T00:00:01.5\",\"t\":1e2}\n\
                    {\"d\":\"-999.99\",\"t\":[1,2]}\n";
    let (batch, _) = Case::new(content).read(&options).unwrap();
    let column = |name: &str| batch.column_by_name(name).unwrap();
    assert_eq!(column("i").as_primitive::<Int8Type>().iter().collect::<Vec<_>>(), [Some(-128), None]);
    assert_eq!(column("u").as_primitive::<UInt64Type>().value(0), u64::MAX);
    assert_eq!(column("d").as_primitive::<Decimal128Type>().values(), &[150, -99999]);
    assert_eq!(column("day").as_primitive::<Date32Type>().value(0), 15707);
    assert_eq!(column("at").as_primitive::<TimestampMillisecondType>().value(0), 1500);
    assert_eq!(column("absent").null_count(), 2);
    assert_eq!(column("t").as_string_view().iter().collect::<Vec<_>>(), [Some("1e2"), Some("[1,2]")]);
    for bad in [
        "\"i\":128",
        "\"i\":1.0",
        "\"i\":\"1\"",
        "\"u\":-1",
        "\"u\":18446744073709551616",
        "\"d\":1.005",
        "\"d\":1000",
        "\"day\":\"2013-02-30\"",
        "\"day\":1",
        "\"at\":\"1970-01-01T00:00:00.0001\"",
        "\"absent\":0",
    ] {
        let error = Case::new(format!("{{{bad}}}\n").as_bytes()).read(&options).unwrap_err().to_string();
        assert!(error.contains("is not of the type given") && error.contains("line 1"), "{bad}: {error}");
    }
    let unsupported = given(&[("x", DataType::Interval(arrow::datatypes::IntervalUnit::DayTime))]);
    assert!(Case::new(b"{}\n").read(&unsupported).unwrap_err().to_string().contains("Interval"));
}

#[test]
fn bad_rows_go_where_the_caller_says() {
    let content = b"{\"i\":1,\"t\":\"a\"}\n{\"i\":\"x\",\"t\":\"b\"}\nnonsense\n[1]\n{\"i\":4,\"i\":5}\n{\"i\":6,\"t\":\"\xff\"}\n{\"i\":7}\n";
    let case = Case::new(content);
    let ints = |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().iter().collect::<Vec<_>>();
    let with =
        |bad_rows| NdjsonOptions { bad_rows, ..given(&[("i", DataType::Int64), ("t", DataType::Utf8)]) };
    assert!(case.read(&with(BadRows::Error)).is_err());
    let (batch, notices) = case.read(&with(BadRows::Null)).unwrap();
    assert_eq!(ints(&batch), [Some(1), None, None, None, None, None, Some(7)]);
    assert_eq!(texts(&batch, 1)[..3], [Some("a"), Some("b"), None]);
    assert_eq!((notices.len(), notices[0].rows), (1, 5));
    let (batch, notices) = case.read(&with(BadRows::Skip)).unwrap();
    assert_eq!(ints(&batch), [Some(1), Some(7)]);
    assert_eq!((notices.len(), notices[0].rows), (1, 5));

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rejected.csv");
    for split_bytes in [1, 1 << 20] {
        let options = NdjsonOptions { split_bytes, ..with(BadRows::Reject(path.clone())) };
        let (batch, _) = case.read(&options).unwrap();
        assert_eq!(ints(&batch), [Some(1), Some(7)]);
        let mut reader = csv::Reader::from_path(&path).unwrap();
        let rows: Vec<Vec<String>> =
            reader.records().map(|row| row.unwrap().iter().map(str::to_string).collect()).collect();
        let lines: Vec<_> = rows.iter().map(|row| row[1].as_str()).collect();
        assert_eq!(lines, ["2", "3", "4", "5", "6"]);
        assert!(
            rows[0][0].ends_with("x.ndjson") && rows[0][3] == "i" && rows[0][4] == "\"x\"",
            "{:?}",
            rows[0]
        );
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn unknown_keys_follow_the_policy() {
    let case = Case::new(b"{\"a\":1}\n{\"a\":2,\"b\":3}\n");
    let with = |extra_columns| NdjsonOptions { extra_columns, infer_rows: 1, ..NdjsonOptions::default() };
    let error = case.read(&with(ExtraColumns::Error)).unwrap_err().to_string();
    assert!(error.contains("`b`") && error.contains("line 2"), "{error}");
    let (batch, notices) = case.read(&with(ExtraColumns::Ignore)).unwrap();
    assert_eq!((batch.num_columns(), notices[0].rows), (1, 1));
    let (batch, _) = case.read(&with(ExtraColumns::Union)).unwrap();
    assert_eq!(batch.column(1).as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [None, Some(3)]);
}

#[test]
fn hostile_lines_are_errors() {
    let deep = [vec![b'['; 100_000], vec![b'\n']].concat();
    let nested = format!("{{\"a\":{}1{}}}\n", "[".repeat(100_000), "]".repeat(100_000));
    for (content, part) in [
        (deep, "JSON object"),
        (nested.into_bytes(), "nesting"),
        (b"{\"a\":\"\xc3\x28\"}\n".to_vec(), "UTF-8"),
        (b"{\"a\":\"\\ud800\"}\n".to_vec(), "surrogate"),
        (b"{\"a\":1} {\"a\":2}\n".to_vec(), "followed by something else"),
        (b"{\"a\":NaN}\n".to_vec(), "a value should begin"),
        (b"".to_vec(), "no row"),
    ] {
        let error = Case::new(&content).read(&NdjsonOptions::default()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let long = format!("{{\"a\":\"{}\"}}\n", "x".repeat(1 << 20));
    let limits = Limits { line_bytes: 1000, ..Limits::default() };
    let context = ReadContext { limits, ..context(Arc::new(Local)) };
    let error =
        Case::new(long.as_bytes()).read_as(&NdjsonOptions::default(), &ScanRequest::default(), &context);
    assert!(error.unwrap_err().to_string().contains("line_bytes"));
}

#[test]
fn compressed_and_many_files_in_order() {
    let case = Case::new(b"{\"i\":0}\n");
    let zstd = zstd::stream::encode_all(&b"{\"i\":1}\n{\"i\":2}"[..], 3).unwrap();
    case.add("y.jsonl.zst", &zstd);
    case.add("z.json", b"{\"i\":3}");
    case.add("zz.ndjson", b"");
    for split_bytes in [1, 1 << 20] {
        let options = NdjsonOptions { split_bytes, ..NdjsonOptions::default() };
        let (batch, _) = case.read(&options).unwrap();
        assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &[0, 1, 2, 3]);
    }
}

#[test]
fn every_cut_and_flip_is_rows_or_an_error() {
    let content = b"{\"a\":[1,{\"b\":\"\\u00e9\"}],\"c\":-1.5e3,\"d\":{\"e\":true}}\n{\"c\":2}\n";
    let case = Case::new(content);
    for at in 0..content.len() {
        case.add("x.ndjson", &content[..at]);
        if let Err(error) = case.read(&NdjsonOptions::default()) {
            assert!(
                error.to_string().contains("x.ndjson") || error.to_string().contains("no row"),
                "{error}"
            );
        }
        let mut flipped = content.to_vec();
        flipped[at] ^= 1 << (at % 8);
        case.add("x.ndjson", &flipped);
        let _ = case.read(&NdjsonOptions::default());
    }
}

#[test]
fn every_failing_call_is_an_error_and_interruptions_are_not() {
    let case = Case::new(&numbered(50));
    let faulty = Faulty::new(Arc::new(Local));
    let context = context(Arc::new(faulty.clone()));
    let options = NdjsonOptions { split_bytes: 300, ..NdjsonOptions::default() };
    let run = || case.read_as(&options, &ScanRequest::default(), &context).map(|(batch, _)| batch);
    let whole = run().unwrap();
    assert!(faulty.count(Call::Read) > 3);
    for nth in 0..faulty.count(None) {
        faulty.heal();
        faulty.fail_once(None, nth, Fault::Broken);
        let error = run().unwrap_err();
        assert!(error.system_error().is_some() && error.path().is_some(), "{nth}: {error}");
        for fault in [Fault::Interrupted, Fault::Short] {
            faulty.heal();
            faulty.fail_once(None, nth, fault);
            assert_eq!(run().unwrap(), whole);
        }
    }
}

/// Whether our grammar takes a text whole.
fn accepted(text: &str) -> bool {
    let mut json = Json::new(text, 100);
    json.token().and_then(|token: Token<'_>| json.skip(&token)).and_then(|()| json.end()).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_grammar_is_that_of_serde_json(text in r#"[\[\]{},:"\\ntrufalse0-9.eE+\- ]{0,14}"#) {
        // serde_json refuses numbers beyond float64; what the grammar says of them is the same.
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        let out_of_range = matches!(&theirs, Err(error) if error.to_string().contains("out of range"));
        prop_assert_eq!(accepted(&text), theirs.is_ok() || out_of_range, "{}", text);
    }

    #[test]
    fn strings_read_as_serde_json_wrote_them(text in "\\PC{0,20}|[\u{0}-\u{1f}\"\\\\é😀]{0,8}") {
        let written = serde_json::to_string(&text).unwrap();
        let mut json = Json::new(&written, 100);
        prop_assert_eq!(json.token().unwrap(), Token::Text(text.into()));
    }
}

#[test]
fn a_directory_may_be_named_by_a_path() {
    // The listing decides what is read; a file named directly may have any extension.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rows.log");
    std::fs::write(&path, b"{\"i\":5}\n").unwrap();
    let listing = Listing::open(&path, &ListingOptions::ndjson(), &Local).unwrap();
    let context = context(Arc::new(Local));
    let source = open(listing, &NdjsonOptions::default(), &context).unwrap();
    let (batch, _) = all(&*source, &ScanRequest::default(), &context).unwrap();
    assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &[5]);
}

#[test]
fn all_rows_are_looked_at_alike_on_any_number_of_threads() {
    let lines = (0..300).map(|row| match row {
        200 => "{\"a\": 0.5, \"c\": {\"x\": 1, \"y\": [1]}}\n".to_owned(),
        250 => "{\"b\": \"text\", \"c\": {\"y\": [null, 2.5], \"z\": true}}\n".to_owned(),
        _ => format!("{{\"a\": {row}, \"b\": {row}}}\n"),
    });
    let case = Case::new(lines.collect::<String>().as_bytes());
    let options = |extra_columns| NdjsonOptions {
        extra_columns,
        split_bytes: 100,
        infer_rows: 10,
        ..NdjsonOptions::default()
    };
    let item = |data_type| DataType::List(Arc::new(Field::new("item", data_type, true)));
    let c: Fields = [("x", DataType::Int64), ("y", item(DataType::Float64)), ("z", DataType::Boolean)]
        .map(|(name, data_type)| Field::new(name, data_type, true))
        .into_iter()
        .collect();
    for threads in [1, 2, 5] {
        let mut context = context(Arc::new(Local));
        context.threads = threads;
        let union = case.source(&options(ExtraColumns::Union), &context).unwrap();
        let expected = Schema::new(vec![
            Field::new("a", DataType::Float64, true),
            Field::new("b", DataType::Utf8View, true),
            Field::new("c", DataType::Struct(c.clone()), true),
        ]);
        assert_eq!(**union.schema(), expected);
        let narrow = case.source(&options(ExtraColumns::Ignore), &context).unwrap();
        let (wider, notices) = narrow.widened(&ScanRequest::default(), &context).unwrap();
        let types: Vec<_> = wider.schema().fields().iter().map(|field| field.data_type().clone()).collect();
        assert_eq!(types[..2], [DataType::Float64, DataType::Utf8View]);
        assert_eq!(notices.len(), 2);
    }
}
