//! One message: read whole, and everything that it declares about itself checked before the decoder of the
//! arrow crate may take memory for it.

use std::ops::Range;

use arrow::buffer::{Buffer, MutableBuffer};
use arrow::datatypes::SchemaRef;
use arrow::ipc;

use super::{index, lz4};
use crate::reserved::Reserved;
use crate::{DataFile, Error, Limits, ReadContext, Result};

pub(super) const CONTINUATION: [u8; 4] = [0xff; 4];
/// Bytes before the ratio of decompression is looked at.
const RATIO_FREE_BYTES: u64 = 64 << 20;
/// More rows than any writer puts in one batch; without columns nothing else bounds the number.
const BATCH_ROWS_MAX: i64 = i32::MAX as i64;

/// Where a message is: its metadata, prefix included, then its body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    offset: u64,
    metadata: u64,
    body: u64,
}

/// What a message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Schema,
    Dictionary,
    Batch { rows: u64 },
}

/// A message in memory.
#[derive(Debug)]
pub(super) struct Message {
    metadata: Buffer,
    pub(super) body: Buffer,
    /// What the message and its arrays take.
    pub(super) held: Reserved,
}

impl Block {
    /// A block that lies within `range` of the file.
    pub(super) fn within(
        offset: i64,
        metadata: i32,
        body: i64,
        range: Range<u64>,
        limits: &Limits,
    ) -> Result<Self> {
        let damaged = || Error::corrupt("the place of a message is not within the file");
        let offset = u64::try_from(offset).map_err(|_| damaged())?;
        let metadata = u64::try_from(metadata).map_err(|_| damaged())?;
        let body = u64::try_from(body).map_err(|_| damaged())?;
        check_metadata_len(metadata, limits)?;
        let end = offset.checked_add(metadata).and_then(|end| end.checked_add(body)).ok_or_else(damaged)?;
        if offset < range.start || end > range.end || metadata < 8 {
            return Err(damaged());
        }
        Ok(Block { offset, metadata, body })
    }

    /// Bytes of metadata and body.
    pub(super) fn len(&self) -> u64 {
        self.metadata + self.body
    }
}

pub(super) fn check_metadata_len(len: u64, limits: &Limits) -> Result<()> {
    if len > limits.footer_bytes as u64 {
        return Err(Error::limit(
            "the length of a footer or of metadata",
            len,
            limits.footer_bytes as u64,
            "footer_bytes",
        ));
    }
    Ok(())
}

fn parsed(metadata: &[u8]) -> Result<ipc::Message<'_>> {
    // Files older than version 0.15 of the format lack the continuation marker.
    let prefix = if metadata.starts_with(&CONTINUATION) { 8 } else { 4 };
    let message = metadata.get(prefix..).unwrap_or_default();
    ipc::root_as_message(message)
        .map_err(|error| Error::corrupt(format!("the metadata of a message is damaged: {error}")))
}

fn rows_of(batch: ipc::RecordBatch<'_>) -> Result<u64> {
    if !(0..=BATCH_ROWS_MAX).contains(&batch.length()) {
        return Err(Error::corrupt(format!("a record batch is to have {} rows", batch.length())));
    }
    Ok(batch.length() as u64)
}

/// The rows of the record batch in `block`, by its metadata.
pub(super) fn rows(file: &DataFile, block: &Block) -> Result<u64> {
    let metadata = file.read_range(block.offset, block.metadata)?;
    let batch = parsed(&metadata)?.header_as_record_batch();
    rows_of(batch.ok_or_else(|| Error::corrupt("the footer takes another message for a record batch"))?)
}

/// What the message of a stream at `at` is, and the length of its body. `len` is what its prefix says.
pub(super) fn outline(file: &DataFile, at: u64, len: i32, limits: &Limits) -> Result<(Kind, i64)> {
    let metadata = stream_metadata(file, at, len, limits)?;
    let message = parsed(&metadata)?;
    let kind = match message.header_type() {
        ipc::MessageHeader::Schema => Kind::Schema,
        ipc::MessageHeader::DictionaryBatch => Kind::Dictionary,
        ipc::MessageHeader::RecordBatch => {
            let batch = message.header_as_record_batch();
            Kind::Batch {
                rows: rows_of(batch.ok_or_else(|| Error::corrupt("a record batch has no header"))?)?,
            }
        }
        other => {
            return Err(Error::unsupported(format!("a stream with messages of kind {other:?}")).at_byte(at));
        }
    };
    Ok((kind, message.bodyLength()))
}

