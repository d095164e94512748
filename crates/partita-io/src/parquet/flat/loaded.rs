//! Rows of a flat column that have been read: arrays of those of them that are wanted.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanBufferBuilder};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use bytes::Bytes;

use super::values::{Dictionary, INLINE, Shape, Store, fixed_array, view_array};
use crate::Result;

/// Rows of one page.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) rows: usize,
    /// `None` if no row is null.
    pub(super) valid: Option<BooleanBuffer>,
    pub(super) values: SegmentValues,
}

#[derive(Debug)]
pub(super) enum SegmentValues {
    /// Each below the dictionary's places.
    Codes(Vec<u32>, Arc<Dictionary>),
    /// Plain values without nulls, as they lie in the page.
    Plain(Bytes),
    Store(Store),
    Texts(Texts),
}

/// Views of the texts of a page, as an array can have them.
#[derive(Debug)]
pub(super) struct Texts {
    views: ScalarBuffer<u128>,
    /// What long ones point into.
    bytes: Bytes,
    is_long: bool,
}

impl SegmentValues {
    /// Values of which there is one for each row.
    pub(super) fn of_rows(store: Store) -> SegmentValues {
        let is_long = store.is_long();
        match store {
            Store::Views(views, bytes) => SegmentValues::Texts(Texts { views: views.into(), bytes, is_long }),
            store => SegmentValues::Store(store),
        }
    }
}

/// Which rows are wanted.
#[derive(Clone, Debug)]
pub(crate) enum Picked {
    /// So many, all.
    All(usize),
    /// These, ascending.
    Some(Vec<u32>),
}

impl Picked {
    pub(crate) fn len(&self) -> usize {
        match self {
            Picked::All(rows) => *rows,
            Picked::Some(rows) => rows.len(),
        }
    }

    /// The rows of the picked ones for which `keep`, one for each of them, is true.
    pub(crate) fn narrowed(self, keep: &BooleanBuffer) -> Picked {
        match self {
            Picked::All(rows) if keep.count_set_bits() == rows => Picked::All(rows),
            Picked::All(_) => Picked::Some(keep.set_indices_u32().collect()),
            Picked::Some(rows) => {
                Picked::Some(keep.set_indices().filter_map(|place| rows.get(place).copied()).collect())
            }
        }
    }
}

/// Some rows of a column, read but not yet made an array.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(super) shape: Shape,
    pub(super) data_type: DataType,
    /// The row of the batch that the first segment begins with.
    pub(super) first: usize,
    pub(super) segments: Vec<Segment>,
}

impl Loaded {
    /// An array of the picked rows, which must all have been read.
    pub(crate) fn array(&self, picked: &Picked) -> Result<ArrayRef> {
        let nulls = self.nulls(picked);
        if let Shape::Text | Shape::Binary = self.shape {
            return Ok(self.views(picked, nulls));
        }
        let (fours, eights) = (i32::from_le_bytes, i64::from_le_bytes);
        let buffer = match self.shape {
            Shape::Four => Buffer::from_vec(self.gather(picked, Store::fours, fours, |value| value)),
            Shape::Eight => Buffer::from_vec(self.gather(picked, Store::eights, eights, |value| value)),
            Shape::FourWide => Buffer::from_vec(self.gather(picked, Store::fours, fours, i128::from)),
            _ => Buffer::from_vec(self.gather(picked, Store::eights, eights, i128::from)),
        };
        fixed_array(&self.data_type, buffer, picked.len(), nulls)
    }

