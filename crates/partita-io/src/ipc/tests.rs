//! Tests of the IPC reader against the arrow crate's own writer, and against every kind of damage.

use std::path::{Path, PathBuf};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Int32Array, Int64Array, LargeStringArray,
    ListArray, NullArray, RecordBatch, StringArray, StructArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};

use super::*;
use crate::{Call, Fault, Faulty, FileSystem, Limits, ListingOptions, Local, Reserve};

fn context(files: Arc<dyn FileSystem>) -> ReadContext {
    ReadContext::new(files)
}

fn open(path: &Path, options: &IpcOptions, context: &ReadContext) -> Result<Arc<dyn Source>> {
    super::open(Listing::open(path, &ListingOptions::ipc(), &Local)?, options, context)
}

fn read_all(source: &dyn Source, request: &ScanRequest, context: &ReadContext) -> Result<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    for split in source.splits(request, context)? {
        let mut reader = source.read(&split, request, context)?;
        while let Some(batch) = reader.next_batch()? {
            assert!(batch.num_rows() <= request.batch_rows);
            batches.push(batch);
        }
    }
    Ok(batches)
}

fn read(path: &Path) -> Result<RecordBatch> {
    let context = context(Arc::new(Local));
    let source = open(path, &IpcOptions::default(), &context)?;
    let batches = read_all(&*source, &ScanRequest::default(), &context)?;
    Ok(concat_batches(source.schema(), &batches).unwrap())
}

/// `count` rows from `first` on, in columns of many kinds.
fn batch(first: i32, count: i32) -> RecordBatch {
    let rows = || first..first + count;
    let text = |row: i32| (row % 3 != 0).then(|| format!("text number {row}, too long to be inlined"));
    let integers: ArrayRef =
        Arc::new(rows().map(|row| (row % 5 != 0).then_some(row)).collect::<Int32Array>());
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(
        rows().map(|row| (row % 4 != 0).then(|| (0..row % 3).map(Some).collect::<Vec<_>>())),
    );
    let structs = StructArray::from(vec![
        (Arc::new(Field::new("i", DataType::Int32, true)), integers.clone()),
        (
            Arc::new(Field::new("t", DataType::Utf8, true)),
            Arc::new(rows().map(text).collect::<StringArray>()) as ArrayRef,
        ),
    ]);
    let dictionary: DictionaryArray<Int32Type> =
        rows().map(|row| ["a", "b", "c"].get(row as usize % 4).copied()).collect();
    RecordBatch::try_from_iter_with_nullable([
        ("i", integers, true),
        ("t", Arc::new(rows().map(text).collect::<StringArray>()) as ArrayRef, true),
        ("large", Arc::new(rows().map(text).collect::<LargeStringArray>()), true),
        ("flag", Arc::new(rows().map(|row| Some(row % 2 == 0)).collect::<BooleanArray>()), true),
        ("d", Arc::new(dictionary), true),
        ("l", Arc::new(lists), true),
        ("s", Arc::new(structs), true),
        ("n", Arc::new(NullArray::new(count as usize)), true),
    ])
    .unwrap()
}

/// A batch whose file is short, for damaging it at every byte.
fn small() -> RecordBatch {
    batch(0, 3).project(&[0, 1, 4]).unwrap()
}

fn options(compression: Option<CompressionType>) -> IpcWriteOptions {
    IpcWriteOptions::default().try_with_compression(compression).unwrap()
}

fn file_bytes(batches: &[RecordBatch], compression: Option<CompressionType>) -> Vec<u8> {
    let schema = batches[0].schema();
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &schema, options(compression)).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

fn stream_bytes(batches: &[RecordBatch], compression: Option<CompressionType>) -> Vec<u8> {
    let schema = batches[0].schema();
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &schema, options(compression)).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

struct Case {
    directory: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        Case { directory: tempfile::tempdir().unwrap() }
    }
    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// Compares values, whatever the types of text.
