//! Where the messages of a file are, and its schema: from the footer of a file, or by walking a stream.
//!
//! `message.rs` reads the messages found here.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::ipc;

use super::message::{self, Block};
use crate::guard::guarded;
use crate::reserved::Reserved;
use crate::{DataFile, Error, Limits, ReadContext, Result};

const MAGIC: &[u8; 6] = b"ARROW1";
/// Magic and padding at the start of a file.
const HEAD_BYTES: u64 = 8;
/// Length of the footer and magic at the end.
const TAIL_BYTES: u64 = 10;

/// One record batch.
#[derive(Clone, Debug)]
pub(super) struct BatchAt {
    pub(super) block: Block,
    pub(super) rows: u64,
    /// How many of the file's dictionaries must be read before it.
    pub(super) dictionaries: usize,
}

/// What is in a file.
#[derive(Debug)]
pub(super) struct FileIndex {
    /// As the file has it.
    pub(super) schema: SchemaRef,
    pub(super) batches: Vec<BatchAt>,
    pub(super) dictionaries: Vec<Block>,
}

impl FileIndex {
    /// Reads the index of a file.
    pub(super) fn read(file: &DataFile, context: &ReadContext) -> Result<Self> {
        let mut first = [0; 8];
        let count = file.read_full_at(0, &mut first)?;
        let first = &first[..count];
        if first.is_empty() {
            return Err(Error::corrupt("the file is empty, which no Arrow IPC file is"));
        }
        if first.starts_with(MAGIC) {
            footer(file, context)
        } else if first.starts_with(&message::CONTINUATION) {
            stream(file, context)
        } else if first.starts_with(b"FEA1") {
            Err(Error::unsupported("Feather version 1"))
        } else {
            Err(Error::corrupt(
                "the file is neither an Arrow IPC file nor a stream; its first bytes are unknown",
            ))
        }
    }
}

fn footer(file: &DataFile, context: &ReadContext) -> Result<FileIndex> {
    let cut_off =
        || Error::corrupt("the file does not end as an Arrow IPC file does; it is probably cut off");
    let end = file.len().checked_sub(TAIL_BYTES).filter(|end| *end >= HEAD_BYTES).ok_or_else(cut_off)?;
    let mut tail = [0; TAIL_BYTES as usize];
    file.read_exact_at(end, &mut tail)?;
    let (len, magic) = tail.split_at(4);
    if magic != MAGIC {
        return Err(cut_off());
    }
    let len = i32::from_le_bytes([len[0], len[1], len[2], len[3]]);
    let len = u64::try_from(len).map_err(|_| Error::corrupt("the length of the footer is negative"))?;
    message::check_metadata_len(len, &context.limits)?;
    let start = end.checked_sub(len).filter(|start| *start >= HEAD_BYTES);
    let start = start
        .ok_or_else(|| Error::corrupt(format!("the footer is to have {len} bytes, more than the file")))?;
    let _held = Reserved::new(&context.memory, len as usize)?;
    let bytes = file.read_range(start, len)?;
    let footer = ipc::root_as_footer(&bytes)
        .map_err(|error| Error::corrupt(format!("the footer is damaged: {error}")))?;
    let schema = footer.schema().ok_or_else(|| Error::corrupt("the footer has no schema"))?;
    let schema = schema_of(schema, &context.limits)?;

    let block = |block: &ipc::Block| {
        Block::within(
            block.offset(),
            block.metaDataLength(),
            block.bodyLength(),
            HEAD_BYTES..start,
            &context.limits,
        )
    };
    let dictionaries = footer.dictionaries().into_iter().flatten().map(block).collect::<Result<Vec<_>>>()?;
    let mut batches = Vec::new();
    for (number, at) in footer.recordBatches().into_iter().flatten().enumerate() {
        let batch = block(at).and_then(|block| {
            let rows = message::rows(file, &block)?;
            Ok(BatchAt { block, rows, dictionaries: dictionaries.len() })
        });
        batches.push(batch.map_err(|error| error.in_record_batch(number))?);
    }
    Ok(FileIndex { schema, batches, dictionaries })
}

