//! The same records as the `csv` crate on hostile bytes, wherever the file is cut.

use proptest::prelude::*;

use super::{read_text, testdata};
use crate::csv::dialect::{Dialect, State};
use crate::csv::index::{Index, advance, index, scan_blocks};
use crate::csv::masks::{Masks, Words};
use crate::csv::rows::Table;
use crate::csv::value::unquoted;
use crate::csv::{BadRows, CsvOptions};

/// A dialect for both readers.
#[derive(Clone, Copy, Debug)]
struct Spoken {
    quote: Option<u8>,
    escape: Option<u8>,
    comment: Option<u8>,
}

impl Spoken {
    fn dialect(self) -> Dialect {
        Dialect::new(b',', self.quote, self.escape, self.comment)
    }

    /// All records by the `csv` crate.
    fn records(self, text: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let mut builder = ::csv::ReaderBuilder::new();
        builder.has_headers(false).flexible(true).escape(self.escape).comment(self.comment);
        match self.quote {
            Some(quote) => builder.quote(quote),
            None => builder.quoting(false),
        };
        let mut records = Vec::new();
        // A comment that the end of the file cuts short is a record of one empty field to the crate's tables,
        // against its own automaton; here it is a comment.
        let dialect = self.dialect();
        let ends_in_comment =
            text.iter().fold(State::RecordStart, |state, &byte| dialect.step(state, byte)) == State::Comment;
        let text = [text, if ends_in_comment { b"\n".as_slice() } else { b"" }].concat();
        for record in builder.from_reader(text.as_slice()).into_byte_records() {
            records.push(record.expect("flexible records cannot fail").iter().map(<[u8]>::to_vec).collect());
        }
        records
    }
}

fn spoken() -> impl Strategy<Value = Spoken> {
    let escape = prop_oneof![3 => Just(None), 1 => Just(Some(b'\\'))];
    let comment = prop_oneof![3 => Just(None), 1 => Just(Some(b'#'))];
    let quote = prop_oneof![6 => Just(Some(b'"')), 1 => Just(None)];
    (quote, escape, comment).prop_map(|(quote, escape, comment)| Spoken { quote, escape, comment })
}

/// Bytes in which nearly everything means something.
fn hostile(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => Just(b'a'), 3 => Just(b','), 3 => Just(b'"'), 2 => Just(b'\n'),
        1 => Just(b'\r'), 1 => Just(b'\\'), 1 => Just(b'#'), 1 => Just(b' ')
    ];
    prop::collection::vec(byte, 0..most)
}

/// Mostly well-formed text, in which the fast path does the work and is disturbed now and then.
fn mostly_clean(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![
        12 => Just("abc"), 8 => Just("12345"), 4 => Just(""), 4 => Just("\"q,u\no\"\"te\""), 2 => Just("\"\""),
        1 => Just("a\"b"), 1 => Just("\"a\"b\"c"), 1 => Just("\"\r\n\""), 1 => Just("#x"), 1 => Just("\"\\\"\"")
    ];
    let end =
        prop_oneof![12 => Just(","), 4 => Just("\n"), 3 => Just("\r\n"), 1 => Just("\r"), 1 => Just("\n\n")];
    prop::collection::vec((field, end), 0..most).prop_map(|parts| {
        parts.into_iter().flat_map(|(field, end)| [field, end]).collect::<String>().into_bytes()
    })
}

fn records_of(dialect: &Dialect, text: &[u8], found: &Index) -> Vec<Vec<Vec<u8>>> {
    let mut records = Vec::new();
    let mut gaps = found.gaps.iter().peekable();
    let mut first = 0;
    for (number, &last) in found.records.iter().enumerate() {
        let entries = &found.nexts[first..=last as usize];
        first = last as usize;
        if gaps.next_if(|&&gap| gap as usize == number).is_some() {
            continue;
        }
        // The table of this one record does what is special about line ends.
        let mut one =
            Index { nexts: entries.to_vec(), records: vec![entries.len() as u32 - 1], gaps: vec![] };
        let fields = entries.len() - 1;
        let table = Table::new(&mut one, text, fields, false);
        let cells = table.cells(text, 0, 1);
        let field = |field| {
            let cell = cells.cell(0, field, field + 1 == fields);
            unquoted(dialect, cell.raw(text)).bytes.into_owned()
        };
        records.push((0..fields).map(field).collect());
    }
    records
}

