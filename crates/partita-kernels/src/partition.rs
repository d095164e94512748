//! [`Scatter`]: rows into buckets by the highest bits of their hashes, which is what a shuffle writes.
//!
//! Rows are read in order, column by column, and each value is written to the next place of its bucket: the caches hold
//! one line for each bucket, where gathering would read each value from anywhere in the run (radix partitioning; see
//! Schuhknecht, Khanchandani, Dittrich, "On the Surprising Difficulty of Simple Things", VLDB 2015). Rows of one bucket
//! keep their order, so what a reader sees does not depend on how many buckets lie in one piece.

use std::ops::Range;
use std::slice::IterMut;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayData, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, BooleanArray,
    GenericByteViewArray, MAX_INLINE_VIEW_LEN, RecordBatch, make_array,
};
use arrow::buffer::{BooleanBuffer, MutableBuffer, NullBuffer, ScalarBuffer};
use arrow::compute::interleave;
use arrow::datatypes::{
    ArrowNativeType, BinaryViewType, ByteViewType, DataType, SchemaRef, StringViewType, i256,
};

use crate::packed::{Narrowing, NumberSpan, PackedBatch, PackedColumn, TextSpan, of_width, views_of};
use crate::plain::{natives, row_count};
use crate::take::compact_views;
use crate::{Error, Result};

/// Bits of the hash that choose a bucket: one byte for each row, and no more write streams than a cache has lines.
pub const BUCKET_BITS: u32 = 8;
/// How many buckets there are.
pub const BUCKETS: usize = 1 << BUCKET_BITS;

/// Batches whose rows are to be ordered by bucket.
#[derive(Debug)]
pub struct Scatter {
    batches: Vec<RecordBatch>,
    /// Of each row.
    buckets: Vec<u8>,
    /// Rows of each bucket.
    counts: [u32; BUCKETS],
}

impl Default for Scatter {
    fn default() -> Scatter {
        Scatter { batches: Vec::new(), buckets: Vec::new(), counts: [0; BUCKETS] }
    }
}

impl Scatter {
    /// Adds the rows of a batch, each with a hash. All batches have one schema.
    ///
    /// # Errors
    /// There are not as many hashes as rows, or more than `u32::MAX` rows in all.
    pub fn push(&mut self, batch: RecordBatch, hashes: &[u64]) -> Result<()> {
        if hashes.len() != batch.num_rows() {
            let (rows, hashes) = (batch.num_rows(), hashes.len());
            return Err(Error::invalid(format!("{rows} rows came with {hashes} hashes, which is a bug")));
        }
        row_count(self.buckets.len() + hashes.len())?;
        let counts = &mut self.counts;
        self.buckets.extend(hashes.iter().map(|hash| {
            let bucket = (hash >> (u64::BITS - BUCKET_BITS)) as u8;
            counts[usize::from(bucket)] += 1;
            bucket
        }));
        self.batches.push(batch);
        Ok(())
    }

    /// Where each bucket begins among the rows, and the end.
    pub fn offsets(&self) -> Box<[u32]> {
        let ends = self.counts.iter().scan(0, |end, count| {
            *end += count;
            Some(*end)
        });
        std::iter::once(0).chain(ends).collect()
    }

