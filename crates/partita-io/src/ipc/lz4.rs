//! How much an LZ4 frame may swell, from its block headers alone.
//!
//! The decoder reads a frame to its end whatever length the file declared, so the frame is walked first.

use crate::{Error, Result};

/// Checks that the frame cannot hold more than `declared` bytes, but for the slack of its last block.
pub(super) fn check(frame: &[u8], declared: u64) -> Result<()> {
    let (most, block) = bound(frame)
        .ok_or_else(|| Error::corrupt("a buffer is not the LZ4 frame that it is declared to be"))?;
    if most > declared.saturating_add(block) {
        return Err(Error::corrupt(format!(
            "an LZ4 buffer is declared to have {declared} bytes but may hold {most}"
        )));
    }
    Ok(())
}

/// The most bytes that the frames may decompress to, and the size of their largest block.
fn bound(mut rest: &[u8]) -> Option<(u64, u64)> {
    let (mut most, mut largest) = (0u64, 0u64);
    while !rest.is_empty() {
        let magic = u32::from_le_bytes(*take(&mut rest)?);
        if magic & 0xffff_fff0 == 0x184d_2a50 {
            let len = u32::from_le_bytes(*take(&mut rest)?);
            rest = rest.get(len as usize..)?;
            continue;
        }
        if magic != 0x184d_2204 {
            return None;
        }
        let [flags, sizes] = *take::<2>(&mut rest)?;
        let block = 1u64 << (8 + 2 * u64::from((sizes >> 4) & 7));
        largest = largest.max(block);
        // Content size and dictionary number, if flagged, then the header's checksum.
        let extra = if flags & 8 != 0 { 8 } else { 0 } + if flags & 1 != 0 { 4 } else { 0 } + 1;
        rest = rest.get(extra..)?;
        loop {
            let size = u32::from_le_bytes(*take(&mut rest)?);
            if size == 0 {
                break;
            }
            let stored = u64::from(size & 0x7fff_ffff);
            let checksum = if flags & 16 != 0 { 4 } else { 0 };
            most += if size & 0x8000_0000 != 0 { stored } else { block.min(stored.saturating_mul(255)) };
            rest = rest.get(usize::try_from(stored).ok()?.checked_add(checksum)?..)?;
        }
        rest = rest.get(if flags & 4 != 0 { 4 } else { 0 }..)?;
    }
    Some((most, largest))
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(head)
}
