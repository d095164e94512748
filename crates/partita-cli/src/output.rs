//! Rows on standard output: as an aligned table, CSV or NDJSON.

use std::io::{self, BufWriter, IsTerminal, Write};

use partita::arrow::array::RecordBatch;
use partita::arrow::datatypes::{DataType, SchemaRef};
use partita::arrow::error::ArrowError;
use partita::arrow::json::LineDelimitedWriter;
use partita::arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::arguments::{OutputArguments, Shape};
use crate::failure::Failure;

/// Cells of a table are cut at this many characters, so that one long text does not hide all else.
const WIDEST: usize = 60;

/// Prints rows as the user wants them.
pub(crate) fn print(
    arguments: &OutputArguments,
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<(), Failure> {
    let default = if io::stdout().is_terminal() { Shape::Table } else { Shape::Csv };
    let mut out = BufWriter::new(io::stdout().lock());
    match arguments.format.unwrap_or(default) {
        Shape::Table => table(&mut out, schema, batches)?,
        Shape::Csv => csv(&mut out, schema, batches)?,
        Shape::Ndjson => ndjson(&mut out, batches)?,
    }
    out.flush()?;
    Ok(())
}

/// Calls `row` with the texts of each row's cells, `None` for null.
fn each_row(
    batches: &[RecordBatch],
    mut row: impl FnMut(Vec<Option<String>>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let options = FormatOptions::default();
    for batch in batches {
        let columns = batch.columns().iter().map(|column| {
            let formatter = ArrayFormatter::try_new(&**column, &options).map_err(partita::Error::from)?;
            Ok((column, formatter))
        });
        let columns = columns.collect::<Result<Vec<_>, Failure>>()?;
        for at in 0..batch.num_rows() {
            let cells = columns.iter().map(|(column, formatter)| {
                // A logical null of a dictionary is one of its values; this shows it as null, too.
                if column.is_null(at) {
                    return Ok(None);
                }
                let text = formatter.value(at).try_to_string().map_err(partita::Error::from)?;
                Ok(Some(text))
            });
            row(cells.collect::<Result<Vec<_>, Failure>>()?)?;
        }
    }
    Ok(())
}

/// Numbers to the right, the rest to the left, a rule below the names.
fn table(out: &mut impl Write, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<(), Failure> {
    let names: Vec<String> = schema.fields().iter().map(|field| shown(field.name())).collect();
    let mut rows = Vec::new();
    each_row(batches, |row| {
        rows.push(row.iter().map(|cell| cell.as_deref().map_or_else(String::new, shown)).collect());
        Ok(())
    })?;
    let rows: Vec<Vec<String>> = rows;
    let widths: Vec<usize> = (0..names.len())
        .map(|at| {
            let cells = rows.iter().filter_map(|row| row.get(at)).chain(names.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let right: Vec<bool> = schema.fields().iter().map(|field| is_number(field.data_type())).collect();
    let mut line = |cells: &[String]| -> io::Result<()> {
        let mut text = String::new();
        for ((cell, width), right) in cells.iter().zip(&widths).zip(&right) {
            let padding = " ".repeat(width - cell.chars().count().min(*width));
            let (before, after) = if *right { (padding.as_str(), "") } else { ("", padding.as_str()) };
            text.push_str(&format!("{before}{cell}{after}  "));
        }
        writeln!(out, "{}", text.trim_end())
    };
    line(&names)?;
    line(&widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>())?;
    for row in &rows {
        line(row)?;
    }
    Ok(())
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

/// A cell without control characters (which could steer a terminal), and no longer than [`WIDEST`].
fn shown(cell: &str) -> String {
    let mut text = String::new();
    for (at, c) in cell.chars().enumerate() {
        if at == WIDEST - 1 && cell.chars().nth(WIDEST).is_some() {
            text.push('…');
            break;
        }
        if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }
    }
    text
}

fn csv(out: &mut impl Write, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<(), Failure> {
    let names: Vec<_> = schema.fields().iter().map(|field| Some(field.name().clone())).collect();
    csv_line(out, &names)?;
    each_row(batches, |row| Ok(csv_line(out, &row)?))
}

/// Null is nothing, and empty text is `""`, as the CSV writer has it.
fn csv_line(out: &mut impl Write, cells: &[Option<String>]) -> io::Result<()> {
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        match cell.as_deref() {
            None => {}
            Some(text) if text.is_empty() || text.contains(['"', ',', '\n', '\r']) => {
                write!(out, "\"{}\"", text.replace('"', "\"\""))?;
            }
            Some(text) => out.write_all(text.as_bytes())?,
        }
    }
    out.write_all(b"\n")
}

fn ndjson(out: &mut impl Write, batches: &[RecordBatch]) -> Result<(), Failure> {
    let mut writer = LineDelimitedWriter::new(out);
    let batches: Vec<&RecordBatch> = batches.iter().collect();
    let written = writer.write_batches(&batches).and_then(|()| writer.finish());
    written.map_err(|error| match error {
        ArrowError::IoError(_, error) => Failure::Output(error),
        other => Failure::Work(other.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cannot_steer_a_terminal_and_have_an_end() {
        assert_eq!(shown("a\u{1b}[31mb\n"), "a\\u{1b}[31mb\\n");
        assert_eq!(shown(&"x".repeat(60)), "x".repeat(60));
        assert_eq!(shown(&"ä".repeat(61)), format!("{}…", "ä".repeat(59)));
    }

    #[test]
    fn lines_of_csv() {
        let mut out = Vec::new();
        let cells = ["a", "b,c", "say \"x\"", ""].map(|text| Some(text.to_owned()));
        csv_line(&mut out, &[cells.as_slice(), &[None]].concat()).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a,\"b,c\",\"say \"\"x\"\"\",\"\",\n");
    }
}
