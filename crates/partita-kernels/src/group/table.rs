//! The group table: packs a batch's keys chunk by chunk, looks them up, and widens the packing when a value does not fit.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, new_empty_array};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};

use super::column::{KeyColumn, Shape, shape};
use super::field::{Code, Field, Scratch};
use super::interner::Interner;
use super::layout::Layout;
use super::packed::PackedTable;
use crate::plain::{unpack, value_type, with_canonical_floats};
use crate::{Error, Result};

/// Rows packed and looked up at a time: keys and hashes of a chunk, and the slots and entries that are loaded for them
/// ahead, stay in the first-level cache.
pub(super) const CHUNK: usize = 128;

/// Distinct keys of the rows seen so far.
#[derive(Debug)]
pub struct GroupTable {
    pub(super) types: Vec<DataType>,
    /// Turns nested columns, which cannot be packed, into bytes.
    pub(super) converters: Vec<Option<RowConverter>>,
    /// Once the key takes too many words: turns whole keys into bytes, which are interned.
    pub(super) whole_row: Option<RowConverter>,
    pub(super) layout: Layout,
    pub(super) index: Index,
    pub(super) scratch: Scratch,
}

#[derive(Debug)]
pub(super) enum Index {
    /// Nothing seen yet, so nothing chosen yet.
    Empty,
    One(PackedTable<1>),
    Two(PackedTable<2>),
    Four(PackedTable<4>),
    Eight(PackedTable<8>),
    /// A single interned column: its codes are the groups.
    Codes,
}

impl GroupTable {
    /// An empty table for keys of these types.
    ///
    /// # Errors
    /// When a type has no notion of equality here, or when there is no key at all (all rows are then one group).
    pub fn new(key_types: &[DataType]) -> Result<GroupTable> {
        if key_types.is_empty() {
            return Err(Error::invalid("a group table needs at least one key column"));
        }
        let converters = key_types.iter().map(|data_type| match shape(value_type(data_type)) {
            Shape::Rows => row_converter(std::slice::from_ref(data_type)).map(Some),
            _ => Ok(None),
        });
        Ok(GroupTable {
            types: key_types.to_vec(),
            converters: converters.collect::<Result<_>>()?,
            whole_row: None,
            layout: Layout::default(),
            index: Index::Empty,
            scratch: Scratch::default(),
        })
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        match &self.index {
            Index::Empty => 0,
            Index::One(table) => table.keys().len(),
            Index::Two(table) => table.keys().len(),
            Index::Four(table) => table.keys().len(),
            Index::Eight(table) => table.keys().len(),
            Index::Codes => self.interner().map_or(0, |interner| interner.table.len()),
        }
    }

    /// Whether no row was seen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that the table holds.
    pub fn size_bytes(&self) -> usize {
        let index = match &self.index {
            Index::Empty | Index::Codes => 0,
            Index::One(table) => table.size_bytes(),
            Index::Two(table) => table.size_bytes(),
            Index::Four(table) => table.size_bytes(),
            Index::Eight(table) => table.size_bytes(),
        };
        let interned = self.layout.fields.iter().map(|field| match &field.code {
            Code::Interned(interner) => interner.size_bytes(),
            _ => 0,
        });
        index + interned.sum::<usize>()
    }

    /// Forgets all groups, keeping memory and the choice of representation for the next ones.
    pub fn clear(&mut self) {
        match &mut self.index {
            Index::Empty | Index::Codes => {}
            Index::One(table) => table.clear(),
            Index::Two(table) => table.clear(),
            Index::Four(table) => table.clear(),
            Index::Eight(table) => table.clear(),
        }
        for field in &mut self.layout.fields {
            if let Code::Interned(interner) = &mut field.code {
                interner.clear();
            }
        }
    }