/// Walks from message to message; only their metadata is read.
fn stream(file: &DataFile, context: &ReadContext) -> Result<FileIndex> {
    let no_end = || {
        Error::corrupt(
            "the stream has no end marker, so it may be cut off; write it again, or finish its writer",
        )
    };
    let mut at = 0u64;
    let mut schema = None;
    let (mut batches, mut dictionaries) = (Vec::new(), Vec::new());
    loop {
        let mut head = [0; 8];
        if file.read_full_at(at, &mut head)? < head.len() {
            return Err(no_end());
        }
        if !head.starts_with(&message::CONTINUATION) {
            return Err(Error::corrupt("a message does not begin where the one before ends").at_byte(at));
        }
        let len = i32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        if len == 0 {
            break;
        }
        let end = at.saturating_add(8).saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
        if end > file.len() {
            return Err(no_end());
        }
        let (kind, body) = message::outline(file, at, len, &context.limits)?;
        let len = i32::try_from(end - at).map_err(|_| Error::corrupt("a message is too long").at_byte(at))?;
        let offset = i64::try_from(at).map_err(|_| Error::corrupt("the stream is too long"))?;
        let block = Block::within(offset, len, body, 0..file.len(), &context.limits);
        match (kind, &schema) {
            (message::Kind::Schema, None) => schema = Some(message::schema(file, at, &context.limits)?),
            (message::Kind::Schema, Some(_)) => {
                return Err(Error::corrupt("the stream has a second schema").at_byte(at));
            }
            (_, None) => return Err(Error::corrupt("the stream does not begin with its schema").at_byte(at)),
            (message::Kind::Dictionary, _) => dictionaries.push(block?),
            (message::Kind::Batch { rows }, _) => {
                batches.push(BatchAt { block: block?, rows, dictionaries: dictionaries.len() });
            }
        }
        let body =
            u64::try_from(body).map_err(|_| Error::corrupt("a message has a negative length").at_byte(at))?;
        at = end.saturating_add(body);
    }
    if at + 8 != file.len() {
        return Err(Error::corrupt(
            "bytes follow the end of the stream; two streams in one file are to be cut apart",
        )
        .at_byte(at + 8));
    }
    let schema = schema.ok_or_else(|| Error::corrupt("the stream has no schema"))?;
    Ok(FileIndex { schema, batches, dictionaries })
}

/// The schema, checked against the limits before anything recurses into it.
pub(super) fn schema_of(schema: ipc::Schema<'_>, limits: &Limits) -> Result<SchemaRef> {
    if schema.endianness() != ipc::Endianness::Little {
        return Err(Error::unsupported("an Arrow IPC file in big-endian byte order"));
    }
    let columns = schema.fields().map_or(0, |fields| fields.len());
    if columns > limits.columns {
        return Err(Error::limit("the number of columns", columns as u64, limits.columns as u64, "columns"));
    }
    let schema: Schema = guarded("Arrow IPC", || Ok(ipc::convert::fb_to_schema(schema)))?;
    for field in schema.fields() {
        let depth = depth(field.data_type());
        if depth > limits.nesting {
            return Err(Error::limit("the nesting of types", depth as u64, limits.nesting as u64, "nesting")
                .in_column(field.name()));
        }
    }
    Ok(Arc::new(schema))
}

/// How deep lists, structs and maps are nested. The flatbuffer verifier has bounded this already.
fn depth(data_type: &DataType) -> usize {
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _)
        | DataType::RunEndEncoded(_, item) => 1 + depth(item.data_type()),
        DataType::Struct(fields) => {
            1 + fields.iter().map(|field| depth(field.data_type())).max().unwrap_or(0)
        }
        DataType::Union(fields, _) => {
            1 + fields.iter().map(|(_, field)| depth(field.data_type())).max().unwrap_or(0)
        }
        DataType::Dictionary(_, value) => depth(value),
        _ => 0,
    }
}
