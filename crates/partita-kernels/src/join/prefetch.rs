//! Asks the processor for memory that a later step of a batch will read.

/// Starts loading `slice[index]` into the cache; any index is allowed, none is read.
#[inline(always)]
pub(super) fn prefetch<T>(slice: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch is a hint that never faults, whatever the address, and the address is computed by wrapping
        // arithmetic, so that no pointer outside its allocation is ever made by `add`.
        unsafe { _mm_prefetch(slice.as_ptr().wrapping_add(index).cast::<i8>(), _MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = (slice, index);
    }
}

#[cfg(test)]
mod tests {
    use super::prefetch;

    #[test]
    fn any_index_is_allowed() {
        let words = [1_u64, 2, 3];
        prefetch(&words, 1);
        prefetch(&words, usize::MAX);
        prefetch::<u64>(&[], 7);
        assert_eq!(words, [1, 2, 3]);
    }
}
