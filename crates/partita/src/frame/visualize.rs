//! A frame as a picture: its plan, the optimized plan, its stages and their tasks. Next: `explain/mod.rs`.

use std::path::Path;

use super::PartitionedFrame;
use crate::error::Result;
use crate::explain::{Drawing, Format, Picture, View, draw_to, plan_picture, stages_picture};

impl PartitionedFrame {
    /// Draws what the chain will do into a file, without running it: `graph.svg`, `graph.html` (a page on which
    /// one can move, zoom and search), `graph.dot` or `graph.txt`. Nothing needs to be installed. A page of
    /// HTML and a text hold the plan, the optimized plan, the stages and the tasks; the others the stages.
    ///
    /// # Errors
    /// A step could not be bound, or the file cannot be written.
    ///
    /// # Example
    /// ```no_run
    /// use partita::prelude::*;
    ///
    /// let flights = read_csv("testdata/nycflights13/flights");
    /// flights.groupby(["carrier"]).agg([col("dep_delay").mean()]).visualize("flights.svg")?;
    /// # Ok::<(), partita::Error>(())
    /// ```
    pub fn visualize(&self, path: impl AsRef<Path>) -> Result<()> {
        self.visualize_with(path, &Drawing::new())
    }

    /// As [`PartitionedFrame::visualize`], drawn as `drawing` says.
    ///
    /// # Errors
    /// As [`PartitionedFrame::visualize`].
    pub fn visualize_with(&self, path: impl AsRef<Path>, drawing: &Drawing) -> Result<()> {
        let path = path.as_ref();
        let format = Format::of(path)?;
        let views = match drawing.chosen_view() {
            Some(view) => vec![view],
            None if matches!(format, Format::Html | Format::Text) => {
                vec![View::Stages, View::Tasks, View::Optimized, View::Plan]
            }
            None => vec![View::Stages],
        };
        let pictures = views.into_iter().map(|view| self.picture(view)).collect::<Result<Vec<_>>>()?;
        draw_to(path, &pictures, drawing)
    }

    fn picture(&self, view: View) -> Result<Picture> {
        let plan = self.plan.clone()?;
        Ok(match view {
            View::Plan => plan_picture("plan", &plan),
            View::Optimized => plan_picture("optimized plan", &self.lowered()?.0),
            View::Stages => stages_picture("stages", &[self.lowered()?.1]),
            View::Tasks => crate::run::tasks_picture("tasks", &[self.lowered()?.1], &self.session)?,
        })
    }
}