    /// Calls `each` for all segments with the picked rows in it, counted from its own first.
    pub(super) fn each_segment<'a>(
        &'a self,
        picked: &'a Picked,
        mut each: impl FnMut(&'a Segment, Part<'a>),
    ) {
        let mut first = self.first;
        let mut rest: &[u32] = match picked {
            Picked::All(_) => &[],
            Picked::Some(rows) => rows,
        };
        for segment in &self.segments {
            let end = first + segment.rows;
            match picked {
                Picked::All(_) => each(segment, Part::All(segment.rows)),
                Picked::Some(_) => {
                    let (here, after) = rest.split_at(rest.partition_point(|row| (*row as usize) < end));
                    rest = after;
                    each(segment, Part::Some(here, first as u32));
                }
            }
            first = end;
        }
    }

    pub(super) fn nulls(&self, picked: &Picked) -> Option<NullBuffer> {
        if self.segments.iter().all(|segment| segment.valid.is_none()) {
            return None;
        }
        let mut bits = BooleanBufferBuilder::new(picked.len());
        self.each_segment(picked, |segment, part| match (&segment.valid, part) {
            (None, part) => bits.append_n(part.len(), true),
            (Some(valid), Part::All(_)) => bits.append_buffer(valid),
            (Some(valid), Part::Some(rows, first)) => {
                rows.iter().for_each(|row| bits.append(valid.value((row - first) as usize)));
            }
        });
        Some(NullBuffer::new(bits.finish())).filter(|nulls| nulls.null_count() > 0)
    }

    /// The picked rows' values, which pages and stores have as `V`, as arrays have them.
    fn gather<'a, V: Copy + 'a, T, const N: usize>(
        &'a self,
        picked: &'a Picked,
        values_of: impl Fn(&'a Store) -> &'a [V],
        plain: impl Fn([u8; N]) -> V,
        wide: impl Fn(V) -> T,
    ) -> Vec<T> {
        let mut out: Vec<T> = Vec::with_capacity(picked.len());
        self.each_segment(picked, |segment, part| match (&segment.values, part) {
            (SegmentValues::Codes(codes, dictionary), Part::All(_)) => {
                let values = values_of(&dictionary.values);
                out.extend(codes.iter().map(|code| wide(values[*code as usize])));
            }
            (SegmentValues::Codes(codes, dictionary), Part::Some(rows, first)) => {
                let values = values_of(&dictionary.values);
                out.extend(rows.iter().map(|row| wide(values[codes[(row - first) as usize] as usize])));
            }
            (SegmentValues::Plain(bytes), Part::All(_)) => {
                out.extend(bytes.as_chunks().0.iter().map(|value| wide(plain(*value))));
            }
            (SegmentValues::Plain(bytes), Part::Some(rows, first)) => {
                let values = bytes.as_chunks().0;
                out.extend(rows.iter().map(|row| wide(plain(values[(row - first) as usize]))));
            }
            (SegmentValues::Store(store), Part::All(_)) => {
                out.extend(values_of(store).iter().map(|value| wide(*value)));
            }
            (SegmentValues::Store(store), Part::Some(rows, first)) => {
                let values = values_of(store);
                out.extend(rows.iter().map(|row| wide(values[(row - first) as usize])));
            }
            // Texts come out in `views`.
            (SegmentValues::Texts(_), _) => {}
        });
        out
    }

    fn views(&self, picked: &Picked, nulls: Option<NullBuffer>) -> ArrayRef {
        if let ([Segment { values: SegmentValues::Texts(texts), .. }], Picked::All(_)) =
            (self.segments.as_slice(), picked)
        {
            let buffers = if texts.is_long { vec![texts.bytes.clone()] } else { Vec::new() };
            return view_array(self.shape, texts.views.clone(), buffers, nulls);
        }
        let mut views: Vec<u128> = Vec::with_capacity(picked.len());
        let mut buffers: Vec<Bytes> = Vec::new();
        self.each_segment(picked, |segment, part| {
            let (values, bytes, is_long, codes) = match &segment.values {
                SegmentValues::Codes(codes, dictionary) => {
                    let Store::Views(values, bytes) = &dictionary.values else { return };
                    (values.as_slice(), bytes, dictionary.is_long, Some(codes))
                }
                SegmentValues::Texts(texts) => (&texts.views[..], &texts.bytes, texts.is_long, None),
                SegmentValues::Store(_) | SegmentValues::Plain(_) => return,
            };
            // Short texts lie in their views: without a long one the page need not be kept.
            let mut number = 0;
            if is_long {
                let known = buffers.iter().position(|known| known.as_ptr() == bytes.as_ptr());
                number = known.unwrap_or_else(|| {
                    buffers.push(bytes.clone());
                    buffers.len() - 1
                });
            }
            let shift = (number as u128) << 64;
            let placed = |view: u128| if view as u32 > INLINE { view + shift } else { view };
            match (part, codes) {
                (Part::All(_), Some(codes)) => {
                    views.extend(codes.iter().map(|code| placed(values[*code as usize])));
                }
                (Part::All(_), None) => views.extend(values.iter().map(|view| placed(*view))),
                (Part::Some(rows, first), Some(codes)) => {
                    let code = |row: &u32| codes[(row - first) as usize] as usize;
                    views.extend(rows.iter().map(|row| placed(values[code(row)])));
                }
                (Part::Some(rows, first), None) => {
                    views.extend(rows.iter().map(|row| placed(values[(row - first) as usize])));
                }
            }
        });
        view_array(self.shape, views.into(), buffers, nulls)
    }
}

/// The picked rows of one segment.
#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    All(usize),
    /// Rows of the batch, and which of its rows the segment begins with.
    Some(&'a [u32], u32),
}

impl Part<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Part::All(rows) => *rows,
            Part::Some(rows, _) => rows.len(),
        }
    }
}
