//! A panic of the decoder becomes an error.
//!
//! Malformed bytes make the decoder panic now and then. That must not take the process down, and what it had
//! half built is dropped with it, so that nobody sees a state that is not whole.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{Error, Result};

/// Runs one step of decoding.
pub(crate) fn guarded<T>(step: impl FnOnce() -> Result<T>) -> Result<T> {
    // Callers drop what `step` borrowed when this returns an error.
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(result) => result,
        Err(payload) => Err(Error::corrupt(format!(
            "the file is damaged: the Parquet decoder gave up with `{}`",
            message(payload.as_ref())
        ))),
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_message() {
        let error = guarded::<()>(|| panic!("index {} out of bounds", 7)).unwrap_err();
        assert!(error.to_string().contains("index 7 out of bounds"), "{error}");
    }
}
