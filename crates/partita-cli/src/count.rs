//! `partita count`: the number of rows.

use std::io::Write;

use partita::arrow::array::AsArray;
use partita::arrow::datatypes::Int64Type;
use partita::{Expr, col, size};

use crate::arguments::CountArguments;
use crate::failure::Failure;
use crate::reading;
use crate::running::Running;

pub(crate) fn run(arguments: &CountArguments) -> Result<(), Failure> {
    let running = Running::start(&arguments.run)?;
    let frame = reading::frame(&arguments.sources, &arguments.read, &running.session)?;
    let mut aggregates = vec![size().alias("rows")];
    if reading::rows_depend_on_values(&arguments.read) {
        // A column that nobody asks for is not read, and its bad values would go unseen.
        let schema = frame.schema()?;
        let read = schema.fields().iter().enumerate();
        aggregates
            .extend(read.map(|(at, field)| -> Expr { col(field.name()).count().alias(format!("{at}")) }));
    }
    let table = running.work(|| frame.agg(aggregates).compute())?;
    let counts = table.to_batch()?;
    let counts = counts.columns().first().and_then(|column| column.as_primitive_opt::<Int64Type>());
    let rows: i64 = counts.into_iter().flatten().flatten().sum();
    reading::tell(table.report().notices());
    writeln!(std::io::stdout().lock(), "{rows}")?;
    Ok(())
}
