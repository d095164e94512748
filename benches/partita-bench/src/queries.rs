//! The queries of all suites but TPC-H, written as a user of Partita would; their SQL is in
//! `benches/peers/suites.py`.

use std::error::Error;
use std::path::Path;

use partita::arrow::array::{Array, AsArray, RecordBatch, UInt32Array};
use partita::arrow::compute::take;
use partita::arrow::datatypes::{Field, Schema};
use partita::io::csv::CsvOptions;
use partita::io::parquet::ParquetOptions;
use partita::io::{ParquetCompression, ParquetWriteOptions, WriteFormat, WriteOptions};
use partita::prelude::*;
use partita::{Report, Table, Written};

use crate::{Arguments, tpch};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What a query gave.
pub(crate) enum Done {
    /// Rows in memory.
    Rows(Rows, Report),
    /// Files.
    Files(Written),
}

impl Done {
    pub(crate) fn report(&self) -> &Report {
        match self {
            Done::Rows(_, report) => report,
            Done::Files(written) => &written.report,
        }
    }
}

/// Rows in memory.
pub(crate) enum Rows {
    /// As Partita gives them.
    Table(Table),
    /// What was made of them.
    Batches(Vec<RecordBatch>),
}

impl Rows {
    /// As Arrow's batches.
    pub(crate) fn to_batches(&self) -> Result<Vec<RecordBatch>> {
        match self {
            Rows::Table(table) => Ok(table.to_batches()?),
            Rows::Batches(batches) => Ok(batches.clone()),
        }
    }
}

/// Runs one query of one suite.
pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Done> {
    let Arguments { data, out, scale, .. } = arguments;
    let (suite, query) = (arguments.suite.as_str(), arguments.query.as_str());
    let read = |name: &str| match suite {
        "csv" => session.read_csv(data.join(format!("{name}.csv")), CsvOptions::default()),
        _ => session.read_parquet(data.join(format!("{name}.parquet")), ParquetOptions::default()),
    };
    let (frame, codec) = match (suite, query) {
        ("sort", "sort_id3_v3") => (read("x").sort_values(["id3", "v3"]), Some(ParquetCompression::Snappy)),
        ("csv", "to_parquet_snappy") => (read("x"), Some(ParquetCompression::Snappy)),
        ("csv", "to_parquet_zstd") => (read("x"), Some(ParquetCompression::Zstd(3))),
        ("csv", "j1") => (join(read, "q1")?, None),
        ("memory", "concat_1000") => (concat_of_files(session, data)?, Some(ParquetCompression::Snappy)),
        ("memory", _) => (memory(&read("x"), query)?, Some(ParquetCompression::Snappy)),
        ("join", _) => (join(read, query)?, None),
        ("groupby" | "csv", _) => (groupby(&read("x"), query)?, None),
        ("tpch", _) => {
            let tables = tpch::Tables { read: &read, scale: *scale };
            (tpch::query(query, &tables).ok_or_else(|| format!("there is no TPC-H {query}"))?, None)
        }
        _ => return Err(format!("there is no suite {suite}").into()),
    };
    if let Some(compression) = codec {
        let format =
            WriteFormat::Parquet(ParquetWriteOptions { compression, ..ParquetWriteOptions::default() });
        let partition_by = if query == "write_10000" { vec!["part".to_owned()] } else { Vec::new() };
        let options = WriteOptions { partition_by, ..WriteOptions::new(format) };
        return Ok(Done::Files(frame.write(out.join("x"), options)?));
    }
    let table = frame.compute()?;
    let report = table.report().clone();
    let rows = match (suite, query) {
        ("groupby", "q8") => Rows::Batches(table.batches().map(exploded).collect::<Result<_>>()?),
        _ => Rows::Table(table),
    };
    let rows = if arguments.arrow { Rows::Batches(rows.to_batches()?) } else { rows };
    Ok(Done::Rows(rows, report))
}

