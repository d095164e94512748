//! How fast Parquet is decoded on one thread: all columns, two columns, and with filters of several shares,
//! beside the `parquet` crate's own reader.
//!
//! `cargo run --release -p partita-io --example parquet_speed [ROWS] [FILE]` writes FILE first if it is not
//! there: the columns of the h2o group-by table.
#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use partita_io::parquet::ParquetOptions;
use partita_io::{Listing, ListingOptions, Local, ReadContext, RowFilter, ScanRequest};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let rows: u64 = arguments.next().map_or(Ok(10_000_000), |rows| rows.parse())?;
    let path = arguments.next().unwrap_or_else(|| format!("/tmp/h2o_{rows}.parquet"));
    let path = Path::new(&path);
    if !path.exists() {
        generate(path, rows)?;
    }
    let context = ReadContext::new(Arc::new(Local));
    let listing = Listing::open(path.to_path_buf(), &ListingOptions::new(["parquet"]), &Local)?;
    let source = partita_io::parquet::open(listing, &ParquetOptions::default(), &context)?;
    let scan = |name: &str, request: ScanRequest| -> Outcome<()> {
        let mut best = f64::MAX;
        let mut count = 0;
        for _ in 0..3 {
            let start = Instant::now();
            count = 0;
            for split in source.splits(&request, &context)? {
                let mut reader = source.read(&split, &request, &context)?;
                while let Some(batch) = reader.next_batch()? {
                    count += batch.num_rows();
                }
            }
            best = best.min(start.elapsed().as_secs_f64());
        }
        println!("{name:<28} {best:6.3} s  {:7.1} M rows/s  {count} rows", rows as f64 / best / 1e6);
        Ok(())
    };
    let all = ScanRequest::default();
    scan("all 9 columns", all.clone())?;
    plain("all 9 columns, parquet crate", path, rows, None)?;
    for column in 0..9 {
        let request = ScanRequest { projection: Some(vec![column]), ..all.clone() };
        scan(&format!("only {}", source.schema().field(column).name()), request)?;
    }
    scan("id3, v3", ScanRequest { projection: Some(vec![2, 8]), ..all.clone() })?;
    plain("id3, v3, parquet crate", path, rows, Some([2, 8]))?;
    for (share, modulus) in [("0.01 %", 10_000), ("1 %", 100), ("10 %", 10), ("50 %", 2), ("100 %", 1)] {
        let filter = || Arc::new(EveryNth { modulus });
        scan(&format!("all, {share} pass"), ScanRequest { filter: Some(filter()), ..all.clone() })?;
        let two = ScanRequest { projection: Some(vec![0, 8]), ..all.clone() };
        scan(&format!("id1 v3, {share} pass"), ScanRequest { filter: Some(filter()), ..two })?;
    }
    Ok(())
}

/// Keeps rows whose `id6` is a multiple of something.
#[derive(Debug)]
struct EveryNth {
    modulus: i64,
}

impl RowFilter for EveryNth {
    fn columns(&self) -> &[usize] {
        &[5]
    }
    fn keep(&self, batch: &RecordBatch) -> partita_io::Result<BooleanArray> {
        let ids = batch.column(0).as_primitive::<Int64Type>();
        Ok(BooleanArray::from_unary(ids, |id| id % self.modulus == 0))
    }
}

fn plain(name: &str, path: &Path, rows: u64, columns: Option<[usize; 2]>) -> Outcome<()> {
    let mut best = f64::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
        let view = |field: &Arc<Field>| match field.data_type() {
            DataType::Utf8 => Field::clone(field).with_data_type(DataType::Utf8View),
            _ => Field::clone(field),
        };
        let schema = Schema::new(builder.schema().fields().iter().map(view).collect::<Vec<_>>());
        let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
        let mut builder = ParquetRecordBatchReaderBuilder::try_new_with_options(File::open(path)?, options)?
            .with_batch_size(16_384);
        if let Some(columns) = columns {
            let mask = parquet::arrow::ProjectionMask::roots(builder.parquet_schema(), columns);
            builder = builder.with_projection(mask);
        }
        let mut count = 0;
        for batch in builder.build()? {
            count += batch?.num_rows();
        }
        assert_eq!(count as u64, rows);
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{name:<28} {best:6.3} s  {:7.1} M rows/s", rows as f64 / best / 1e6);
    Ok(())
}

/// A number that looks random.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn batch(from: u64, to: u64, groups: u64, rows: u64) -> Outcome<RecordBatch> {
    let random = |column: u64, row: u64, most: u64| mix(row * 16 + column) % most;
    let text = |column: u64, width: usize, most: u64| -> ArrayRef {
        let values = (from..to).map(|row| format!("id{:0width$}", random(column, row, most) + 1));
        Arc::new(StringArray::from_iter_values(values))
    };
    let int = |column: u64, most: u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values((from..to).map(|row| random(column, row, most) as i64 + 1)))
    };
    let float: ArrayRef = Arc::new(Float64Array::from_iter_values(
        (from..to).map(|row| random(8, row, 100_000_000) as f64 / 1e6),
    ));
    let large = (rows / groups).max(1);
    Ok(RecordBatch::try_from_iter([
        ("id1", text(0, 3, groups)),
        ("id2", text(1, 3, groups)),
        ("id3", text(2, 10, large)),
        ("id4", int(3, groups)),
        ("id5", int(4, groups)),
        ("id6", int(5, large)),
        ("v1", int(6, 5)),
        ("v2", int(7, 15)),
        ("v3", float),
    ])?)
}

fn generate(path: &Path, rows: u64) -> Outcome<()> {
    let first = batch(0, 1, 100, rows)?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(File::create(path)?, first.schema(), Some(properties))?;
    let mut from = 0;
    while from < rows {
        let to = rows.min(from + 100_000);
        writer.write(&batch(from, to, 100, rows)?)?;
        from = to;
    }
    writer.close()?;
    Ok(())
}
