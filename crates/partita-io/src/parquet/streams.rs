//! The encoding BYTE_STREAM_SPLIT: the first bytes of all values of a page, then their second ones, and so on. Bytes that
//! are alike come to lie side by side, and a compressor passes quickly over those that are not.
//!
//! `flat.rs` reads such pages; the writer, `dataset/encode/parquet/chunk.rs`, makes them of floats where that pays.

/// Appends values of four or eight bytes, stream by stream. Bytes beyond the last whole value are left out.
pub(crate) fn split(values: &[u8], width: usize, out: &mut Vec<u8>) {
    fn of<const WIDTH: usize>(values: &[u8], out: &mut Vec<u8>) {
        let (values, _) = values.as_chunks::<WIDTH>();
        for byte in 0..WIDTH {
            out.extend(values.iter().map(|value| value[byte]));
        }
    }
    match width {
        4 => of::<4>(values, out),
        _ => of::<8>(values, out),
    }
}

/// The values of streams, `None` if these are not equally long.
pub(crate) fn join(streams: &[u8], width: usize) -> Option<Vec<u8>> {
    fn of<const WIDTH: usize>(streams: &[u8], length: usize) -> Vec<u8> {
        let mut values = vec![[0; WIDTH]; length];
        for (byte, stream) in streams.chunks_exact(length.max(1)).enumerate() {
            values.iter_mut().zip(stream).for_each(|(value, part)| value[byte] = *part);
        }
        values.into_flattened()
    }
    if !streams.len().is_multiple_of(width) {
        return None;
    }
    let length = streams.len() / width;
    Some(match width {
        4 => of::<4>(streams, length),
        _ => of::<8>(streams, length),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_as_the_format_says() {
        // The example of the format's description: 0xAA00BBCC, 0xDD11EEFF and so on, as bytes.
        let values = [0xAA, 0xBB, 0xCC, 0xDD, 0x00, 0x11, 0x22, 0x33, 0xA3, 0xB4, 0xC5, 0xD6];
        let streams = [0xAA, 0x00, 0xA3, 0xBB, 0x11, 0xB4, 0xCC, 0x22, 0xC5, 0xDD, 0x33, 0xD6];
        let mut out = Vec::new();
        split(&values, 4, &mut out);
        assert_eq!(out, streams);
        assert_eq!(join(&streams, 4).unwrap(), values);
        assert_eq!(join(&streams, 8), None);
    }

    #[test]
    fn what_was_split_can_be_joined() {
        for width in [4, 8] {
            for count in [0, 1, 7, 1000] {
                let values: Vec<u8> = (0..width * count).map(|at| (at * 31 % 251) as u8).collect();
                let mut streams = vec![9];
                split(&values, width, &mut streams);
                assert_eq!(join(&streams[1..], width).unwrap(), values, "{width} {count}");
            }
        }
    }
}
