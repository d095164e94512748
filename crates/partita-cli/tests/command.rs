//! The command as its users run it: every subcommand and flag, exit codes, streams, signals.
//!
//! Expected values are written by hand, or read with the readers of the arrow and parquet crates.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use tempfile::TempDir;

/// A directory with files, in which the command is run.
struct Place(TempDir);

impl Place {
    fn new(files: &[(&str, &str)]) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        for (name, text) in files {
            let path = place.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        place
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_partita"));
        command.current_dir(self.0.path()).args(arguments.split_whitespace());
        command
    }
    fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }
    /// What it prints, when it succeeds.
    #[track_caller]
    fn prints(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments}: {}", text(&output.stderr));
        text(&output.stdout)
    }
    /// What it says on standard error, when it ends with this code and prints nothing.
    #[track_caller]
    fn fails(&self, code: i32, arguments: &str) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "", "{arguments}");
        text(&output.stderr)
    }
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
    /// Everything in the directory, hidden files too.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const CITIES: &str = "city,rain,day\nUlm,3,2024-01-31\n\"Bonn, am Rhein\",,2024-02-01\nKiel,5,2024-02-02\n";

fn cities() -> Place {
    Place::new(&[("c.csv", CITIES)])
}

#[test]
fn schema_prints_columns_and_types() {
    assert_eq!(cities().prints("schema c.csv"), "column,type\ncity,text\nrain,int64\nday,date\n");
    assert_eq!(
        cities().prints("schema c.csv --types rain=decimal(10,2),day=text --select day,rain --format ndjson"),
        "{\"column\":\"day\",\"type\":\"text\"}\n{\"column\":\"rain\",\"type\":\"decimal(10, 2)\"}\n"
    );
}

#[test]
fn head_prints_rows() {
    let place = cities();
    assert_eq!(place.prints("head c.csv"), CITIES);
    assert_eq!(place.prints("head -n 1 c.csv --select rain,city"), "rain,city\n3,Ulm\n");
    assert_eq!(place.prints("head --rows 0 c.csv"), "city,rain,day\n");
    assert_eq!(
        place.prints("head -n 2 c.csv --format table --select city,rain"),
        "city            rain\n--------------  ----\nUlm                3\nBonn, am Rhein\n"
    );
    assert_eq!(place.prints("head -n 1 c.csv --format ndjson --select rain"), "{\"rain\":3}\n");
}

#[test]
fn count_counts_files_directories_and_globs() {
    let place = Place::new(&[("d/a.csv", "x\n1\n2\n"), ("d/b.csv", "x\n3\n"), ("e.csv", "x\n4\n")]);
    for (sources, rows) in [("d", "3\n"), ("d/*.csv", "3\n"), ("d e.csv", "4\n"), ("e.csv", "1\n")] {
        assert_eq!(place.prints(&format!("count {sources}")), rows, "{sources}");
    }
    assert_eq!(
        place.prints("count d --threads 1 --memory-limit 32MiB --spill-dir d --progress always"),
        "3\n"
    );
}

#[test]
fn describe_has_one_row_per_column() {
    // By hand: 3 and 5 have mean 4, std sqrt(2), quartiles 3.5, 4, 4.5.
    assert_eq!(
        cities().prints("describe c.csv"),
        "column,type,count,nulls,unique,mean,std,min,25%,50%,75%,max,top,top_count\n\
         city,text,3,0,3,,,\"Bonn, am Rhein\",,,,Ulm,\"Bonn, am Rhein\",1\n\
         rain,int64,2,1,,4.0,1.4142135623730951,3,3.5,4.0,4.5,5,,\n\
         day,date,3,0,3,,,2024-01-31,,,,2024-02-02,,\n"
    );
}

/// The states of medians of this many rows are too many for one merge task.
#[test]
fn describe_of_many_rows_is_one_result() {
    const ROWS: i64 = 400_000;
    let mut csv = String::from("a,b,c,d,e\n");
    for row in 0..ROWS {
        csv.push_str(&format!("{row},{row},{row},{row},{row}\n"));
    }
    let place = Place::new(&[("n.csv", &csv)]);
    let printed = place.prints("describe n.csv");
    let line = printed.lines().nth(5).unwrap();
    assert!(line.starts_with("e,int64,400000,0,,199999.5,115470.1981754"), "{line}");
    assert!(line.ends_with(",0,99999.75,199999.5,299999.25,399999,,"), "{line}");
}

