//! Decodes neighbouring record batches of one file, columns as the file has them.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, FieldRef};
use arrow::error::ArrowError;
use arrow::ipc;
use arrow::ipc::reader::{read_dictionary, read_record_batch};

use super::index::FileIndex;
use super::message::Message;
use crate::adapter::FileReader;
use crate::guard::guarded;
use crate::reserved::Reserved;
use crate::{DataFile, Error, ReadContext, Result};

/// A reader of some batches of a file.
pub(super) struct Batches {
    file: DataFile,
    index: Arc<FileIndex>,
    batches: Range<usize>,
    /// Ascending indices into the file's schema.
    wanted: Vec<usize>,
    needs_dictionaries: bool,
    /// By the file's number of them; only looked up, never walked.
    dictionaries: HashMap<i64, ArrayRef>,
    dictionaries_read: usize,
    dictionaries_held: Vec<Reserved>,
    context: ReadContext,
    /// For the batch that was handed out last.
    held: Vec<Reserved>,
    bytes_read: u64,
}

impl Batches {
    pub(super) fn new(
        file: DataFile,
        index: Arc<FileIndex>,
        batches: Range<usize>,
        wanted: Vec<usize>,
        context: ReadContext,
    ) -> Self {
        let needs_dictionaries =
            wanted.iter().any(|&column| has_dictionary(index.schema.field(column).data_type()));
        Batches {
            file,
            index,
            batches,
            wanted,
            needs_dictionaries,
            dictionaries: HashMap::new(),
            dictionaries_read: 0,
            dictionaries_held: Vec::new(),
            context,
            held: Vec::new(),
            bytes_read: 0,
        }
    }

    fn read_dictionaries(&mut self, until: usize) -> Result<()> {
        while self.needs_dictionaries && self.dictionaries_read < until {
            let block = self.index.dictionaries[self.dictionaries_read];
            let message = Message::read(&self.file, &block, &self.context)?;
            let parsed = message.parsed()?;
            let dictionary = parsed
                .header_as_dictionary_batch()
                .ok_or_else(|| Error::corrupt("the file takes another message for a dictionary"))?;
            let values = dictionary.data().ok_or_else(|| Error::corrupt("a dictionary has no values"))?;
            let unpacked = message.check(values, &self.context.limits)?;
            let (schema, version) = (&self.index.schema, parsed.version());
            let dictionaries = &mut self.dictionaries;
            let held = Reserved::new(&self.context.memory, to_usize(unpacked)?)?;
            decoded(|| read_dictionary(&message.body, dictionary, schema, dictionaries, &version))?;
            self.dictionaries_held.extend([held, message.held]);
            self.dictionaries_read += 1;
            self.bytes_read += block.len();
        }
        Ok(())
    }

    fn read_batch(&mut self, number: usize) -> Result<RecordBatch> {
        let at = self.index.batches[number].clone();
        self.read_dictionaries(at.dictionaries)?;
        let message = Message::read(&self.file, &at.block, &self.context)?;
        self.bytes_read += at.block.len();
        let (batch, unpacked) = {
            let parsed = message.parsed()?;
            let batch = parsed
                .header_as_record_batch()
                .ok_or_else(|| Error::corrupt("the file takes another message for a record batch"))?;
            check_first_node(batch)?;
            let unpacked = to_usize(message.check(batch, &self.context.limits)?)?;
            let unpacked = Reserved::new(&self.context.memory, unpacked)?;
            let (schema, version) = (Arc::clone(&self.index.schema), parsed.version());
            let decode = || {
                read_record_batch(
                    &message.body,
                    batch,
                    schema,
                    &self.dictionaries,
                    Some(&self.wanted),
                    &version,
                )
            };
            (decoded(decode)?, unpacked)
        };
        if batch.num_rows() as u64 != at.rows {
            return Err(Error::corrupt("a record batch has other rows than its metadata said"));
        }
        self.held = vec![message.held, unpacked];
        Ok(batch)
    }
}

impl FileReader for Batches {
    fn next_columns(&mut self) -> Result<Option<(Vec<ArrayRef>, usize)>> {
        self.held.clear();
        let Some(number) = self.batches.next() else {
            self.file.check_unchanged()?;
            return Ok(None);
        };
        let batch = self
            .read_batch(number)
            .map_err(|error| error.in_record_batch(number).in_file(self.file.path()))?;
        Ok(Some((batch.columns().to_vec(), batch.num_rows())))
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read
    }
}

/// Runs the arrow crate's decoder. Its panics and its complaints are both the file's fault.
fn decoded<T>(decode: impl FnOnce() -> std::result::Result<T, ArrowError>) -> Result<T> {
    guarded("Arrow IPC", || {
        decode().map_err(|error| match error {
            ArrowError::NotYetImplemented(what) => Error::unsupported(what),
            other => Error::corrupt(format!("the file is damaged: {other}")),
        })
    })
}

/// Without any column read, the number of rows is only what the batch says; its first column must agree.
fn check_first_node(batch: ipc::RecordBatch<'_>) -> Result<()> {
    match batch.nodes().and_then(|nodes| nodes.iter().next()) {
        Some(node) if node.length() != batch.length() => {
            Err(Error::corrupt("a record batch has other rows than its first column"))
        }
        _ => Ok(()),
    }
}

fn to_usize(bytes: u64) -> Result<usize> {
    usize::try_from(bytes).map_err(|_| Error::memory("a record batch does not fit in memory"))
}

fn has_dictionary(data_type: &DataType) -> bool {
    let field = |field: &FieldRef| has_dictionary(field.data_type());
    match data_type {
        DataType::Dictionary(_, _) => true,
        DataType::Union(fields, _) => fields.iter().any(|(_, nested)| field(nested)),
        DataType::RunEndEncoded(_, values) => field(values),
        DataType::Struct(fields) => fields.iter().any(field),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => field(item),
        _ => false,
    }
}
