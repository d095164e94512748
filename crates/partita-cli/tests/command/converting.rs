//! `convert`: formats in all directions, directories, and the flags of the writers.

use std::fs::{self, File};
use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;

use crate::place::{CITIES, Place, cities, text};

#[test]
fn bad_rows_are_listed_and_told() {
    let place = Place::new(&[("x.csv", "a,b\n1,2\nz,4\n5,6\n")]);
    let output = place.run("convert x.csv y.csv --types a=int64 --on-bad-row reject=bad.csv");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(place.read("y.csv"), "a,b\n1,2\n5,6\n");
    let rejected = place.read("bad.csv");
    assert_eq!(rejected.lines().count(), 2, "{rejected}");
    assert!(rejected.contains("z"), "{rejected}");
    assert!(text(&output.stderr).contains("partita: note: "), "{}", text(&output.stderr));
    assert_eq!(place.prints("count x.csv --types a=int64 --on-bad-row skip"), "2\n");
    let error = place.fails(1, "count x.csv --types a=int64");
    assert!(error.contains("line 3") && error.contains("x.csv"), "{error}");
}

#[test]
fn conversions_in_all_directions_keep_values() {
    let place = cities();
    let formats = ["csv", "ndjson", "arrow", "parquet"];
    for from in formats {
        if from != "csv" {
            place.prints(&format!("convert c.csv c.{from}"));
        }
    }
    for from in formats {
        for to in formats {
            let name = format!("{from}_to.{to}");
            place.prints(&format!("convert c.{from} {name}"));
            assert_eq!(place.prints(&format!("head {name}")), CITIES, "{name}");
        }
    }
    assert_eq!(place.read("csv_to.csv"), CITIES);
    assert_eq!(
        place.read("parquet_to.ndjson"),
        "{\"city\":\"Ulm\",\"rain\":3,\"day\":\"2024-01-31\"}\n{\"city\":\"Bonn, am Rhein\",\"day\":\"2024-02-01\"}\n\
         {\"city\":\"Kiel\",\"rain\":5,\"day\":\"2024-02-02\"}\n"
    );
    let batch = parquet(&place.path("arrow_to.parquet"));
    assert_eq!(
        batch["rain"].as_primitive::<Int64Type>().iter().collect::<Vec<_>>(),
        [Some(3), None, Some(5)]
    );
    let mut reader =
        arrow::ipc::reader::FileReader::try_new(File::open(place.path("parquet_to.arrow")).unwrap(), None)
            .unwrap();
    let batch = reader.next().unwrap().unwrap();
    assert_eq!(
        batch["rain"].as_primitive::<Int64Type>().iter().collect::<Vec<_>>(),
        [Some(3), None, Some(5)]
    );
}

fn parquet(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    reader.build().unwrap().next().unwrap().unwrap()
}

#[test]
fn directories_are_read_and_written() {
    let place = Place::new(&[("d/1.csv", "k,v\na,1\nb,2\n"), ("d/2.csv", "k,v\na,3\n")]);
    place.prints("convert d out --to parquet --partition-by k");
    assert_eq!(place.prints("head out --select v,k"), "v,k\n1,a\n3,a\n2,b\n");
    assert!(place.path("out/k=a").is_dir());
    assert!(place.fails(1, "convert d out --to parquet").contains("exists"));
    place.prints("convert d out --to parquet --partition-by k --mode append");
    assert_eq!(place.prints("count out"), "6\n");
    place.prints("convert d out --to parquet --mode overwrite");
    assert_eq!(place.prints("count out"), "3\n");
    place.prints("convert d small.csv --target-file-size 1KiB");
    assert!(place.path("small.csv").is_dir());
    place.prints("convert d one.csv");
    assert_eq!(place.read("one.csv"), "k,v\na,1\nb,2\na,3\n");
    place.prints("convert d/1.csv one.csv --mode overwrite");
    assert_eq!(place.read("one.csv"), "k,v\na,1\nb,2\n");
    place.prints("convert one.csv noname --from csv --to ndjson");
    assert!(place.path("noname").is_dir());
}

#[test]
fn choices_of_the_writers() {
    let place = cities();
    for (choice, codec) in [
        ("none", Compression::UNCOMPRESSED),
        ("snappy", Compression::SNAPPY),
        ("zstd:5", Compression::ZSTD(Default::default())),
        ("lz4", Compression::LZ4_RAW),
        ("gzip", Compression::GZIP(Default::default())),
        ("brotli:3", Compression::BROTLI(Default::default())),
    ] {
        place.prints(&format!(
            "convert c.csv c.parquet --mode overwrite --compression {choice} --row-group-rows 2"
        ));
        let reader =
            ParquetRecordBatchReaderBuilder::try_new(File::open(place.path("c.parquet")).unwrap()).unwrap();
        let groups: Vec<i64> = reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
        assert_eq!(groups, [2, 1]);
        let found = reader.metadata().row_group(0).column(0).compression();
        assert_eq!(std::mem::discriminant(&found), std::mem::discriminant(&codec), "{choice}");
    }
    place
        .prints("convert c.csv o.csv --output-delimiter ; --output-null NA --output-no-header --output-crlf");
    assert_eq!(
        place.read("o.csv"),
        "Ulm;3;2024-01-31\r\nBonn, am Rhein;NA;2024-02-01\r\nKiel;5;2024-02-02\r\n"
    );
    for name in ["z.csv.gz", "z.ndjson.zst"] {
        place.prints(&format!("convert c.csv {name}"));
        assert_eq!(place.prints(&format!("head {name}")), CITIES, "{name}");
    }
    assert_eq!(fs::read(place.path("z.csv.gz")).unwrap()[..2], [0x1f, 0x8b]);
    for choice in ["none", "lz4", "zstd"] {
        place.prints(&format!("convert c.csv c.arrow --mode overwrite --compression {choice}"));
        assert_eq!(place.prints("count c.arrow"), "3\n");
    }
}

#[test]
fn text_stays_as_it_was() {
    let csv = "id,when,note\n007,1/2/24,\"a \"\"b\"\"\nc\"\n1e5,,\" x \"\n";
    let place = Place::new(&[("x.csv", csv)]);
    place.prints("convert x.csv y.csv --all-text");
    assert_eq!(place.read("y.csv"), "id,when,note\n007,1/2/24,\"a \"\"b\"\"\nc\"\n1e5,, x \n");
}
