//! What `schema`, `head`, `count` and `describe` print, and the flags of the readers.

use std::fs;

use crate::place::{CITIES, Place, cities};

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
fn files_that_differ() {
    let place = Place::new(&[("d/1.csv", "a\n1\n"), ("d/2.csv", "a,b\n2,3\n")]);
    assert!(place.fails(1, "head d").contains("`b`"));
    assert_eq!(place.prints("head d --extra-columns union"), "a,b\n1,\n2,3\n");
    assert_eq!(place.prints("head d --extra-columns ignore"), "a\n1\n2\n");
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