    /// Writes the group number of each row of `keys` to `group_ids` (overwritten); a new key gets the next number. A key
    /// column may come as a dictionary of values of its type.
    ///
    /// # Errors
    /// When the columns are not of the table's types, or the groups outgrow 32 bits.
    pub fn upsert(&mut self, keys: &[ArrayRef], group_ids: &mut Vec<u32>) -> Result<()> {
        group_ids.clear();
        self.check(keys)?;
        let rows = keys[0].len();
        group_ids.reserve(rows);
        let mut columns = self.columns(keys)?;
        let mut start = 0;
        while start < rows {
            let chunk = start..rows.min(start + CHUNK);
            if self.len() + chunk.len() >= u32::MAX as usize {
                return Err(Error::overflow("the number of groups in one table", &DataType::UInt32));
            }
            if self.upsert_chunk(&columns, chunk.clone(), group_ids) {
                start = chunk.end;
            } else if !self.widen(&columns, start..rows)? {
                columns = self.columns(keys)?;
            }
        }
        Ok(())
    }

    fn check(&self, keys: &[ArrayRef]) -> Result<()> {
        let fits = keys.len() == self.types.len()
            && keys.iter().zip(&self.types).all(|(key, data_type)| is_of(key.data_type(), data_type));
        if !fits {
            let found: Vec<_> = keys.iter().map(|key| key.data_type().to_string()).collect();
            let wanted: Vec<_> = self.types.iter().map(DataType::to_string).collect();
            return Err(Error::invalid(format!(
                "group keys of types ({}) were given to a table for ({})",
                found.join(", "),
                wanted.join(", ")
            )));
        }
        match keys.iter().find(|key| key.len() != keys[0].len()) {
            Some(key) => Err(Error::invalid(format!(
                "group keys have {} and {} rows in one batch",
                keys[0].len(),
                key.len()
            ))),
            None => Ok(()),
        }
    }

    /// The keys of a batch in the forms that fields pack.
    fn columns(&self, keys: &[ArrayRef]) -> Result<Vec<KeyColumn>> {
        if let Some(converter) = &self.whole_row {
            return Ok(vec![rows_as_text(converter, keys)?]);
        }
        let columns = keys.iter().zip(&self.converters).map(|(key, converter)| match converter {
            Some(converter) => rows_as_text(converter, std::slice::from_ref(key)),
            None => KeyColumn::new(key),
        });
        columns.collect()
    }

    /// False if some value has no code in the present layout; then nothing was added.
    pub(super) fn upsert_chunk(
        &mut self,
        columns: &[KeyColumn],
        rows: Range<usize>,
        group_ids: &mut Vec<u32>,
    ) -> bool {
        let GroupTable { layout, index, scratch, .. } = self;
        match index {
            Index::Empty => false,
            Index::One(table) => upsert_packed(table, layout, columns, rows, scratch, group_ids),
            Index::Two(table) => upsert_packed(table, layout, columns, rows, scratch, group_ids),
            Index::Four(table) => upsert_packed(table, layout, columns, rows, scratch, group_ids),
            Index::Eight(table) => upsert_packed(table, layout, columns, rows, scratch, group_ids),
            Index::Codes => match (layout.fields.as_mut_slice(), columns) {
                ([Field { code: Code::Interned(interner), .. }], [texts]) => {
                    interner.upsert(texts, rows, group_ids)
                }
                _ => false,
            },
        }
    }

    /// The distinct keys, in the order of their group numbers.
    ///
    /// # Errors
    /// When a dictionary's key type is too narrow for the distinct values, or a text outgrows 32-bit offsets.
    pub fn keys(&self) -> Result<Vec<ArrayRef>> {
        let columns = match (&self.index, self.interner()) {
            (Index::Codes, Some(interner)) => {
                let (views, buffers, nulls) = interner.table.entries();
                vec![KeyColumn::Text(views, buffers, nulls)]
            }
            _ => self.layout.fields.iter().map(|field| self.decode(field, true)).collect(),
        };
        self.arrays(columns)
    }

    /// As [`GroupTable::keys`], leaving the table as [`GroupTable::clear`] does.
    ///
    /// # Errors
    /// As [`GroupTable::keys`].
    pub fn take_keys(&mut self) -> Result<Vec<ArrayRef>> {
        let keys = match (&self.index, self.layout.fields.as_mut_slice()) {
            (Index::Codes, [Field { code: Code::Interned(interner), .. }]) => {
                let (views, buffers, nulls) = interner.table.take_entries();
                self.arrays(vec![KeyColumn::Text(views, buffers, nulls)])
            }
            _ => self.keys(),
        };
        self.clear();
        keys
    }

