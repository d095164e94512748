//! `partita head`: the first rows.

use crate::arguments::HeadArguments;
use crate::failure::Failure;
use crate::running::Running;
use crate::{output, reading};

pub(crate) fn run(arguments: &HeadArguments) -> Result<(), Failure> {
    let running = Running::start(&arguments.run)?;
    let frame = reading::frame(&arguments.sources, &arguments.read, &running.session)?;
    let table = running.work(|| frame.head(arguments.rows).compute())?;
    reading::tell(table.report().notices());
    output::print(&arguments.output, table.schema(), &table.to_batches()?)
}
