//! What the footers say about values: which row groups cannot hold a wanted row, and bounds for the planner.
//!
//! Bounds are used only where their meaning is certain. Old files gave bounds of text and unsigned numbers in
//! an order of the writer's choice: those are ignored. `prune.rs` of the crate compares bounds with terms.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, make_comparator, new_empty_array};
use arrow::compute::{SortOptions, cast};
use arrow::datatypes::DataType;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::basic::{ColumnOrder, ConvertedType, LogicalType, SortOrder, Type as PhysicalType};
use parquet::file::metadata::{FileMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics as ChunkStatistics;
use parquet::schema::types::ColumnDescriptor;

use super::footer::ParquetFile;
use super::guard::guarded;
use crate::file_columns::FileColumns;
use crate::prune::{Bounds, may_match};
use crate::{ColumnStatistics, Error, Prune};

/// Beyond this many column chunks the planner gets row counts only.
const MOST_CHUNKS: usize = 100_000;

/// For each row group of a file, whether it may hold a row that passes all terms.
pub(crate) fn kept(file: &ParquetFile, columns: &FileColumns, prune: &[Prune]) -> Vec<bool> {
    let mut kept = vec![true; file.metadata.num_row_groups()];
    for term in prune {
        let Some(bounds) = columns.file_index(term.column).and_then(|root| ColumnBounds::of(file, root))
        else {
            let gone = columns.constant(term.column).is_none() && columns.file_index(term.column).is_none();
            // A column that the file lacks is null in every row.
            if gone && !may_match(&Bounds { nulls: Some(1), rows: Some(1), ..Bounds::default() }, term) {
                kept.fill(false);
            }
            continue;
        };
        for (group, kept) in kept.iter_mut().enumerate() {
            *kept = *kept && bounds.may_match(group, term);
        }
    }
    kept
}

/// Bounds of one column in all row groups of a file.
struct ColumnBounds {
    min: ArrayRef,
    max: ArrayRef,
    facts: Vec<Facts>,
}

struct Facts {
    trusted: bool,
    exact: bool,
    nulls: Option<u64>,
    rows: u64,
}

impl ColumnBounds {
    /// `None` for nested columns and where nothing can be known.
    fn of(file: &ParquetFile, root: usize) -> Option<Self> {
        let leaf = file.reading.single_leaf(root)?;
        let metadata = file.metadata.file_metadata();
        let descriptor = metadata.schema_descr().column(leaf);
        if descriptor.max_rep_level() > 0 {
            return None;
        }
        let groups = file.metadata.row_groups();
        let field = file.schema().fields().get(root)?;
        let trust = trust(metadata, leaf, field.data_type());
        let facts: Vec<Facts> = groups.iter().map(|group| facts(group, leaf, &descriptor, trust)).collect();
        if trust == Trust::Never {
            let none = new_empty_array(field.data_type());
            return Some(ColumnBounds { min: Arc::clone(&none), max: none, facts });
        }
        let bounds = guarded(|| {
            let schema = metadata.schema_descr();
            let converter =
                StatisticsConverter::try_new(field.name(), file.schema(), schema).map_err(unusable)?;
            // It looks the column up by name, and names may occur twice.
            if converter.parquet_column_index() != Some(leaf) {
                return Err(Error::invalid("another column"));
            }
            let min = converter.row_group_mins(groups).map_err(unusable)?;
            Ok((min, converter.row_group_maxes(groups).map_err(unusable)?))
        });
        let (min, max) =
            bounds.ok().filter(|(min, max)| min.len() == groups.len() && max.len() == groups.len())?;
        Some(ColumnBounds { min, max, facts })
    }

    fn bound(&self, of: &ArrayRef, group: usize) -> Option<ArrayRef> {
        let trusted = self.facts.get(group)?.trusted;
        (trusted && group < of.len() && of.is_valid(group)).then(|| of.slice(group, 1))
    }

    fn may_match(&self, group: usize, term: &Prune) -> bool {
        let Some(facts) = self.facts.get(group) else { return true };
        let (min, max) = (self.bound(&self.min, group), self.bound(&self.max, group));
        let bounds = Bounds {
            min: min.as_ref(),
            max: max.as_ref(),
            exact: facts.exact,
            nulls: facts.nulls,
            rows: Some(facts.rows),
            no_nan: false,
        };
        may_match(&bounds, term)
    }
}

fn unusable(error: impl std::fmt::Display) -> Error {
    Error::corrupt(format!("the statistics cannot be read: {error}"))
}

fn facts(group: &RowGroupMetaData, leaf: usize, descriptor: &ColumnDescriptor, trust: Trust) -> Facts {
    let rows = u64::try_from(group.num_rows()).unwrap_or(0);
    let statistics = group.column(leaf).statistics();
    let nulls = statistics.and_then(ChunkStatistics::null_count_opt).filter(|nulls| *nulls <= rows);
    // A column that cannot be null has no nulls, whatever its writer counted.
    let nulls = if descriptor.max_def_level() == 0 { Some(0) } else { nulls };
    let exact = statistics.is_some_and(|statistics| {
        !is_bytes(descriptor) || (statistics.min_is_exact() && statistics.max_is_exact())
    });
    let trusted = statistics.is_some_and(|statistics| match statistics.is_min_max_deprecated() {
        true => trust == Trust::Always,
        false => trust != Trust::Never,
    });
    Facts { trusted, exact, nulls, rows }
}

/// Which bounds of a column mean what they seem to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Signed numbers: every writer has the same order.
    Always,
    /// Bounds in the order that the footer declares, not those of the deprecated kind.
    Declared,
    Never,
}

