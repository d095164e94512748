//! `describe`: statistics of every column, put together from operations that users have as well.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::PartitionedFrame;
use super::collect::compute_frames;
use super::table::Table;
use crate::error::{Error, Result, type_name};
use crate::expr::{Expr, col, size};

/// The statistics that have one number or text per column, in the order of the result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Statistic {
    Count,
    Unique,
    Mean,
    Std,
    Min,
    Quartile(u8),
    Max,
}

const STATISTICS: [Statistic; 9] = [
    Statistic::Count,
    Statistic::Unique,
    Statistic::Mean,
    Statistic::Std,
    Statistic::Min,
    Statistic::Quartile(25),
    Statistic::Quartile(50),
    Statistic::Quartile(75),
    Statistic::Max,
];

impl Statistic {
    /// The result's column.
    fn name(self) -> String {
        match self {
            Statistic::Count => "count".to_owned(),
            Statistic::Unique => "unique".to_owned(),
            Statistic::Mean => "mean".to_owned(),
            Statistic::Std => "std".to_owned(),
            Statistic::Min => "min".to_owned(),
            Statistic::Quartile(percent) => format!("{percent}%"),
            Statistic::Max => "max".to_owned(),
        }
    }

    /// The aggregate, if columns of this type have it.
    fn of(self, column: Expr, data_type: &DataType) -> Option<Expr> {
        let number = data_type.is_numeric();
        match self {
            Statistic::Count => Some(column.count()),
            Statistic::Unique => (is_scalar(data_type) && !number).then(|| column.nunique()),
            Statistic::Mean => number.then(|| column.mean()),
            Statistic::Std => number.then(|| column.std()),
            Statistic::Min => is_scalar(data_type).then(|| column.min()),
            Statistic::Quartile(percent) => number.then(|| column.quantile(f64::from(percent) / 100.0)),
            Statistic::Max => is_scalar(data_type).then(|| column.max()),
        }
    }
}

impl PartitionedFrame {
    /// Statistics of every column: a table with one row per column, whose columns are
    ///
    /// | column | type | of |
    /// |---|---|---|
    /// | `column`, `type` | text | every column: its name and type |
    /// | `count`, `nulls` | int64 | every column: values that are not null, and nulls |
    /// | `unique` | int64 | text, binary, booleans, dates and times: distinct values |
    /// | `mean`, `std` | float64 | numbers; `std` is that of a sample |
    /// | `min` | text | all but lists, structs and binary of fixed width: the least value, as it is printed |
    /// | `25%`, `50%`, `75%` | float64 | numbers: exact quantiles, interpolated |
    /// | `max` | text | as `min` |
    /// | `top`, `top_count` | text, int64 | text and booleans: the most frequent value, of equals the least, and how often it occurs |
    ///
    /// and null where a column has no such statistic. `min` and `max` are text because their types differ
    /// between columns, and because a float would not hold every integer. All is computed in one run.
    ///
    /// # Errors
    /// As [`PartitionedFrame::compute`].
    ///
    /// # Example
    /// ```
    /// use partita::prelude::*;
    ///
    /// let batch = batch! { "km" => [Some(3), None, Some(5)], "city" => ["Ulm", "Bonn", "Ulm"] }?;
    /// let described = PartitionedFrame::from_batches([batch]).describe()?;
    /// assert_eq!(described.num_rows(), 2);
    /// assert_eq!(described.schema().field(5).name(), "mean");
    /// # Ok::<(), partita::Error>(())
    /// ```
    #[track_caller]
    pub fn describe(&self) -> Result<Table> {
        let schema = self.schema()?;
        let mut aggregates = vec![size().alias("rows")];
        let mut tops = Vec::new();
        for (at, field) in schema.fields().iter().enumerate() {
            for statistic in STATISTICS {
                if let Some(aggregate) = statistic.of(col(field.name()), field.data_type()) {
                    aggregates.push(aggregate.alias(format!("{at} {}", statistic.name())));
                }
            }
            if has_top(field.data_type()) {
                tops.push((at, self.value_counts(field.name()).head(1)));
            }
        }
        let aggregated = self.agg(aggregates);
        let frames: Vec<_> =
            std::iter::once(aggregated).chain(tops.iter().map(|(_, top)| top.clone())).collect();
        let tables = compute_frames(&frames, &self.session)?;
        let Some((aggregated, found)) = tables.split_first() else {
            return Err(Error::internal("describing a frame gave no table"));
        };
        let numbers = aggregated.to_batch()?;
        let tops: Vec<(usize, RecordBatch)> = tops
            .iter()
            .zip(found)
            .map(|((at, _), table)| Ok((*at, table.to_batch()?)))
            .collect::<Result<_>>()?;
        let batch = assemble(&schema, &numbers, &tops)?;
        Table::of_batch(&batch, aggregated.shared_report(), &self.session)
    }
}

