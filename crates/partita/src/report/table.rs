//! A report as a table in text.

use std::fmt;

use super::Report;
use crate::explain::number::{bytes, count, time};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.has_rows() {
            self.write_stages(f)?
        } else {
            self.write_functions(f)?
        }
        write!(
            f,
            "{} in all on {} threads, {:.0} % busy",
            time(self.elapsed),
            self.threads,
            self.busy_share() * 100.0
        )?;
        if self.has_rows() {
            let (peak, spilled) = (bytes(self.peak_memory as u64), bytes(self.spilled));
            write!(f, "; at most {peak} held, {spilled} spilled")?;
        }
        for notice in &self.notices {
            write!(f, "\nnote: {}", notice.message)?;
            if notice.rows > 0 {
                write!(f, " ({} rows)", count(notice.rows))?;
            }
        }
        if let Some(error) = &self.error {
            write!(f, "\nfailed: {error}")?;
        }
        Ok(())
    }
}

impl Report {
    fn write_stages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "stage  tasks      rows in     rows out        read        left       time       busy  work"
        )?;
        for stage in &self.stages {
            writeln!(
                f,
                "{:>5} {:>6} {:>12} {:>12} {:>11} {:>11} {:>10} {:>10}  {}",
                stage.id,
                count(stage.tasks as u64),
                count(stage.rows_in),
                count(stage.rows_out),
                bytes(stage.bytes_read),
                bytes(stage.bytes_out),
                time(stage.elapsed),
                time(stage.busy),
                stage.label
            )?;
        }
        Ok(())
    }

    /// Functions know nothing of rows.
    fn write_functions(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "    calls       time       busy  function")?;
        for stage in &self.stages {
            let calls = count(stage.tasks as u64);
            let (elapsed, busy) = (time(stage.elapsed), time(stage.busy));
            writeln!(f, "{calls:>9} {elapsed:>10} {busy:>10}  {}", stage.label)?;
        }
        Ok(())
    }
}
