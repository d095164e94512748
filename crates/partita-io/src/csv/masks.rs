//! 64 bytes to one bit each: the few vector instructions that the CSV index stands on.
//!
//! Two implementations of one trait with the same results, tested against each other: AVX2 with carry-less
//! multiplication, and plain 64-bit arithmetic for every other machine. `index.rs` is generic over them.

/// Bit masks of a block of 64 bytes.
pub(crate) trait Masks {
    /// Loads a block.
    fn load(block: &[u8; 64]) -> Self;
    /// A bit per byte equal to `byte`, the first byte in the lowest bit.
    fn equal(&self, byte: u8) -> u64;
    /// Bit `i` is the parity of the bits 0 to `i`.
    fn prefix_xor(bits: u64) -> u64;
}

/// Eight bytes at a time in ordinary registers.
pub(crate) struct Words([u64; 8]);

impl Masks for Words {
    #[inline(always)]
    fn load(block: &[u8; 64]) -> Self {
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(8)) {
            let mut eight = [0; 8];
            eight.copy_from_slice(bytes);
            *word = u64::from_le_bytes(eight);
        }
        Words(words)
    }

    #[inline(always)]
    fn equal(&self, byte: u8) -> u64 {
        const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
        let pattern = u64::from(byte) * 0x0101_0101_0101_0101;
        let mut mask = 0;
        for (index, word) in self.0.iter().enumerate() {
            let difference = word ^ pattern;
            // The high bit of each byte of `equal` is set exactly where the byte of `difference` is zero.
            let equal = !(((difference & LOW) + LOW) | difference | LOW);
            mask |= ((equal >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * index);
        }
        mask
    }

    #[inline(always)]
    fn prefix_xor(mut bits: u64) -> u64 {
        for shift in [1, 2, 4, 8, 16, 32] {
            bits ^= bits << shift;
        }
        bits
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::Avx2;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_set1_epi8, _mm256_cmpeq_epi8,
        _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_set1_epi8,
    };

    use super::Masks;

    /// Two vectors of 32 bytes. Only used inside functions compiled for AVX2 and PCLMULQDQ.
    pub(crate) struct Avx2(__m256i, __m256i);

    impl Avx2 {
        /// Whether this machine has what [`Avx2`] needs.
        pub(crate) fn is_available() -> bool {
            is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("pclmulqdq")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("popcnt")
        }
    }

    impl Masks for Avx2 {
        #[inline(always)]
        fn load(block: &[u8; 64]) -> Self {
            let pointer = block.as_ptr();
            // SAFETY: both loads lie within the 64 bytes of `block` and need no alignment. The caller of the
            // generic code has checked `Avx2::is_available`.
            unsafe { Avx2(_mm256_loadu_si256(pointer.cast()), _mm256_loadu_si256(pointer.add(32).cast())) }
        }

        #[inline(always)]
        fn equal(&self, byte: u8) -> u64 {
            // SAFETY: register arithmetic; AVX2 is there, see `load`.
            unsafe {
                let pattern = _mm256_set1_epi8(byte.cast_signed());
                let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(self.0, pattern)).cast_unsigned();
                let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(self.1, pattern)).cast_unsigned();
                u64::from(low) | u64::from(high) << 32
            }
        }

        #[inline(always)]
        fn prefix_xor(bits: u64) -> u64 {
            // SAFETY: register arithmetic; PCLMULQDQ is there, see `load`.
            unsafe {
                let product =
                    _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, bits.cast_signed()), _mm_set1_epi8(-1));
                _mm_cvtsi128_si64(product).cast_unsigned()
            }
        }
    }
}