/// Whether values are single ones that can be ordered.
fn is_scalar(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_scalar(value),
        // The aggregates have no order for these.
        DataType::Interval(_) | DataType::Null | DataType::FixedSizeBinary(_) => false,
        other => !other.is_nested(),
    }
}

fn has_top(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => has_top(value),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Boolean => true,
        _ => false,
    }
}

/// One row per column of `schema` from one row of aggregates and the most frequent values.
fn assemble(schema: &Schema, numbers: &RecordBatch, tops: &[(usize, RecordBatch)]) -> Result<RecordBatch> {
    let columns = 0..schema.fields().len();
    let names: StringViewArray = schema.fields().iter().map(|field| Some(field.name().as_str())).collect();
    let types: StringViewArray =
        schema.fields().iter().map(|field| Some(type_name(field.data_type()))).collect();
    let mut output: Vec<(String, ArrayRef)> =
        vec![("column".to_owned(), Arc::new(names)), ("type".to_owned(), Arc::new(types))];
    let rows = integer(numbers.column_by_name("rows"))?;
    for statistic in STATISTICS {
        let name = statistic.name();
        let values = columns.clone().map(|at| numbers.column_by_name(&format!("{at} {name}")));
        let array: ArrayRef = match statistic {
            Statistic::Count | Statistic::Unique => {
                Arc::new(values.map(integer).collect::<Result<Int64Array>>()?)
            }
            Statistic::Min | Statistic::Max => {
                Arc::new(values.map(text).collect::<Result<StringViewArray>>()?)
            }
            Statistic::Mean | Statistic::Std | Statistic::Quartile(_) => {
                Arc::new(values.map(float).collect::<Result<Float64Array>>()?)
            }
        };
        let counted = (statistic == Statistic::Count).then(|| Arc::clone(&array));
        output.push((name, array));
        if let Some(counted) = counted {
            let counts = counted.as_primitive::<Int64Type>();
            let nulls: Int64Array = counts.iter().map(|count| Some(rows? - count?)).collect();
            output.push(("nulls".to_owned(), Arc::new(nulls)));
        }
    }
    let top = |at: usize| tops.iter().find(|(column, _)| *column == at).map(|(_, top)| top);
    let values = columns.clone().map(|at| text(top(at).and_then(|top| top.columns().first())));
    let counts = columns.map(|at| integer(top(at).and_then(|top| top.columns().get(1))));
    output.push(("top".to_owned(), Arc::new(values.collect::<Result<StringViewArray>>()?)));
    output.push(("top_count".to_owned(), Arc::new(counts.collect::<Result<Int64Array>>()?)));
    let fields: Vec<Field> =
        output.iter().map(|(name, array)| Field::new(name, array.data_type().clone(), true)).collect();
    let arrays = output.into_iter().map(|(_, array)| array).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

/// The only value of an aggregate as an integer; `None` if there is none or it is null.
fn integer(array: Option<&ArrayRef>) -> Result<Option<i64>> {
    let Some(array) = array.filter(|array| array.len() == 1) else { return Ok(None) };
    let array = cast(array, &DataType::Int64)?;
    Ok(array.as_primitive::<Int64Type>().iter().next().flatten())
}

fn float(array: Option<&ArrayRef>) -> Result<Option<f64>> {
    let Some(array) = array.filter(|array| array.len() == 1) else { return Ok(None) };
    let array = cast(array, &DataType::Float64)?;
    Ok(array.as_primitive::<Float64Type>().iter().next().flatten())
}

fn text(array: Option<&ArrayRef>) -> Result<Option<String>> {
    let Some(array) = array.filter(|array| array.len() == 1 && array.is_valid(0)) else { return Ok(None) };
    // A timestamp beyond the calendar must not hide the statistics of all other columns.
    let options = FormatOptions::default().with_display_error(true);
    Ok(Some(ArrayFormatter::try_new(&**array, &options)?.value(0).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch;

    fn cell(table: &Table, row: usize, name: &str) -> Option<String> {
        let batch = table.to_batch().unwrap();
        text(Some(&batch.column_by_name(name).unwrap().slice(row, 1))).unwrap()
    }

    #[test]
    fn numbers_and_text() {
        // pandas 2: Series([1, 2, 4, 9]).describe() -> mean 4.0, std 3.559026, 25% 1.75, 50% 3.0, 75% 5.25
        let batch = batch! {
            "n" => [Some(4_i64), None, Some(1), Some(9), Some(2)],
            "t" => [Some("b"), Some("a"), Some("b"), Some("a"), None],
        };
        let described = PartitionedFrame::from_batches([batch.unwrap()]).describe().unwrap();
        let numbers = [
            ("column", Some("n")),
            ("type", Some("int64")),
            ("count", Some("4")),
            ("nulls", Some("1")),
            ("unique", None),
            ("mean", Some("4.0")),
            ("std", Some("3.559026084010437")),
            ("min", Some("1")),
            ("25%", Some("1.75")),
            ("50%", Some("3.0")),
            ("75%", Some("5.25")),
            ("max", Some("9")),
            ("top", None),
            ("top_count", None),
        ];
        for (name, expected) in numbers {
            assert_eq!(cell(&described, 0, name).as_deref(), expected, "{name}");
        }
        let texts = [
            ("type", Some("text")),
            ("count", Some("4")),
            ("nulls", Some("1")),
            ("unique", Some("2")),
            ("mean", None),
            ("min", Some("a")),
            ("50%", None),
            ("max", Some("b")),
            ("top", Some("a")),
            ("top_count", Some("2")),
        ];
        for (name, expected) in texts {
            assert_eq!(cell(&described, 1, name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn columns_that_cannot_be_ordered_or_printed() {
        let far = arrow::array::TimestampMicrosecondArray::from(vec![i64::MAX]);
        let fixed = arrow::array::FixedSizeBinaryArray::try_from_iter([[1u8, 2]].into_iter()).unwrap();
        let columns: Vec<(&str, ArrayRef)> = vec![("far", Arc::new(far)), ("fixed", Arc::new(fixed))];
        let batch = crate::batch_of_columns(columns).unwrap();
        let described = PartitionedFrame::from_batches([batch]).describe().unwrap();
        assert_eq!(cell(&described, 0, "count").as_deref(), Some("1"));
        assert!(cell(&described, 0, "max").is_some());
        assert_eq!(cell(&described, 1, "count").as_deref(), Some("1"));
        assert_eq!(cell(&described, 1, "max"), None);
    }

    #[test]
    fn a_column_of_nulls_and_names_like_the_statistics() {
        let batch = batch! { "0 count" => [None::<f64>], "rows" => [true] };
        let described = PartitionedFrame::from_batches([batch.unwrap()]).describe().unwrap();
        assert_eq!(cell(&described, 0, "count").as_deref(), Some("0"));
        assert_eq!(cell(&described, 0, "nulls").as_deref(), Some("1"));
        assert_eq!(cell(&described, 0, "max"), None);
        assert_eq!(cell(&described, 1, "top").as_deref(), Some("true"));
    }
}