fn assert_same(read: &RecordBatch, written: &RecordBatch) {
    assert_eq!(read.num_rows(), written.num_rows());
    for (index, field) in read.schema().fields().iter().enumerate() {
        let expected = written.column_by_name(field.name()).unwrap();
        let expected = crate::unify::widen(expected, field.data_type()).unwrap();
        assert_eq!(read.column(index).to_data(), expected.to_data(), "{}", field.name());
    }
}

#[test]
fn files_and_streams_of_every_compression_read_back() {
    let case = Case::new();
    // The dictionary is the same in all batches, as the file format demands.
    let batches = [batch(0, 50), batch(50, 1), batch(51, 100)];
    let whole = concat_batches(&batches[0].schema(), &batches).unwrap();
    for compression in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
        for bytes in [
            file_bytes(&[whole.slice(0, 60), whole.slice(60, 91)], compression),
            stream_bytes(&batches, compression),
        ] {
            let read = read(&case.file("x.arrow", &bytes)).unwrap();
            assert_same(&read, &whole);
            let kinds: Vec<_> =
                read.schema().fields().iter().map(|field| field.data_type().to_string()).collect();
            assert_eq!(kinds[1..5], ["Utf8View", "Utf8View", "Boolean", "Dictionary(Int32, Utf8)"]);
        }
    }
}

#[test]
fn dictionaries_of_a_stream_may_be_replaced_between_batches() {
    let one = |values: &[&str]| {
        let column: DictionaryArray<Int32Type> = values.iter().copied().collect();
        RecordBatch::try_from_iter([("d", Arc::new(column) as ArrayRef)]).unwrap()
    };
    let bytes = stream_bytes(&[one(&["a", "b"]), one(&["x", "y", "x"])], None);
    let case = Case::new();
    let path = case.file("x.arrows", &bytes);
    let context = context(Arc::new(Local));
    // Each batch is a split of its own, so the second reader has not seen what the first one read.
    let options = IpcOptions { split_bytes: 1, ..IpcOptions::default() };
    let source = open(&path, &options, &context).unwrap();
    let batches = read_all(&*source, &ScanRequest::default(), &context).unwrap();
    let texts: Vec<String> = batches
        .iter()
        .flat_map(|batch| {
            let text = arrow::compute::cast(batch.column(0), &DataType::Utf8).unwrap();
            text.as_string::<i32>().iter().map(|value| value.unwrap().to_string()).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(texts, ["a", "b", "x", "y", "x"]);
}

#[test]
fn splits_and_projections_do_not_change_what_is_read() {
    let case = Case::new();
    let whole = batch(0, 1000);
    let pieces: Vec<_> = (0..10).map(|piece| whole.slice(piece * 100, 100)).collect();
    case.file("d/k=1/a.arrow", &file_bytes(&pieces[..4], Some(CompressionType::LZ4_FRAME)));
    case.file("d/k=1/b.arrow", &file_bytes(&pieces[4..5], None));
    case.file("d/k=2/c.arrow", &file_bytes(&pieces[5..], None));
    let context = context(Arc::new(Local));
    let path = case.directory.path().join("d");
    let mut counts = Vec::new();
    for split_bytes in [1, 30_000, 1 << 30] {
        let source = open(&path, &IpcOptions { split_bytes, ..IpcOptions::default() }, &context).unwrap();
        assert_eq!(source.statistics().rows, Some(1000));
        let splits = source.splits(&ScanRequest::default(), &context).unwrap();
        assert_eq!(splits.iter().map(|split| split.rows.unwrap()).sum::<u64>(), 1000);
        counts.push(splits.len());
        let request =
            ScanRequest { projection: Some(vec![8, 6, 0]), batch_rows: 64, ..ScanRequest::default() };
        let batches = read_all(&*source, &request, &context).unwrap();
        let read = concat_batches(&batches[0].schema(), &batches).unwrap();
        let keys: Vec<i64> = read.column(0).as_primitive::<Int64Type>().values().to_vec();
        assert_eq!(keys, [vec![1; 500], vec![2; 500]].concat());
        assert_same(&read.project(&[1, 2]).unwrap(), &whole);
        let count = ScanRequest { projection: Some(vec![]), ..ScanRequest::default() };
        let rows: usize =
            read_all(&*source, &count, &context).unwrap().iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows, 1000);
    }
    assert!(counts[0] == 10 && counts[1] < 10 && counts[1] > 1 && counts[2] == 1, "{counts:?}");
    // Directories that cannot match are not read.
    let source = open(&path, &IpcOptions::default(), &context).unwrap();
    let literals = Arc::new(Int64Array::from(vec![2]));
    let prune = vec![crate::Prune { column: 8, compare: crate::Compare::Equal, literals }];
    let splits = source.splits(&ScanRequest { prune, ..ScanRequest::default() }, &context).unwrap();
    assert_eq!(splits.iter().map(|split| split.rows.unwrap()).sum::<u64>(), 500);
}

#[test]
fn every_cut_is_an_error() {
    let case = Case::new();
    for bytes in [
        file_bytes(&[small(), small()], Some(CompressionType::LZ4_FRAME)),
        stream_bytes(&[small(), small()], None),
    ] {
        assert!(read(&case.file("x.arrow", &bytes)).is_ok());
        for len in 0..bytes.len() {
            let error = read(&case.file("x.arrow", &bytes[..len])).expect_err("a cut file").to_string();
            assert!(error.contains("x.arrow"), "{error}");
        }
        let more = [bytes.as_slice(), b"more"].concat();
        assert!(read(&case.file("x.arrow", &more)).is_err());
    }
}

#[test]
fn every_flipped_bit_is_an_error_or_a_batch() {
    let case = Case::new();
    std::panic::set_hook(Box::new(|_| {}));
    let lz4 = file_bytes(&[small()], Some(CompressionType::LZ4_FRAME));
    let zstd = stream_bytes(&[small()], Some(CompressionType::ZSTD));
    for good in [file_bytes(&[small()], None), lz4, zstd] {
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (at % 8);
            // A value may have changed, which nothing in the format tells; what matters is no panic.
            if let Err(error) = read(&case.file("x.arrow", &bytes)) {
                assert!(error.to_string().contains("x.arrow"), "{error}");
            }
        }
    }
    let _ = std::panic::take_hook();
}

