//! The crate's guard against panics of decoders, with the name of this one.

use crate::Result;

/// Runs one step of decoding. Callers drop what `step` borrowed when this returns an error.
pub(crate) fn guarded<T>(step: impl FnOnce() -> Result<T>) -> Result<T> {
    crate::guard::guarded("Parquet", step)
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