fn indexed(text: &[u8], run: impl Fn(&mut Index) -> State) -> (Index, State) {
    let mut found = Index::default();
    found.clear(0);
    let state = run(&mut found);
    found.finish(state, text.len());
    (found, state)
}

fn check_index(spoken: Spoken, text: &[u8]) {
    let dialect = spoken.dialect();
    let start = State::RecordStart;
    let (fast, state) = indexed(text, |found| index(&dialect, text, start, found));
    let (words, words_state) =
        indexed(text, |found| scan_blocks::<Words, true>(&dialect, text, start, found));
    let (reference, slow_state) = indexed(text, |found| dialect.run(text, 0, text.len(), start, found));
    assert_eq!(records_of(&dialect, text, &fast), spoken.records(text));
    assert_eq!((&fast.nexts, &fast.records, &fast.gaps), (&words.nexts, &words.records, &words.gaps));
    assert_eq!(
        (&fast.nexts, &fast.records, &fast.gaps),
        (&reference.nexts, &reference.records, &reference.gaps)
    );
    assert_eq!(state, words_state);
    assert_eq!(state, slow_state);
    assert_eq!(state, advance(&dialect, text, start));
    let quoted = dialect.run(text, 0, text.len(), State::Quoted, &mut {
        let mut i = Index::default();
        i.clear(0);
        i
    });
    if spoken.quote.is_some() {
        assert_eq!(quoted, advance(&dialect, text, State::Quoted));
    }
}

