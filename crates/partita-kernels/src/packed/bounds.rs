//! The least and the largest of numbers that are all there, in one go over them: with vector instructions where the
//! processor has them, for without those numbers of 64 bits are compared one by one.

use arrow::array::ArrowNativeTypeOp;

/// The least and the largest, if there are any.
pub(super) fn bounds<T: ArrowNativeTypeOp>(numbers: &[T]) -> Option<(T, T)> {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function was compiled for.
        return unsafe { with_avx2(numbers) };
    }
    plainly(numbers)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2<T: ArrowNativeTypeOp>(numbers: &[T]) -> Option<(T, T)> {
    plainly(numbers)
}

#[inline(always)]
pub(super) fn plainly<T: ArrowNativeTypeOp>(numbers: &[T]) -> Option<(T, T)> {
    let first = *numbers.first()?;
    Some(numbers.iter().fold((first, first), |(least, largest), number| {
        (
            if number.is_lt(least) { *number } else { least },
            if number.is_gt(largest) { *number } else { largest },
        )
    }))
}