/// A budget that remembers its peak.
#[derive(Debug)]
struct Budget {
    limit: usize,
    used: std::sync::Mutex<usize>,
}

impl Reserve for Budget {
    fn reserve(&self, bytes: usize) -> Result<()> {
        let mut used = self.used.lock().unwrap();
        if *used + bytes > self.limit {
            return Err(Error::memory(format!("{bytes} bytes more than {} of {}", *used, self.limit)));
        }
        *used += bytes;
        Ok(())
    }
    fn release(&self, bytes: usize) {
        *self.used.lock().unwrap() -= bytes;
    }
}

#[test]
fn bombs_are_errors_and_the_budget_is_given_back() {
    let case = Case::new();
    let zeros: ArrayRef = Arc::new(Int64Array::from(vec![0; 16 << 20]));
    let bomb = RecordBatch::try_from_iter([("z", zeros)]).unwrap();
    for compression in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
        let path = case.file("x.arrow", &file_bytes(std::slice::from_ref(&bomb), Some(compression)));
        let limits = Limits { decompression_ratio: 50, ..Limits::default() };
        let tight = ReadContext { limits, ..context(Arc::new(Local)) };
        let source = open(&path, &IpcOptions::default(), &tight).unwrap();
        let error = read_all(&*source, &ScanRequest::default(), &tight).unwrap_err().to_string();
        assert!(error.contains("decompression_ratio"), "{error}");

        let budget = Arc::new(Budget { limit: 100 << 20, used: Default::default() });
        let limits = Limits { decompression_ratio: 1 << 20, ..Limits::default() };
        let context = ReadContext { limits, memory: budget.clone(), ..context(Arc::new(Local)) };
        let error = read_all(&*source, &ScanRequest::default(), &context).unwrap_err();
        assert!(error.to_string().contains("bytes more"), "{error}");
        assert_eq!(*budget.used.lock().unwrap(), 0);
    }
    // A frame that decompresses to more than was declared: the declared length of a long buffer is set to 8.
    let bytes = file_bytes(&[bomb.slice(0, 4 << 20)], Some(CompressionType::LZ4_FRAME));
    let declared = (32u64 << 20).to_le_bytes();
    let at = bytes.windows(8).rposition(|window| window == declared).unwrap();
    let mut lying = bytes;
    lying[at..at + 8].copy_from_slice(&8u64.to_le_bytes());
    let error = read(&case.file("x.arrow", &lying)).unwrap_err().to_string();
    assert!(error.contains("may hold"), "{error}");
}