fn check_reader(spoken: Spoken, text: &[u8], split_bytes: u64, block_bytes: usize) {
    // The `csv` crate takes off a byte order mark, and so does the reader; nothing here begins with one.
    let records = spoken.records(text);
    let Some(fields) = records.first().map(Vec::len) else { return };
    let options = CsvOptions {
        quote: spoken.quote,
        escape: spoken.escape,
        comment: spoken.comment,
        header: false,
        nulls: Vec::new(),
        all_text: true,
        bad_rows: BadRows::Skip,
        split_bytes,
        block_bytes,
        ..CsvOptions::default()
    };
    let (_, rows, _) = read_text(text, &options).unwrap();
    let expected: Vec<Vec<Option<String>>> = records
        .into_iter()
        .filter(|record| record.len() == fields)
        .map(|record| record.into_iter().map(|field| Some(String::from_utf8(field).unwrap())).collect())
        .collect();
    assert_eq!(rows, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn index_is_the_automaton_on_hostile_bytes(spoken in spoken(), text in hostile(300)) {
        check_index(spoken, &text);
    }

    #[test]
    fn index_is_the_automaton_on_mostly_clean_bytes(spoken in spoken(), text in mostly_clean(120)) {
        check_index(spoken, &text);
    }

    #[test]
    fn any_cut_of_hostile_bytes_gives_the_same_rows(
        spoken in spoken(), text in hostile(200), split_bytes in 1u64..64, block_bytes in 1usize..96
    ) {
        check_reader(spoken, &text, split_bytes, block_bytes);
    }

    #[test]
    fn any_cut_of_mostly_clean_bytes_gives_the_same_rows(
        spoken in spoken(), text in mostly_clean(100), split_bytes in 1u64..64, block_bytes in 1usize..300
    ) {
        check_reader(spoken, &text, split_bytes, block_bytes);
    }

    #[test]
    fn masks_are_the_naive_ones(block in prop::array::uniform32(0u8..4), other in prop::array::uniform32(any::<u8>())) {
        let mut bytes = [0u8; 64];
        bytes[..32].copy_from_slice(&block);
        bytes[32..].copy_from_slice(&other);
        for byte in [0u8, 1, 3, 127, 128, 255] {
            let naive = bytes.iter().enumerate().fold(0u64, |mask, (at, &b)| mask | u64::from(b == byte) << at);
            prop_assert_eq!(Words::load(&bytes).equal(byte), naive);
            let parity = (0..64).fold(0u64, |mask, at| mask | u64::from((naive << (63 - at)).count_ones() & 1) << at);
            prop_assert_eq!(Words::prefix_xor(naive), parity);
            #[cfg(target_arch = "x86_64")]
            if crate::csv::masks::Avx2::is_available() {
                prop_assert_eq!(crate::csv::masks::Avx2::load(&bytes).equal(byte), naive);
                prop_assert_eq!(crate::csv::masks::Avx2::prefix_xor(naive), parity);
            }
        }
    }
}

/// Every split read on its own, in any order, gives the rows that it gives in order.
#[test]
fn splits_do_not_depend_on_the_order_of_reading() {
    let text = "a,\"b\nb\"\n".repeat(50)
        + "\"\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\",x\n"
        + &"\"\"\"\",\"\n\"\n".repeat(50);
    let (context, infos, _) = super::context(&[("data.csv", text.as_bytes())]);
    let options = CsvOptions { header: false, split_bytes: 10, ..CsvOptions::default() };
    let request = crate::ScanRequest::default();
    let read = |order: fn(usize, usize) -> usize| {
        let source = crate::csv::open(infos.clone(), &options, &context).unwrap();
        let splits = source.splits(&request, &context).unwrap();
        let mut parts = vec![Vec::new(); splits.len()];
        for turn in 0..splits.len() {
            let number = order(turn, splits.len());
            let mut reader = source.read(&splits[number], &request, &context).unwrap();
            while let Some(batch) = reader.next_batch().unwrap() {
                parts[number].extend(super::rows_of(&[batch]));
            }
        }
        parts
    };
    let in_order = read(|turn, _| turn);
    assert_eq!(in_order.iter().map(Vec::len).sum::<usize>(), 101);
    assert_eq!(in_order, read(|turn, count| count - 1 - turn));
    assert_eq!(in_order, read(|turn, count| (turn * 7 + 3) % count));
}

#[test]
fn every_truncation_of_a_small_file_gives_the_rows_of_the_csv_crate() {
    let spoken = Spoken { quote: Some(b'"'), escape: None, comment: None };
    for name in ["newlines_crlf", "quotes_and_newlines", "json", "escaped_quotes", "utf8"] {
        let text = std::fs::read(testdata(&format!("csv-spectrum/csvs/{name}.csv"))).unwrap();
        for len in 0..text.len() {
            if std::str::from_utf8(&text[..len]).is_ok() {
                check_reader(spoken, &text[..len], 7, 16);
                check_index(spoken, &text[..len]);
            }
        }
    }
}

/// A comment and a blank line are one gap; one that reached beyond a cut was taken for a quoted record.
#[test]
fn a_comment_before_a_blank_line_at_a_cut() {
    let spoken = Spoken { quote: Some(b'"'), escape: None, comment: Some(b'#') };
    let long = "a".repeat(45);
    for text in [
        format!("aaaaaaaaaa\n#\n\naaaaaa\n{long}"),
        "a\n#\n\nb\n".to_owned(),
        "a\n#\nb\n".to_owned(),
        "aaaaaaaaaa\n#\n\naaaaaa\nc\n".to_owned(),
    ] {
        for split in [1, 2, 5, 1000] {
            for block in [1, 2, 64, 1000] {
                check_reader(spoken, text.as_bytes(), split, block);
            }
        }
    }
}