    /// The rows by bucket, packed, those of each range of buckets as a batch with memory of its own. The ranges are
    /// contiguous and hold all buckets. Columns of the batches are given up one by one.
    ///
    /// # Errors
    /// The batches differ in schema, or text with 32-bit offsets becomes larger than 2 GiB.
    pub fn into_pieces(self, pieces: &[Range<usize>]) -> Result<Vec<PackedBatch>> {
        let Some(first) = self.batches.first() else {
            return Err(Error::invalid("rows cannot be scattered from no batches, which is a bug"));
        };
        let (schema, width) = (first.schema(), first.num_columns());
        if self.batches.iter().any(|batch| batch.schema_ref() != &schema) {
            return Err(Error::invalid("batches of one run differ in their columns, which is a bug"));
        }
        let offsets = self.offsets();
        let rows: Vec<usize> = self.batches.iter().map(RecordBatch::num_rows).collect();
        let mut columns: Vec<Vec<ArrayRef>> = vec![Vec::new(); width];
        for batch in self.batches {
            let parts = columns.iter_mut().zip(batch.columns());
            parts.for_each(|(parts, part)| parts.push(Arc::clone(part)));
        }
        let narrowings: Vec<Narrowing> = columns.iter_mut().map(Narrowing::of).collect();
        let layout = Layout { buckets: &self.buckets, rows: &rows, offsets: &offsets, pieces };
        let mut places = layout.places(&schema, &narrowings);
        let mut scattered: Vec<Vec<PackedColumn>> = vec![Vec::new(); pieces.len()];
        for ((parts, narrowing), places) in columns.into_iter().zip(&narrowings).zip(&mut places) {
            let made = layout.column(&parts, narrowing, std::mem::take(places))?;
            scattered.iter_mut().zip(made).for_each(|(piece, kept)| piece.push(narrowing.column(kept)));
        }
        let batches = scattered.into_iter().zip(layout.lengths());
        Ok(batches.map(|(columns, rows)| PackedBatch::of_columns(&schema, columns, rows)).collect())
    }
}

/// The bytes of each value that is brought to its place as it is.
fn width(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::Utf8View | DataType::BinaryView => Some(size_of::<u128>()),
        // Those that are made of several numbers lie aligned to the smallest of them.
        DataType::Interval(_) => None,
        other => other.primitive_width(),
    }
}

/// Where rows go.
struct Layout<'a> {
    /// Of each row of all batches.
    buckets: &'a [u8],
    /// Of each batch.
    rows: &'a [usize],
    offsets: &'a [u32],
    pieces: &'a [Range<usize>],
}