fn groupby(x: &PartitionedFrame, query: &str) -> Result<PartitionedFrame> {
    let sums = |names: &[&str]| names.iter().map(|name| col(name).sum()).collect::<Vec<_>>();
    Ok(match query {
        "q1" => x.groupby(["id1"]).agg(sums(&["v1"])),
        "q2" => x.groupby(["id1", "id2"]).agg(sums(&["v1"])),
        "q3" => x.groupby(["id3"]).agg([col("v1").sum(), col("v3").mean()]),
        "q4" => x.groupby(["id4"]).agg(["v1", "v2", "v3"].map(|name| col(name).mean())),
        "q5" => x.groupby(["id6"]).agg(sums(&["v1", "v2", "v3"])),
        "q6" => {
            let spread = [col("v3").median().alias("median_v3"), col("v3").std().alias("sd_v3")];
            x.groupby(["id4", "id5"]).agg(spread)
        }
        "q7" => x.groupby(["id3"]).agg([(col("v1").max() - col("v2").min()).alias("range_v1_v2")]),
        "q8" => x.dropna(["v3"]).groupby(["id6"]).agg([col("v3").top_k(2).alias("largest2_v3")]),
        "q9" => {
            let r = col("v1").corr(col("v2"));
            x.groupby(["id2", "id4"]).agg([(r.clone() * r).alias("r2")])
        }
        "q10" => {
            let keys = ["id1", "id2", "id3", "id4", "id5", "id6"];
            x.groupby(keys).agg([col("v3").sum(), size().alias("count")])
        }
        _ => return Err(format!("there is no group-by {query}").into()),
    })
}

fn join(read: impl Fn(&str) -> PartitionedFrame, query: &str) -> Result<PartitionedFrame> {
    let (right, key, how) = match query {
        "q1" => ("small", "id1", How::Inner),
        "q2" => ("medium", "id2", How::Inner),
        "q3" => ("medium", "id2", How::Left),
        "q4" => ("medium", "id5", How::Inner),
        "q5" => ("big", "id3", How::Inner),
        _ => return Err(format!("there is no join {query}").into()),
    };
    Ok(read("x").merge(&read(right), on([key]).how(how)))
}

/// Work that holds much at once.
fn memory(x: &PartitionedFrame, query: &str) -> Result<PartitionedFrame> {
    let values = || [col("v3").median().alias("m"), col("id6").nunique().alias("n")];
    Ok(match query {
        "groups" => groupby(x, "q10")?,
        "median_nunique" => x.groupby(["id3"]).agg(values()),
        "few_median_nunique" => x.assign([(col("id4") % 3).alias("k")]).groupby(["k"]).agg(values()),
        "join_big" => {
            let right = x.select(["id6", "v3", "id3", "v2"]);
            x.select(["id6", "v3", "id1", "v1"]).merge(&right, on(["id6", "v3"]))
        }
        "join_hot" => {
            let few = x.filter(col("id6").le(4)).groupby(["id6"]).agg([size()]);
            let few = few.select([(col("id6") - 1).alias("k")]);
            let hot = when(col("v3").lt(50)).then(0).otherwise(col("id6")).alias("k");
            few.merge(&x.select([hot, col("id3"), col("v3")]), on(["k"]))
        }
        "sort" => x.sort_values(["id3", "v3"]),
        "distinct" => x.select(["id1", "id2", "id3", "id6"]).drop_duplicates(Keep::First),
        "write_10000" => {
            let part = (col("id4") * 100 + col("id5")).alias("part");
            x.select([part, col("id6"), col("v1"), col("v2"), col("v3")])
        }
        _ => return Err(format!("there is no memory query {query}").into()),
    })
}

/// The table as many files, a frame of each.
fn concat_of_files(session: &Session, data: &Path) -> Result<PartitionedFrame> {
    let files = std::fs::read_dir(data.join("x.parquet"))?.map(|file| Ok(file?.path()));
    let mut files = files.collect::<std::io::Result<Vec<_>>>()?;
    files.sort();
    let frames: Vec<_> =
        files.iter().map(|file| session.read_parquet(file, ParquetOptions::default())).collect();
    Ok(concat(&frames))
}

/// One row per value of the list in the second column, for the query asks for rows.
fn exploded(batch: RecordBatch) -> Result<RecordBatch> {
    let lists = batch.column(1).as_list_opt::<i32>().ok_or("the second column is no list")?;
    let lengths = (0..lists.len()).map(|row| lists.value_length(row).max(0));
    let rows: UInt32Array =
        (0..).zip(lengths).flat_map(|(row, length)| std::iter::repeat_n(row, length as usize)).collect();
    let keys = take(batch.column(0), &rows, None)?;
    let (from, to) = (lists.value_offsets()[0], lists.value_offsets()[lists.len()]);
    let values = lists.values().slice(from as usize, (to - from) as usize);
    let schema = Schema::new(vec![
        batch.schema().field(0).clone(),
        Field::new(batch.schema().field(1).name(), values.data_type().clone(), true),
    ]);
    Ok(RecordBatch::try_new(schema.into(), vec![keys, values])?)
}
