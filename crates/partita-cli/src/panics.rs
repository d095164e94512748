//! Panics. Those of decoders and tasks are caught by the engine and come back as errors, so nothing is printed
//! when one starts; one that reaches the top of the command is reported as the bug that it is.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::{Mutex, PoisonError};

use crate::failure::Failure;

/// The last panic's message and place.
static LAST: Mutex<String> = Mutex::new(String::new());

/// Runs the command with panics as failures.
pub(crate) fn caught(command: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    set_hook(Box::new(|panic| {
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string();
    }));
    catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|_| {
        let message = LAST.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Err(Failure::Panic(message))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure_that_names_its_cause() {
        let failure = caught(|| panic!("the moon is missing")).expect_err("it panicked");
        assert!(failure.to_string().contains("the moon is missing"), "{failure}");
        drop(std::panic::take_hook());
    }
}