impl Layout<'_> {
    fn len_of(&self, buckets: &Range<usize>) -> usize {
        (self.offsets[buckets.end] - self.offsets[buckets.start]) as usize
    }

    fn lengths(&self) -> impl Iterator<Item = usize> + '_ {
        self.pieces.iter().map(|piece| self.len_of(piece))
    }

    /// Of each batch's rows, the buckets.
    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.buckets;
        self.rows.iter().map(move |rows| {
            let (of_batch, others) = rest.split_at(*rows);
            rest = others;
            of_batch
        })
    }

    /// For each column room for the values of each piece, if they have one width. All of one piece is allocated together,
    /// for it is given up together, and allocators return memory only when what lies side by side is free.
    fn places(&self, schema: &SchemaRef, narrowings: &[Narrowing]) -> Vec<Vec<MutableBuffer>> {
        let fields = schema.fields().iter().zip(narrowings);
        let widths = fields.map(|(field, narrowing)| width(&narrowing.kept_type(field.data_type())));
        let widths: Vec<Option<usize>> = widths.collect();
        let mut places: Vec<Vec<MutableBuffer>> = widths.iter().map(|_| Vec::new()).collect();
        for rows in self.lengths() {
            for (width, places) in widths.iter().zip(&mut places) {
                places.extend(width.map(|width| MutableBuffer::from_len_zeroed(rows * width)));
            }
        }
        places
    }

    /// Brings one value for each row of each batch to its bucket.
    fn scatter<'a, T: Copy + 'a, P: Iterator<Item = T>>(
        &self,
        parts: impl Iterator<Item = P>,
        pieces: impl Iterator<Item = &'a mut [T]>,
    ) {
        let mut cursors: [IterMut<'_, T>; BUCKETS] = std::array::from_fn(|_| [].iter_mut());
        for (buckets, piece) in self.pieces.iter().zip(pieces) {
            let mut rest = piece;
            for bucket in buckets.clone() {
                let (of_bucket, others) = rest.split_at_mut(self.len_of(&(bucket..bucket + 1)));
                cursors[bucket] = of_bucket.iter_mut();
                rest = others;
            }
        }
        for (buckets, values) in self.parts().zip(parts) {
            for (bucket, value) in buckets.iter().zip(values) {
                if let Some(place) = cursors[usize::from(*bucket)].next() {
                    *place = value;
                }
            }
        }
    }

    /// [`scatter`](Layout::scatter) into vectors.
    fn scattered<T, P>(&self, parts: impl Iterator<Item = P>) -> Vec<Vec<T>>
    where
        T: Copy + Default,
        P: Iterator<Item = T>,
    {
        let mut pieces: Vec<Vec<T>> = self.lengths().map(|rows| vec![T::default(); rows]).collect();
        self.scatter(parts, pieces.iter_mut().map(Vec::as_mut_slice));
        pieces
    }

    /// What is kept of a column, in pieces.
    fn column(
        &self,
        parts: &[ArrayRef],
        narrowing: &Narrowing,
        places: Vec<MutableBuffer>,
    ) -> Result<Vec<ArrayRef>> {
        match (narrowing, parts[0].data_type()) {
            (Narrowing::Numbers(span) | Narrowing::Written(Some(span), _), of) => match width(of) {
                Some(2) => self.distances::<i16>(parts, span, places),
                Some(4) => self.distances::<i32>(parts, span, places),
                Some(8) => self.distances::<i64>(parts, span, places),
                _ => self.distances::<i128>(parts, span, places),
            },
            (Narrowing::Texts(span, _), _) => self.texts(parts, span, places),
            (Narrowing::None, DataType::Boolean) => Ok(self.booleans(parts)),
            (Narrowing::None, DataType::Utf8View) => self.views::<StringViewType>(parts, places),
            (Narrowing::None, DataType::BinaryView) => self.views::<BinaryViewType>(parts, places),
            (Narrowing::None | Narrowing::Written(None, _), of) => match width(of) {
                Some(1) => self.fixed::<u8>(parts, places),
                Some(2) => self.fixed::<u16>(parts, places),
                Some(4) => self.fixed::<u32>(parts, places),
                Some(8) => self.fixed::<u64>(parts, places),
                Some(16) => self.fixed::<i128>(parts, places),
                Some(32) => self.fixed::<i256>(parts, places),
                _ => self.others(parts),
            },
        }
    }

    fn nulls(&self, parts: &[ArrayRef]) -> Vec<Option<NullBuffer>> {
        if parts.iter().all(|part| part.null_count() == 0) {
            return vec![None; self.pieces.len()];
        }
        let valid: Vec<BooleanBuffer> = parts
            .iter()
            .map(|part| {
                part.nulls().map_or_else(|| BooleanBuffer::new_set(part.len()), |nulls| nulls.inner().clone())
            })
            .collect();
        self.bits(&valid).into_iter().map(|bits| Some(NullBuffer::new(bits))).collect()
    }

    fn bits(&self, parts: &[BooleanBuffer]) -> Vec<BooleanBuffer> {
        let pieces: Vec<Vec<bool>> = self.scattered(parts.iter().map(BooleanBuffer::iter));
        pieces.into_iter().map(BooleanBuffer::from).collect()
    }

    fn booleans(&self, parts: &[ArrayRef]) -> Vec<ArrayRef> {
        let values: Vec<BooleanBuffer> =
            parts.iter().map(|part| part.as_boolean().values().clone()).collect();
        let pieces = self.bits(&values).into_iter().zip(self.nulls(parts));
        pieces.map(|(values, nulls)| Arc::new(BooleanArray::new(values, nulls)) as ArrayRef).collect()
    }

    /// Values of the width of `T`, whatever they mean.
    fn fixed<T: ArrowNativeType>(
        &self,
        parts: &[ArrayRef],
        places: Vec<MutableBuffer>,
    ) -> Result<Vec<ArrayRef>> {
        let values: Vec<ScalarBuffer<T>> = parts.iter().map(natives).collect();
        let values = values.iter().map(|values| values.iter().copied());
        self.primitives(values, parts, parts[0].data_type(), places)
    }

    /// Whole numbers of the width of `T` as distances; that none is signed or unsigned changes nothing in them.
    fn distances<T: ArrowNativeTypeOp>(
        &self,
        parts: &[ArrayRef],
        span: &NumberSpan,
        places: Vec<MutableBuffer>,
    ) -> Result<Vec<ArrayRef>> {
        let least = natives::<T>(span.least())[0];
        let values: Vec<ScalarBuffer<T>> = parts.iter().map(natives).collect();
        let of_number = |number: &T| number.sub_wrapping(least).as_usize();
        of_width!(&span.code_type(), Width => {
            let narrow = |number| <Width as ArrowPrimitiveType>::Native::usize_as(of_number(number));
            let values = values.iter().map(|values| values.iter().map(narrow));
            self.primitives(values, parts, &span.code_type(), places)
        })
    }

    fn texts(
        &self,
        parts: &[ArrayRef],
        span: &TextSpan,
        places: Vec<MutableBuffer>,
    ) -> Result<Vec<ArrayRef>> {
        let (views, distance) = (parts.iter().filter_map(views_of), span.distance());
        of_width!(&span.code_type(), Width => {
            let narrow = |view: &u128| {
                <Width as ArrowPrimitiveType>::Native::usize_as(distance(*view))
            };
            let values = views.map(|(views, _)| views.iter().map(narrow));
            self.primitives(values, parts, &span.code_type(), places)
        })
    }

    /// Arrays of a type from one value for each row of each part.
    fn primitives<T: ArrowNativeType, P: Iterator<Item = T>>(
        &self,
        values: impl Iterator<Item = P>,
        parts: &[ArrayRef],
        data_type: &DataType,
        mut places: Vec<MutableBuffer>,
    ) -> Result<Vec<ArrayRef>> {
        self.scatter(values, places.iter_mut().map(MutableBuffer::typed_data_mut));
        let array = |((values, nulls), rows): ((MutableBuffer, Option<NullBuffer>), usize)| {
            let data = ArrayData::builder(data_type.clone()).len(rows).nulls(nulls);
            Ok(make_array(data.add_buffer(values.into()).build()?))
        };
        places.into_iter().zip(self.nulls(parts)).zip(self.lengths()).map(array).collect()
    }

    fn views<T: ByteViewType>(
        &self,
        parts: &[ArrayRef],
        mut places: Vec<MutableBuffer>,
    ) -> Result<Vec<ArrayRef>> {
        let mut buffers = Vec::new();
        let mut values = Vec::new();
        for part in parts {
            let part = part.as_byte_view::<T>();
            // The views of this part count its buffers from here on.
            let first = (buffers.len() as u128) << 64;
            values.push((part.views(), first));
            buffers.extend_from_slice(part.data_buffers());
        }
        let values = values.into_iter().map(|(views, first)| {
            let is_inline = |view: &u128| *view as u32 <= MAX_INLINE_VIEW_LEN;
            views.iter().map(move |view| if is_inline(view) { *view } else { view.wrapping_add(first) })
        });
        self.scatter(values, places.iter_mut().map(MutableBuffer::typed_data_mut));
        let array = |((views, nulls), rows): ((MutableBuffer, Option<NullBuffer>), usize)| {
            let views = ScalarBuffer::new(views.into(), 0, rows);
            // SAFETY: these are views of valid arrays of the same type, and each refers to the same buffer as before.
            let array = unsafe { GenericByteViewArray::<T>::new_unchecked(views, buffers.clone(), nulls) };
            compact_views(&(Arc::new(array) as ArrayRef))
        };
        places.into_iter().zip(self.nulls(parts)).zip(self.lengths()).map(array).collect()
    }

    fn others(&self, parts: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        let places =
            parts.iter().enumerate().map(|(number, part)| (0..part.len()).map(move |row| (number, row)));
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        let gathered = |places: Vec<(usize, usize)>| compact_views(&interleave(&parts, &places)?);
        self.scattered(places).into_iter().map(gathered).collect()
    }
}

#[cfg(test)]
mod tests;
