//! Plans, stages and graphs, shown: as text for `explain`, and as pictures for `visualize`.
//!
//! `plans.rs` and `stages.rs` know the frame's graphs and make a [`Picture`] of each (`picture.rs`); graphs of
//! delayed functions come as one. A picture goes through `draw.rs`: `collapse/` folds what repeats, `results.rs`
//! adds boxes for results, and then one drawer per format: `svg/` (which `layout/` tells where all stands),
//! `html/`, `dot.rs`, `text.rs`.

mod collapse;
mod dot;
mod draw;
mod escape;
#[cfg(test)]
mod gallery;
mod glyphs;
#[cfg(test)]
mod golden;
mod html;
mod layout;
mod neighbours;
pub(crate) mod number;
mod paint;
mod picture;
mod plans;
mod results;
mod runs;
mod shape;
mod stages;
mod svg;
mod text;

use crate::plan::PlanRef;
use crate::stage::StageRef;

pub use draw::{Colour, Direction, Drawing, View};
pub(crate) use draw::{Format, draw_to};
pub(crate) use escape::{json, xml};
pub(crate) use html::{head as page_head, panel as picture_panel};
pub(crate) use picture::{Group, Kind, Measured, Node as PictureNode, NodeId, Picture, State};
pub(crate) use plans::{picture as plan_picture, step_name, write_plan};
pub(crate) use stages::{all_of as stages_of, picture as stages_picture, picture_of_run};

/// The three sections of `explain`.
pub(crate) fn all(plan: &PlanRef, optimized: &PlanRef, root: &StageRef) -> String {
    format!("logical plan\n{plan}\noptimized plan\n{optimized}\nstages\n{}", stages::text(root))
}
