//! The passes in their order: named, timed, and verified to keep the columns and their types.
//!
//! Each pass is a function over all plans that are run together, so that one pass can find what they have in
//! common. `PARTITA_SKIP_PASSES=name,name` leaves passes out, which finds the one that broke a plan.

use std::time::Instant;

use super::{filters, fold, limits, projections, share, sides};
use crate::error::{Error, Result};
use crate::plan::PlanRef;

struct Pass {
    name: &'static str,
    run: fn(Vec<PlanRef>) -> Result<Vec<PlanRef>>,
}

const PASSES: [Pass; 6] = [
    Pass { name: "fold", run: fold::run },
    // Before filters and columns are pushed: they would make two equal sub-plans differ.
    Pass { name: "share", run: share::run },
    Pass { name: "filters", run: filters::run },
    Pass { name: "limits", run: limits::run },
    // After the filters: sizes are estimated with them.
    Pass { name: "sides", run: sides::run },
    Pass { name: "projections", run: projections::run },
];

/// Runs all passes over plans that will run together.
///
/// # Errors
/// Only a bug in a pass makes one.
pub(crate) fn optimize_all(plans: &[PlanRef]) -> Result<Vec<PlanRef>> {
    let skipped = std::env::var("PARTITA_SKIP_PASSES").unwrap_or_default();
    let mut plans = plans.to_vec();
    for pass in PASSES.iter().filter(|pass| !skipped.split(',').any(|name| name == pass.name)) {
        let started = Instant::now();
        let after = (pass.run)(plans.clone())?;
        tracing::debug!(pass = pass.name, micros = started.elapsed().as_micros() as u64, "optimized");
        verify(pass.name, &plans, &after)?;
        plans = after;
    }
    Ok(plans)
}

fn verify(pass: &str, before: &[PlanRef], after: &[PlanRef]) -> Result<()> {
    for (before, after) in before.iter().zip(after) {
        let columns = |plan: &PlanRef| -> Vec<_> {
            plan.schema
                .fields()
                .iter()
                .map(|field| (field.name().clone(), field.data_type().clone()))
                .collect()
        };
        if columns(before) != columns(after) {
            return Err(Error::internal(format!(
                "the optimizer pass `{pass}` changed the columns of a plan from {:?} to {:?}",
                columns(before),
                columns(after)
            )));
        }
    }
    Ok(())
}