fn trust(file: &FileMetaData, leaf: usize, data_type: &DataType) -> Trust {
    let descriptor = file.schema_descr().column(leaf);
    if !is_ordered(data_type, &descriptor) {
        return Trust::Never;
    }
    let signed = !is_bytes(&descriptor) && descriptor.sort_order() == SortOrder::SIGNED;
    if signed || descriptor.physical_type() == PhysicalType::BOOLEAN {
        return Trust::Always;
    }
    match file.column_orders().and_then(|orders| orders.get(leaf)) {
        Some(ColumnOrder::TYPE_DEFINED_ORDER(order)) if *order != SortOrder::UNDEFINED => Trust::Declared,
        _ => Trust::Never,
    }
}

/// Whether bounds per page can be used.
pub(crate) fn is_trusted(file: &FileMetaData, leaf: usize, data_type: &DataType) -> bool {
    trust(file, leaf, data_type) != Trust::Never
}

fn is_bytes(descriptor: &ColumnDescriptor) -> bool {
    matches!(descriptor.physical_type(), PhysicalType::BYTE_ARRAY | PhysicalType::FIXED_LEN_BYTE_ARRAY)
}

/// Types whose order in the file is the order of the comparisons.
fn is_ordered(data_type: &DataType, descriptor: &ColumnDescriptor) -> bool {
    if descriptor.physical_type() == PhysicalType::INT96
        || descriptor.converted_type() == ConvertedType::INTERVAL
        || matches!(
            descriptor.logical_type_ref(),
            Some(LogicalType::Geometry { .. } | LogicalType::Geography { .. } | LogicalType::Variant { .. })
        )
    {
        return false;
    }
    matches!(
        data_type,
        DataType::Boolean
            | DataType::Utf8View
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_)
            | DataType::Date32
            | DataType::Date64
            | DataType::Time32(_)
            | DataType::Time64(_)
            | DataType::Timestamp(_, _)
            | DataType::Decimal32(_, _)
            | DataType::Decimal64(_, _)
            | DataType::Decimal128(_, _)
            | DataType::Decimal256(_, _)
    ) || data_type.is_primitive() && (data_type.is_integer() || data_type.is_floating())
}

/// Bounds and nulls of each of the source's own columns over all files; empty where there are too many.
pub(crate) fn statistics(
    files: &[Arc<ParquetFile>],
    columns: &[Arc<FileColumns>],
    schema: &arrow::datatypes::Schema,
    own: usize,
) -> Vec<ColumnStatistics> {
    let groups: usize = files.iter().map(|file| file.metadata.num_row_groups().max(1)).sum();
    if groups.saturating_mul(own) > MOST_CHUNKS {
        return Vec::new();
    }
    let known = (0..own).map(|column| {
        let mut all = Summary::default();
        let data_type = schema.field(column).data_type();
        for (file, columns) in files.iter().zip(columns) {
            match columns.file_index(column).map(|root| ColumnBounds::of(file, root)) {
                None => all.nulls = all.nulls.map(|sum| sum + file.rows()),
                Some(None) => all.forget(),
                Some(Some(bounds)) => {
                    (0..bounds.facts.len()).for_each(|group| all.add(&bounds, group, data_type));
                }
            }
        }
        ColumnStatistics { min: all.min, max: all.max, nulls: all.nulls }
    });
    known.chain((own..schema.fields().len()).map(|_| ColumnStatistics::default())).collect()
}

/// The union of bounds.
struct Summary {
    min: Option<ArrayRef>,
    max: Option<ArrayRef>,
    nulls: Option<u64>,
    lost: bool,
}

impl Default for Summary {
    fn default() -> Self {
        Summary { min: None, max: None, nulls: Some(0), lost: false }
    }
}

impl Summary {
    fn forget(&mut self) {
        (self.min, self.max, self.nulls, self.lost) = (None, None, None, true);
    }

    fn add(&mut self, bounds: &ColumnBounds, group: usize, data_type: &DataType) {
        let Some(facts) = bounds.facts.get(group) else { return };
        self.nulls = self.nulls.zip(facts.nulls).map(|(sum, nulls)| sum.saturating_add(nulls));
        // A group without values has no bounds to add.
        if self.lost || facts.nulls == Some(facts.rows) {
            return;
        }
        let own = |of: &ArrayRef| bounds.bound(of, group).and_then(|value| cast(&value, data_type).ok());
        let both = own(&bounds.min).zip(own(&bounds.max));
        let Some((min, max)) = both.filter(|(min, max)| min.is_valid(0) && max.is_valid(0)) else {
            (self.min, self.max, self.lost) = (None, None, true);
            return;
        };
        let less = |a: &ArrayRef, b: &ArrayRef| {
            make_comparator(a, b, SortOptions::default()).is_ok_and(|order| order(0, 0).is_lt())
        };
        if self.min.as_ref().is_none_or(|least| less(&min, least)) {
            self.min = Some(min);
        }
        if self.max.as_ref().is_none_or(|greatest| less(greatest, &max)) {
            self.max = Some(max);
        }
    }
}
