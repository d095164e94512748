//! Every run of delayed values goes through here: lower the wanted nodes, run the graph, say what went wrong.

use std::collections::HashMap;
use std::sync::Arc;

use partita_graph::{Cause, RunError, RunOptions};

use super::lower::{Lowered, lower};
use super::node::{NodeRef, Value};
use super::task::inherit;
use crate::error::{Error, Result};
use crate::session::Session;

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
    let session = inherit(session);
    let pool = session.pool()?;
    let Lowered { graph, outputs, .. } = lower(wanted, given)?;
    let options = RunOptions { cancel: session.cancel_token().clone(), ..RunOptions::default() };
    partita_graph::run(graph, &pool, &outputs, options).map_err(from_run_error)
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
