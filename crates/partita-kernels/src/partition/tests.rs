//! Scattered rows against a stable sort by bucket.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::{Field, Float64Type, Int64Type, Schema};

use super::{BUCKETS, Scatter};
use crate::packed::PackedBatch;
use crate::random::{Random, many_types, shown};

fn cut(pieces: usize) -> Vec<std::ops::Range<usize>> {
    let each = BUCKETS.div_ceil(pieces);
    (0..BUCKETS).step_by(each).map(|start| start..BUCKETS.min(start + each)).collect()
}

#[test]
fn scatters_every_type_stably() {
    let mut random = Random(1);
    let fields: Vec<Field> =
        many_types().into_iter().enumerate().map(|(i, t)| Field::new(i.to_string(), t, true)).collect();
    let schema = Arc::new(Schema::new(fields));
    for pieces in [1, 7, 32, BUCKETS] {
        let columns = schema.fields().iter().map(|field| random.column(field.data_type(), 3_000, 500));
        let whole = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap();
        let hashes: Vec<u64> = (0..3_000).map(|_| random.next()).collect();
        let mut scatter = Scatter::default();
        for (start, end) in [(0, 1), (1, 1_200), (1_200, 1_200), (1_200, 3_000)] {
            scatter.push(whole.slice(start, end - start), &hashes[start..end]).unwrap();
        }
        let bucket = |row: &usize| (hashes[*row] >> 56) as usize;
        let mut order: Vec<usize> = (0..3_000).collect();
        order.sort_by_key(bucket);
        let offsets = scatter.offsets();
        for (number, ends) in offsets.windows(2).enumerate() {
            assert!(order[ends[0] as usize..ends[1] as usize].iter().all(|row| bucket(row) == number));
        }
        let ranges = cut(pieces);
        let batches = scatter.into_pieces(&ranges).unwrap();
        assert_eq!(batches.len(), ranges.len());
        for (range, batch) in ranges.iter().zip(&batches) {
            let rows = offsets[range.start] as usize..offsets[range.end] as usize;
            assert_eq!(batch.num_rows(), rows.len());
            for (from, to) in whole.columns().iter().zip(batch.unpack().columns()) {
                let from = shown(from);
                let expected: Vec<&String> = order[rows.clone()].iter().map(|row| &from[*row]).collect();
                assert_eq!(shown(to).iter().collect::<Vec<_>>(), expected, "{}", to.data_type());
                to.to_data().validate_full().unwrap();
            }
        }
    }
}

#[test]
fn a_piece_keeps_no_text_of_others() {
    let texts = StringViewArray::from_iter_values((0..10_000).map(|i| format!("a text of number {i:020}")));
    let batch = RecordBatch::try_from_iter([("t", Arc::new(texts) as ArrayRef)]).unwrap();
    let mut random = Random(2);
    let hashes: Vec<u64> = (0..10_000).map(|_| random.next()).collect();
    let mut scatter = Scatter::default();
    scatter.push(batch, &hashes).unwrap();
    for piece in scatter.into_pieces(&cut(32)).unwrap() {
        let (rows, texts) = (piece.num_rows(), piece.columns()[0].to_array());
        let bytes = texts.get_array_memory_size();
        assert!(bytes < rows * 120 + 8_000, "{bytes} bytes for {rows} rows");
        assert!(texts.as_string_view().iter().all(|text| text.is_some_and(|text| text.len() == 37)));
    }
}

#[test]
fn rows_without_columns_are_counted() {
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(3));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options).unwrap();
    let mut scatter = Scatter::default();
    scatter.push(batch, &[0, u64::MAX, 1]).unwrap();
    let rows: Vec<usize> =
        scatter.into_pieces(&[0..128, 128..256]).unwrap().iter().map(PackedBatch::num_rows).collect();
    assert_eq!(rows, [2, 1]);
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let numbers = |name: &str| {
        let column = Arc::new(arrow::array::Int64Array::from_iter_values(0..3)) as ArrayRef;
        RecordBatch::try_from_iter([(name, column)]).unwrap()
    };
    let mut scatter = Scatter::default();
    assert!(scatter.push(numbers("a"), &[1, 2]).is_err());
    scatter.push(numbers("a"), &[1, 2, 3]).unwrap();
    scatter.push(numbers("b"), &[1, 2, 3]).unwrap();
    assert!(scatter.into_pieces(&cut(1)).is_err());
    assert!(Scatter::default().into_pieces(&cut(1)).is_err());
}

#[test]
fn whole_numbers_and_short_texts_become_distances() {
    let mut random = Random(3);
    let rows = 4_000;
    let hashes: Vec<u64> = (0..rows).map(|_| random.next()).collect();
    let numbers: Vec<Option<i64>> =
        (0..rows as i64).map(|row| (row % 7 != 0).then_some(1_700_000_000_000 + row % 200)).collect();
    let texts: Vec<Option<String>> =
        (0..rows).map(|row| (row % 5 != 0).then(|| format!("id{:03}", row % 900))).collect();
    let floats: Vec<f64> = (0..rows).map(|row| row as f64 / 3.0).collect();
    let columns: [(&str, ArrayRef); 3] = [
        ("numbers", Arc::new(Int64Array::from(numbers.clone()))),
        ("texts", Arc::new(StringViewArray::from(texts.clone()))),
        ("floats", Arc::new(Float64Array::from(floats.clone()))),
    ];
    let whole = RecordBatch::try_from_iter(columns).unwrap();
    let mut scatter = Scatter::default();
    for (start, end) in [(0, 1_500), (1_500, rows)] {
        scatter.push(whole.slice(start, end - start), &hashes[start..end]).unwrap();
    }
    let (mut order, mut bytes) = ((0..rows).collect::<Vec<_>>(), [0; 3]);
    order.sort_by_key(|row| hashes[*row] >> 56);
    let mut order = order.into_iter();
    for piece in scatter.into_pieces(&cut(4)).unwrap() {
        for (bytes, column) in bytes.iter_mut().zip(piece.columns()) {
            let kept = column.kept_beside(None).map(|kept| kept.to_data().buffers()[0].len());
            *bytes += kept.sum::<usize>();
        }
        let piece = piece.unpack();
        for at in 0..piece.num_rows() {
            let row = order.next().unwrap();
            let value = |column: usize| (!piece.column(column).is_null(at)).then_some(at);
            let number = value(0).map(|at| piece.column(0).as_primitive::<Int64Type>().value(at));
            let text = value(1).map(|at| piece.column(1).as_string_view().value(at).to_owned());
            assert_eq!((number, &text), (numbers[row], &texts[row]));
            assert_eq!(piece.column(2).as_primitive::<Float64Type>().value(at), floats[row]);
        }
    }
    // Numbers up to 200 take one byte, three digits behind two letters four, and thirds stay as they are.
    assert_eq!(bytes, [rows, 4 * rows, 8 * rows]);
}
