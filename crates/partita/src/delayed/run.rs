//! Every run of delayed values goes through here: lower the wanted nodes, run the graph, say what went wrong.

use std::collections::HashMap;
use std::sync::Arc;

use partita_graph::{Cause, RunError, RunOptions};

use super::account::Account;
use super::lower::{Lowered, lower};
use super::node::{NodeRef, Value};
use super::task::inherit;
use crate::error::{Error, Result};
use crate::report::Report;
use crate::session::Session;
use crate::watch::{Closely, Functions, Watch};

/// Computes `wanted` together, and returns their values in order.
pub(crate) fn run(wanted: &[NodeRef], session: &Session) -> Result<Vec<Arc<Value>>> {
    run_given(wanted, &HashMap::new(), session)
}

/// As [`run`], with the values of some nodes given, by node number.
pub(crate) fn run_given(
    wanted: &[NodeRef],
    given: &HashMap<u64, Arc<Value>>,
    session: &Session,
) -> Result<Vec<Arc<Value>>> {
    Ok(run_watched(wanted, given, session, None)?.0)
}

/// As [`run`], with a report of the run.
pub(crate) fn run_with_report(wanted: &[NodeRef], session: &Session) -> Result<(Vec<Arc<Value>>, Report)> {
    run_watched(wanted, &HashMap::new(), session, Some(Closely::Memory))
}

/// Runs, and watches if that was asked for or somebody looks at all runs of the session; else the report is
/// empty, and watching costs nothing.
fn run_watched(
    wanted: &[NodeRef],
    given: &HashMap<u64, Arc<Value>>,
    session: &Session,
    closely: Option<Closely>,
) -> Result<(Vec<Arc<Value>>, Report)> {
    let session = inherit(session);
    let pool = session.pool()?;
    let account = Account::of(&session);
    let lowered = lower(wanted, given, &account)?;
    let mut options = RunOptions { cancel: session.cancel_token().clone(), ..RunOptions::default() };
    if closely.is_none() && !Watch::wanted(&session) {
        let Lowered { graph, outputs, .. } = lowered;
        let values = partita_graph::run(graph, &pool, &outputs, options).map_err(from_run_error)?;
        return Ok((values, Report::default()));
    }
    let (picture, nodes) = lowered.picture("graph after its run");
    let functions = Arc::new(Functions::new(picture, nodes, account));
    let measures = Arc::clone(&functions);
    let watch = Watch::start("graph", &session, measures, closely.unwrap_or(Closely::Tasks));
    options.observer = Some(Arc::clone(&watch) as _);
    let Lowered { graph, outputs, .. } = lowered;
    let result = partita_graph::run(graph, &pool, &outputs, options).map_err(from_run_error);
    let report = watch.finish(result.as_ref().err(), Vec::new(), |report| functions.picture_of(report));
    Ok((result?, report))
}

fn from_run_error(error: RunError) -> Error {
    if error.is_cancelled() {
        return Error::cancelled();
    }
    let own = match error.cause() {
        Cause::Error(source) => source.downcast_ref::<Error>().cloned(),
        _ => None,
    };
    match (own, error.task()) {
        // A frame inside the graph says itself what went wrong.
        (Some(own), Some(task)) => own.context(format!("in task `{task}`")),
        _ => Error::task(error),
    }
}
