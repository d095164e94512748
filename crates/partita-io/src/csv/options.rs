//! Everything that a caller may say about a CSV file, and the checks that it makes sense.
//!
//! `CsvOptions` is plain data; [`CsvOptions::dialect`] turns its structural part into the tables of
//! `dialect.rs`, and `source.rs` takes the rest.

use arrow::datatypes::DataType;

use super::dialect::Dialect;
use crate::reject::BadRows;
use crate::{Error, ExtraColumns, Result};

/// How CSV files are to be read. The default reads RFC 4180 as the `csv` crate does: comma, double quotes,
/// doubled to escape, a header line, UTF-8, any of LF, CRLF and CR as the line end, blank lines skipped.
#[derive(Clone, Debug)]
pub struct CsvOptions {
    /// The byte between fields; ASCII. Default `,`.
    pub delimiter: u8,
    /// The byte around fields that hold delimiters, line ends or quotes; `None` makes every byte literal.
    /// A quote opens only at the very beginning of a field. Default `"`.
    pub quote: Option<u8>,
    /// A byte that makes the next byte inside quotes literal, besides doubled quotes. Default none.
    pub escape: Option<u8>,
    /// Whether the first record holds the column names. Default true.
    pub header: bool,
    /// Column names in order, instead of `column_1`, `column_2` and so on where there is no header.
    pub names: Option<Vec<String>>,
    /// Lines whose record begins with this byte are skipped up to the next LF. Default none.
    pub comment: Option<u8>,
    /// Physical lines to skip at the start of each file, whatever they hold. Default 0.
    pub skip_rows: usize,
    /// Spellings that mean null. Default only the empty one. In text columns a quoted value is never null,
    /// so `""` is empty text; in columns of other types an empty value is always null and quotes do not matter.
    pub nulls: Vec<String>,
    /// Types of some or all columns. A value that does not fit a type given here is a bad value, see
    /// [`CsvOptions::bad_rows`]; all other columns have inferred types that widen instead.
    pub types: Vec<(String, DataType)>,
    /// Reads every column without a given type as text. Default false.
    pub all_text: bool,
    /// Whether whole files may be read as dates, times and timestamps without being told. Default true.
    pub infer_dates: bool,
    /// What to do with a row with too few or too many fields, or with a value that is not of its given type.
    pub bad_rows: BadRows,
    /// The encoding of the files. Default strict UTF-8.
    pub encoding: Encoding,
    /// What to do with columns that the first files do not have. Default an error.
    pub extra_columns: ExtraColumns,
    /// Renames the second and later columns of one name to `name_2`, `name_3` instead of failing.
    pub rename_duplicates: bool,
    /// Most rows that are looked at to infer types. Default 20,000.
    pub infer_rows: usize,
    /// Bytes of a split of a large uncompressed file. Default 16 MiB.
    pub split_bytes: u64,
    /// Bytes read and indexed at a time. Default 1 MiB.
    pub block_bytes: usize,
}

/// How bytes become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8; a value that is not is a bad value.
    Utf8,
    /// UTF-8; what is not becomes U+FFFD.
    Utf8Lossy,
    /// ISO 8859-1, in which every byte is the code point of its number.
    Latin1,
    /// Any encoding of the WHATWG standard; see [`Encoding::named`].
    Other(NamedEncoding),
}

/// An encoding of the WHATWG standard other than UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedEncoding(pub(super) &'static encoding_rs::Encoding);

impl Encoding {
    /// The encoding of a name: `utf-8`, `utf-8-lossy`, `latin1`, or a WHATWG label such as `windows-1252`,
    /// `utf-16`, `utf-16le`, `shift_jis`.
    ///
    /// # Errors
    /// No encoding has that name.
    pub fn named(name: &str) -> Result<Self> {
        let lower = name.trim().to_ascii_lowercase();
        match lower.as_str() {
            "utf-8" | "utf8" => return Ok(Encoding::Utf8),
            "utf-8-lossy" | "utf8-lossy" | "lossy" => return Ok(Encoding::Utf8Lossy),
            "latin1" | "latin-1" | "iso-8859-1" | "iso8859-1" => return Ok(Encoding::Latin1),
            _ => {}
        }
        match encoding_rs::Encoding::for_label_no_replacement(lower.as_bytes()) {
            Some(encoding) => Ok(Encoding::Other(NamedEncoding(encoding))),
            None => Err(Error::invalid(format!(
                "`{name}` is not an encoding; use utf-8, utf-8-lossy, latin1, windows-1252, utf-16 or another \
                 label of the WHATWG encoding standard"
            ))),
        }
    }

    /// Whether the bytes of the file can be cut and indexed as they are.
    pub(super) fn is_utf8(self) -> bool {
        matches!(self, Encoding::Utf8 | Encoding::Utf8Lossy)
    }
}

impl Default for CsvOptions {
    fn default() -> Self {
        CsvOptions {
            delimiter: b',',
            quote: Some(b'"'),
            escape: None,
            header: true,
            names: None,
            comment: None,
            skip_rows: 0,
            nulls: vec![String::new()],
            types: Vec::new(),
            all_text: false,
            infer_dates: true,
            bad_rows: BadRows::Error,
            encoding: Encoding::Utf8,
            extra_columns: ExtraColumns::Error,
            rename_duplicates: false,
            infer_rows: 20_000,
            split_bytes: 16 << 20,
            block_bytes: 1 << 20,
        }
    }
}

impl CsvOptions {
    /// The same options with another delimiter.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }
    /// The same options with one more spelling of null.
    #[must_use]
    pub fn null(mut self, spelling: impl Into<String>) -> Self {
        self.nulls.push(spelling.into());
        self
    }
    /// The same options with the type of one column given.
    #[must_use]
    pub fn column_type(mut self, column: impl Into<String>, data_type: DataType) -> Self {
        self.types.push((column.into(), data_type));
        self
    }
    /// The same options for files without a header line.
    #[must_use]
    pub fn no_header(mut self) -> Self {
        self.header = false;
        self
    }
    /// The same options with another policy for bad rows.
    #[must_use]
    pub fn bad_rows(mut self, bad_rows: BadRows) -> Self {
        self.bad_rows = bad_rows;
        self
    }

    /// The structural part as tables.
    pub(super) fn dialect(&self) -> Result<Dialect> {
        let special = [
            ("delimiter", Some(self.delimiter)),
            ("quote", self.quote),
            ("escape", self.escape.filter(|_| self.escape != self.quote)),
            ("comment", self.comment),
        ];
        for (index, (name, byte)) in special.iter().enumerate() {
            let Some(byte) = byte else { continue };
            if !byte.is_ascii() || matches!(byte, b'\r' | b'\n') {
                return Err(Error::invalid(format!(
                    "the {name} byte 0x{byte:02x} cannot be used: it must be ASCII and no line end"
                )));
            }
            if let Some((other, _)) = special[..index].iter().find(|(_, earlier)| *earlier == Some(*byte)) {
                return Err(Error::invalid(format!(
                    "{other} and {name} are both `{}`; they must differ",
                    char::from(*byte).escape_default()
                )));
            }
        }
        if self.split_bytes == 0 || self.block_bytes == 0 {
            return Err(Error::invalid("split_bytes and block_bytes must be at least 1"));
        }
        Ok(Dialect::new(self.delimiter, self.quote, self.escape, self.comment))
    }
}