#[test]
fn flags_of_the_csv_reader() {
    let cases = [
        ("a;b\n1;2\n", "--delimiter ;", "a,b\n1,2\n"),
        ("a\tb\n1\t2\n", "--delimiter \\t", "a,b\n1,2\n"),
        ("a,b\n'1,0',2\n", "--quote '", "a,b\n\"1,0\",2\n"),
        ("a,b\n\"x,2\n", "--quote none", "a,b\n\"\"\"x\",2\n"),
        ("a\n\"x\\\"y\"\n", "--escape \\", "a\n\"x\"\"y\"\n"),
        ("a\n#no\n1\n", "--comment #", "a\n1\n"),
        ("1,2\n", "--no-header", "column_1,column_2\n1,2\n"),
        ("1,2\n", "--no-header --names p,q", "p,q\n1,2\n"),
        ("junk\nmore\na\n1\n", "--skip-rows 2", "a\n1\n"),
        ("a,b\nNA,-\n1,2\n", "--null NA --null -", "a,b\n,\n1,2\n"),
        ("a,b\n1,x\n", "--types a=float64", "a,b\n1.0,x\n"),
        ("a,b\n1.50,02\n", "--all-text", "a,b\n1.50,02\n"),
        ("a,b\n1\n2,3\n", "--on-bad-row skip", "a,b\n2,3\n"),
        ("a,b\n1,x\n2,3\n", "--types b=int64 --on-bad-row null", "a,b\n1,\n2,3\n"),
    ];
    for (csv, flags, expected) in cases {
        let place = Place::new(&[("x.csv", csv)]);
        assert_eq!(place.prints(&format!("head x.csv {flags}")), expected, "{flags}");
    }
    let place = Place::new(&[("x.tsv", "a\tb\n1\t2\n")]);
    assert_eq!(place.prints("head x.tsv"), "a,b\n1,2\n");
    fs::write(place.path("latin.csv"), b"a\nM\xfcnchen\n").unwrap();
    assert_eq!(place.prints("head latin.csv --encoding latin1"), "a\nMünchen\n");
    assert_eq!(place.prints("head latin.csv --encoding utf-8-lossy"), "a\nM\u{fffd}nchen\n");
    assert!(place.fails(1, "head latin.csv").starts_with("partita: "));
}

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
fn files_that_differ() {
    let place = Place::new(&[("d/1.csv", "a\n1\n"), ("d/2.csv", "a,b\n2,3\n")]);
    assert!(place.fails(1, "head d").contains("`b`"));
    assert_eq!(place.prints("head d --extra-columns union"), "a,b\n1,\n2,3\n");
    assert_eq!(place.prints("head d --extra-columns ignore"), "a\n1\n2\n");
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

#[test]
fn wrong_usage_is_code_2() {
    let place =
        Place::new(&[("c.csv", CITIES), ("x", "a\n1\n"), ("m/a.csv", "a\n1\n"), ("m/b.json", "{}\n")]);
    place.prints("convert c.csv c.parquet");
    for arguments in [
        "",
        "tail c.csv",
        "head",
        "head c.csv --rows many",
        "head c.csv --delimiter ab",
        "head c.csv --types rain=integral",
        "head c.csv --encoding klingon",
        "head c.csv --on-bad-row ignore",
        "head c.csv --threads 0",
        "head c.csv --memory-limit lots",
        "head c.csv --memory-limit 1KiB",
        "head c.csv --spill-dir nowhere",
        "head c.csv --progress sometimes",
        "head x",
        "head m",
        "head c.parquet --delimiter ;",
        "head c.parquet --types a=text",
        "convert c.csv",
        "convert c.csv out",
        "convert c.csv o.parquet --compression zip",
        "convert c.csv o.parquet --compression zstd:99",
        "convert c.csv o.csv --compression snappy",
        "convert c.csv o.csv.gz --compression zstd",
        "convert c.csv o.csv --row-group-rows 5",
        "convert c.csv o.parquet --row-group-rows 0",
        "convert c.csv o.parquet --output-null NA",
    ] {
        let error = place.fails(2, arguments);
        assert!(!error.is_empty(), "{arguments}");
    }
    assert_eq!(place.names(), ["c.csv", "c.parquet", "m", "x"]);
}

#[test]
fn failing_work_is_code_1_and_leaves_nothing() {
    let place = Place::new(&[("c.csv", CITIES), ("bad.parquet", "PAR1 no PAR1"), ("ragged.csv", "a,b\n1\n")]);
    for (arguments, said) in [
        ("head none.csv", "none.csv"),
        ("head none", "no file or directory `none`"),
        ("head c.csv --select cty", "did you mean `city`?"),
        ("head bad.parquet", "bad.parquet"),
        ("count ragged.csv", "line 2"),
        ("convert ragged.csv out.parquet", "line 2"),
        ("convert c.csv ragged.csv", "exists"),
        ("convert c.csv out.csv --partition-by town", "town"),
    ] {
        let error = place.fails(1, arguments);
        assert!(error.starts_with("partita: ") && error.contains(said), "{arguments}: {error}");
        assert!(!error.contains(".rs:"), "{arguments}: {error}");
    }
    assert_eq!(place.names(), ["bad.parquet", "c.csv", "ragged.csv"]);
}

#[test]
fn a_directory_without_data_is_failing_work() {
    let place = Place::new(&[("d/notes.md", "no data")]);
    assert!(place.fails(1, "count d").contains("--from"));
    assert!(place.fails(1, "count d --from csv").contains("d"));
}

#[test]
fn help_has_examples() {
    let place = Place::new(&[]);
    for subcommand in ["schema", "head", "count", "describe", "convert"] {
        let help = place.prints(&format!("{subcommand} --help"));
        assert!(help.contains("Examples:") && help.contains(&format!("partita {subcommand}")), "{help}");
    }
    assert!(place.prints("--version").starts_with("partita "));
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let csv: String =
        std::iter::once("a\n".to_owned()).chain((0..200_000).map(|n| format!("{n}\n"))).collect();
    let place = Place::new(&[("n.csv", &csv)]);
    let mut child =
        place.command("head -n 200000 n.csv").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut reader = BufReader::with_capacity(16, child.stdout.take().unwrap());
    reader.read_line(&mut line).unwrap();
    drop(reader);
    let mut error = String::new();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    assert_eq!((line.as_str(), error.as_str()), ("a\n", ""));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A second Ctrl-C, or one before anything is written, ends the process at once.
#[cfg(unix)]
#[test]
fn two_interrupts_end_at_once() {
    let csv: String =
        std::iter::once("a\n".to_owned()).chain((0..500_000).map(|n| format!("{n}\n"))).collect();
    let place = Place::new(&[("n.csv", &csv)]);
    let mut child = place
        .command("convert n.csv out.parquet --compression zstd:22 --threads 1")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while place.names().len() < 2 {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    for _ in 0..2 {
        // The second may find no process any more.
        let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status();
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!place.path("out.parquet").exists());
}

/// Ctrl-C while a dataset is being written.
#[cfg(unix)]
#[test]
fn an_interrupt_stops_within_a_second_and_leaves_nothing() {
    let mut csv = String::from("a,b\n");
    for row in 0..1_000_000 {
        csv.push_str(&format!("{row},text number {row}\n"));
    }
    let place = Place::new(&[("n.csv", &csv)]);
    let mut child = place
        .command("convert n.csv out.parquet --compression zstd:19 --threads 1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It works once its hidden directory is there.
    let begun = Instant::now();
    while place.names().len() < 2 {
        assert!(child.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    let interrupted = Instant::now();
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let status = child.wait().unwrap();
    let took = interrupted.elapsed();
    let mut error = String::new();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    assert_eq!(status.code(), Some(130), "{error}");
    assert_eq!(error, "partita: stopped\n");
    assert_eq!(place.names(), ["n.csv"]);
    // A second on a free machine; tests run beside others, unoptimized.
    assert!(took < Duration::from_secs(5), "{took:?}");
}
