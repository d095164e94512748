//! Formats of dates and times in text, read once per chain. `text.rs` parses by them, `date.rs` writes.

use arrow::array::AsArray;
use chrono::format::{Item, Parsed, StrftimeItems, parse};

use super::Call;
use crate::Result;
use crate::expr::value::{Evaluated, Fault, Value};

/// A date format, read once.
pub(super) struct Format {
    pub(super) text: String,
    items: Vec<Item<'static>>,
}

impl Format {
    pub(super) fn new(text: &str) -> Option<Format> {
        let items = StrftimeItems::new(text).parse_to_owned().ok()?;
        Some(Format { text: text.to_owned(), items })
    }
    pub(super) fn read(&self, text: &str) -> Option<Parsed> {
        let mut parsed = Parsed::new();
        parse(&mut parsed, text, self.items.iter()).ok()?;
        Some(parsed)
    }
    pub(super) fn items(&self) -> &[Item<'static>] {
        &self.items
    }
}

pub(super) fn format_argument(call: &Call<'_, '_>) -> Result<Format> {
    let text = call.literal_text(1)?;
    Format::new(&text)
        .ok_or_else(|| call.clash(format!("{text:?} is no date format; write it like \"%Y-%m-%d %H:%M:%S\"")))
}

/// Every text read by `f`; the first that is not readable is the error.
pub(super) fn parsed<T>(
    arguments: &[Value],
    f: impl Fn(&str) -> Option<T>,
    what: &str,
    format: &str,
) -> Evaluated<Vec<Option<T>>> {
    let texts = arguments[0].array().as_string_view();
    texts
        .iter()
        .map(|text| match text {
            None => Ok(None),
            Some(text) => match f(text) {
                Some(value) => Ok(Some(value)),
                None => Err(Fault::value(format!("{text:?} is no {what} by the format {format:?}"))),
            },
        })
        .collect()
}
