//! `partita convert`: files of one format to files of another.

use crate::arguments::ConvertArguments;
use crate::failure::{Failure, say};
use crate::running::Running;
use crate::{reading, writing};

pub(crate) fn run(arguments: &ConvertArguments) -> Result<(), Failure> {
    let options = writing::options(&arguments.destination, &arguments.write)?;
    let running = Running::start(&arguments.run)?;
    let frame = reading::frame(&arguments.sources, &arguments.read, &running.session)?;
    let written = running.work(|| frame.write(&arguments.destination, options))?;
    reading::tell(written.report.notices());
    let (files, rows) = (written.files, written.rows);
    say(&format!(
        "{rows} {} in {files} {} written to {}",
        if rows == 1 { "row" } else { "rows" },
        if files == 1 { "file" } else { "files" },
        arguments.destination.display()
    ));
    Ok(())
}