#[test]
fn what_is_not_ipc_says_so() {
    let case = Case::new();
    for (content, part) in [
        (b"".as_slice(), "empty"),
        (b"a,b\n1,2\n", "neither an Arrow IPC file nor a stream"),
        (b"FEA1....", "Feather version 1"),
        (b"ARROW1\0\0", "cut off"),
        (b"PAR1\0\0\0\0\0\0\0\0PAR1", "neither"),
    ] {
        let error = read(&case.file("x.arrow", content)).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("x.arrow"), "{error}");
    }
}

#[test]
fn every_failing_call_is_an_error_and_interruptions_are_not() {
    let case = Case::new();
    let written = batch(0, 30);
    let path = case.file("x.arrow", &file_bytes(&[written.slice(0, 10), written.slice(10, 20)], None));
    let faulty = Faulty::new(Arc::new(Local));
    let context = context(Arc::new(faulty.clone()));
    let run = || {
        let source = open(&path, &IpcOptions::default(), &context)?;
        let batches = read_all(&*source, &ScanRequest::default(), &context)?;
        Ok::<_, Error>(concat_batches(source.schema(), &batches).unwrap())
    };
    run().unwrap();
    for nth in 0..faulty.count(None) {
        faulty.heal();
        faulty.fail_once(None, nth, Fault::Broken);
        let error = run().unwrap_err();
        assert!(error.system_error().is_some() && error.path().is_some(), "{nth}: {error}");
        for fault in [Fault::Interrupted, Fault::Short] {
            faulty.heal();
            faulty.fail_once(None, nth, fault);
            assert_same(&run().unwrap(), &written);
        }
    }
    assert!(faulty.count(Call::Read) > 4);
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    let case = Case::new();
    let path = case.file("x.arrow", &file_bytes(&[batch(0, 30)], None));
    let context = context(Arc::new(Local));
    let source = open(&path, &IpcOptions::default(), &context).unwrap();
    case.file("x.arrow", &file_bytes(&[batch(0, 31)], None));
    let error = read_all(&*source, &ScanRequest::default(), &context).unwrap_err().to_string();
    assert!(error.contains("changed while it was read"), "{error}");
}

#[test]
fn files_with_different_schemas_are_joined() {
    let case = Case::new();
    let narrow =
        RecordBatch::try_from_iter([("a", Arc::new(Int32Array::from(vec![1, 2])) as ArrayRef)]).unwrap();
    let wide = RecordBatch::try_from_iter([
        ("b", Arc::new(StringArray::from(vec!["x"])) as ArrayRef),
        ("a", Arc::new(Int64Array::from(vec![1 << 40])) as ArrayRef),
    ])
    .unwrap();
    case.file("d/1.arrow", &file_bytes(&[narrow], None));
    case.file("d/2.arrow", &stream_bytes(&[wide], None));
    let context = context(Arc::new(Local));
    let path = case.directory.path().join("d");
    let error = open(&path, &IpcOptions::default(), &context).unwrap_err().to_string();
    assert!(error.contains("`b`"), "{error}");
    let options = IpcOptions { extra_columns: ExtraColumns::Union, ..IpcOptions::default() };
    let source = open(&path, &options, &context).unwrap();
    let batches = read_all(&*source, &ScanRequest::default(), &context).unwrap();
    let read = concat_batches(source.schema(), &batches).unwrap();
    assert_eq!(read.column(0).as_primitive::<Int64Type>().values(), &[1, 2, 1 << 40]);
    assert_eq!(read.column(1).as_string_view().iter().collect::<Vec<_>>(), [None, None, Some("x")]);
}
