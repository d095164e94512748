//! A panic of somebody else's decoder becomes an error.
//!
//! Malformed bytes make decoders panic now and then. What a step had half built is dropped with it, so nobody
//! sees a state that is not whole.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{Error, Result};

/// Runs one step of the decoder of `format`.
pub(crate) fn guarded<T>(format: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|payload| {
        let message = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Err(Error::corrupt(format!("the file is damaged: the {format} decoder gave up with `{message}`")))
    })
}
