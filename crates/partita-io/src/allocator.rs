//! What programs ask of mimalloc, if that is their allocator: the feature `mimalloc`. Nothing in the engine depends on it.

use std::ffi::{c_int, c_long};

/// `mi_option_purge_delay` of version 2, in milliseconds; the bindings have no name for it.
const PURGE_DELAY: c_int = 15;
/// A second: a run asks again for most of what it frees, and a page that the system has to clear costs more than what is
/// written to it.
const KEPT: c_long = 1_000;

/// Lets version 2 of mimalloc keep memory that was freed for a second before the system gets it back, instead of 10 ms.
///
/// For the start of programs whose allocator it is, as it is that of the `partita` command. Sorts and group-bys of many
/// groups are up to a fifth faster, and the resident size grows by up to a fifth.
pub fn keep_freed_memory() {
    // SAFETY: the option is one of mimalloc's own, which all threads read and write as atomics.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, KEPT) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_the_delay_that_is_set() {
        // SAFETY: as above.
        let delay = || unsafe { libmimalloc_sys::mi_option_get(super::PURGE_DELAY) };
        // 10 ms by default, as few of its options are.
        assert_eq!(delay(), 10);
        super::keep_freed_memory();
        assert_eq!(delay(), 1_000);
    }
}