/// The schema in the message of a stream at `at`.
pub(super) fn schema(file: &DataFile, at: u64, limits: &Limits) -> Result<SchemaRef> {
    let mut len = [0; 4];
    file.read_exact_at(at + 4, &mut len)?;
    let metadata = stream_metadata(file, at, i32::from_le_bytes(len), limits)?;
    let schema = parsed(&metadata)?.header_as_schema();
    index::schema_of(schema.ok_or_else(|| Error::corrupt("the schema message has no schema"))?, limits)
}

fn stream_metadata(file: &DataFile, at: u64, len: i32, limits: &Limits) -> Result<Vec<u8>> {
    let len =
        u64::try_from(len).map_err(|_| Error::corrupt("a message has a negative length").at_byte(at))?;
    check_metadata_len(len, limits)?;
    file.read_range(at, len + 8)
}

impl Message {
    /// Reads metadata and body.
    pub(super) fn read(file: &DataFile, block: &Block, context: &ReadContext) -> Result<Self> {
        let len =
            usize::try_from(block.len()).map_err(|_| Error::memory("a message does not fit in memory"))?;
        let held = Reserved::new(&context.memory, len)?;
        // The block lies within the file, so this is no more than the file's length.
        let mut bytes = MutableBuffer::from_len_zeroed(len);
        file.read_exact_at(block.offset, &mut bytes)?;
        let bytes = Buffer::from(bytes);
        let metadata = bytes.slice_with_length(0, block.metadata as usize);
        Ok(Message { metadata, body: bytes.slice(block.metadata as usize), held })
    }

    pub(super) fn parsed(&self) -> Result<ipc::Message<'_>> {
        parsed(&self.metadata)
    }

    /// Checks the buffers of a record batch (or of a dictionary's values) against the body, and what they
    /// swell to against limits and budget.
    pub(super) fn check(&self, batch: ipc::RecordBatch<'_>, limits: &Limits) -> Result<u64> {
        rows_of(batch)?;
        let codec = batch.compression().map(|compression| compression.codec());
        let (mut packed, mut unpacked) = (0u64, 0u64);
        for buffer in batch.buffers().into_iter().flatten() {
            let bytes = range(buffer.offset(), buffer.length(), self.body.len())
                .and_then(|range| self.body.get(range))
                .ok_or_else(|| Error::corrupt("a buffer does not lie within its message"))?;
            let (Some(codec), false) = (codec, bytes.is_empty()) else { continue };
            let Some((len, content)) = bytes.split_first_chunk::<8>() else {
                return Err(Error::corrupt("a compressed buffer is too short"));
            };
            let declared = match i64::from_le_bytes(*len) {
                -1 => continue,
                declared => u64::try_from(declared)
                    .map_err(|_| Error::corrupt("a buffer declares a negative decompressed length"))?,
            };
            if codec == ipc::CompressionType::LZ4_FRAME {
                lz4::check(content, declared)?;
            }
            packed += bytes.len() as u64;
            unpacked = unpacked.saturating_add(declared);
        }
        let ratio = unpacked / packed.max(1);
        if unpacked > RATIO_FREE_BYTES && ratio > limits.decompression_ratio as u64 {
            let (what, limit) =
                ("the ratio of decompressed to compressed bytes", limits.decompression_ratio as u64);
            return Err(Error::limit(what, ratio, limit, "decompression_ratio"));
        }
        Ok(unpacked)
    }
}

fn range(offset: i64, len: i64, within: usize) -> Option<Range<usize>> {
    let (offset, len) = (usize::try_from(offset).ok()?, usize::try_from(len).ok()?);
    let end = offset.checked_add(len)?;
    (end <= within).then_some(offset..end)
}