    /// Arrays of the declared types from decoded columns (none before the first row).
    pub(super) fn arrays(&self, columns: Vec<KeyColumn>) -> Result<Vec<ArrayRef>> {
        if columns.is_empty() {
            return Ok(self.types.iter().map(new_empty_array).collect());
        }
        if let Some(converter) = &self.whole_row {
            return columns
                .into_iter()
                .next()
                .map_or(Ok(Vec::new()), |rows| rows_from_text(converter, rows, &self.types));
        }
        let columns = columns.into_iter().zip(&self.types).zip(&self.converters);
        let columns = columns.map(|((column, data_type), converter)| match converter {
            Some(converter) => {
                let mut arrays = rows_from_text(converter, column, std::slice::from_ref(data_type))?;
                arrays.pop().ok_or_else(|| Error::invalid("a row without its column"))
            }
            None => column.into_array(data_type),
        });
        columns.collect()
    }

    /// The groups' values of one field; interned ones as texts or as codes.
    pub(super) fn decode(&self, field: &Field, texts: bool) -> KeyColumn {
        match &self.index {
            Index::Empty | Index::Codes => KeyColumn::Codes(Vec::new()),
            Index::One(table) => field.decode(table.keys(), texts),
            Index::Two(table) => field.decode(table.keys(), texts),
            Index::Four(table) => field.decode(table.keys(), texts),
            Index::Eight(table) => field.decode(table.keys(), texts),
        }
    }

    fn interner(&self) -> Option<&Interner> {
        match self.layout.fields.as_slice() {
            [Field { code: Code::Interned(interner), .. }] => Some(interner),
            _ => None,
        }
    }
}

/// Whether a key of type `found` is one of type `wanted`, or a dictionary of such values.
fn is_of(found: &DataType, wanted: &DataType) -> bool {
    found == wanted || matches!(found, DataType::Dictionary(_, values) if **values == *wanted)
}

fn upsert_packed<const W: usize>(
    table: &mut PackedTable<W>,
    layout: &mut Layout,
    columns: &[KeyColumn],
    rows: Range<usize>,
    scratch: &mut Scratch,
    group_ids: &mut Vec<u32>,
) -> bool {
    let mut keys = [[0; W]; CHUNK];
    let keys = &mut keys[..rows.len()];
    let mut fields = layout.fields.iter_mut().zip(columns);
    if !fields.all(|(field, column)| field.encode(column, rows.clone(), keys, scratch)) {
        return false;
    }
    table.upsert(keys, group_ids);
    true
}

/// A converter of columns of these types, dictionaries unpacked.
pub(super) fn row_converter(types: &[DataType]) -> Result<RowConverter> {
    let fields: Vec<_> =
        types.iter().map(|data_type| SortField::new(value_type(data_type).clone())).collect();
    match types
        .iter()
        .zip(&fields)
        .find(|(_, field)| !RowConverter::supports_fields(std::slice::from_ref(field)))
    {
        Some((data_type, _)) => Err(Error::unsupported("grouping", data_type)),
        None => Ok(RowConverter::new(fields)?),
    }
}

/// Each row of `columns` as bytes that are equal if and only if the rows are.
pub(super) fn rows_as_text(converter: &RowConverter, columns: &[ArrayRef]) -> Result<KeyColumn> {
    let columns = columns.iter().map(|column| with_canonical_floats(&unpack(column)?));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let rows: ArrayRef = Arc::new(converter.convert_columns(&columns)?.try_into_binary()?);
    KeyColumn::new(&rows)
}

fn rows_from_text(converter: &RowConverter, rows: KeyColumn, types: &[DataType]) -> Result<Vec<ArrayRef>> {
    let rows = rows.into_array(&DataType::BinaryView)?;
    let rows = rows.as_binary_view();
    let parser = converter.parser();
    let arrays = converter.convert_rows(rows.bytes_iter().map(|bytes| parser.parse(bytes)))?;
    let arrays = arrays.into_iter().zip(types);
    arrays.map(|(array, t)| if array.data_type() == t { Ok(array) } else { Ok(cast(&array, t)?) }).collect()
}
