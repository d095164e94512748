//! Orders against a stable sort by bucket, batches against row by row copies, and the memory that they keep.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;

use super::{compact, partition_by_hash, scatter};
use crate::random::{Random, many_types, shown};

#[test]
fn orders_rows_stably_by_high_bits() {
    let mut random = Random(1);
    for bits in [0, 1, 5, 8, 12, 16] {
        let hashes: Vec<u64> = (0..3000).map(|_| random.next()).collect();
        let bucket = |row: &u32| hashes[*row as usize].checked_shr(64 - bits).unwrap_or(0);
        let mut expected: Vec<u32> = (0..3000).collect();
        expected.sort_by_key(bucket);
        let partitions = partition_by_hash(&hashes, bits).unwrap();
        assert_eq!(partitions.order, expected);
        assert_eq!(partitions.offsets.len(), (1 << bits) + 1);
        for (number, ends) in partitions.offsets.windows(2).enumerate() {
            let rows = &partitions.order[ends[0] as usize..ends[1] as usize];
            assert!(rows.iter().all(|row| bucket(row) == number as u64));
        }
    }
    assert!(partition_by_hash(&[], 17).is_err());
    assert_eq!(partition_by_hash(&[], 2).unwrap().offsets, [0; 5]);
}

#[test]
fn scatters_every_type() {
    let mut random = Random(2);
    let fields: Vec<Field> =
        many_types().into_iter().enumerate().map(|(i, t)| Field::new(i.to_string(), t, true)).collect();
    let columns: Vec<ArrayRef> =
        fields.iter().map(|field| random.column(field.data_type(), 400, 90)).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let order: Vec<u32> = (0..700).map(|_| random.below(400) as u32).collect();
    let scattered = scatter(&batch, &order).unwrap();
    for (from, to) in batch.columns().iter().zip(scattered.columns()) {
        let from = shown(from);
        let expected: Vec<&String> = order.iter().map(|&row| &from[row as usize]).collect();
        assert_eq!(shown(to).iter().collect::<Vec<_>>(), expected);
    }
    let none = RecordBatch::try_new_with_options(
        Arc::new(Schema::empty()),
        vec![],
        &RecordBatchOptions::new().with_row_count(Some(3)),
    );
    assert_eq!(scatter(&none.unwrap(), &[2, 0]).unwrap().num_rows(), 2);
}

#[test]
fn few_rows_do_not_pin_the_text_of_many() {
    let texts = StringViewArray::from_iter_values((0..10_000).map(|i| format!("a text of number {i:020}")));
    let column: ArrayRef = Arc::new(texts);
    let nested: ArrayRef = Arc::new(StructArray::new(
        vec![Field::new("t", DataType::Utf8View, true)].into(),
        vec![Arc::clone(&column)],
        None,
    ));
    let fields =
        vec![Field::new("a", DataType::Utf8View, true), Field::new("b", nested.data_type().clone(), true)];
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![column, nested]).unwrap();
    let few = scatter(&batch, &[3, 9_999]).unwrap();
    for (from, to) in batch.columns().iter().zip(few.columns()) {
        assert!(to.get_array_memory_size() < 2000, "{} bytes", to.get_array_memory_size());
        assert_eq!(shown(to), [shown(from)[3].clone(), shown(from)[9_999].clone()]);
    }
    // Where most is used, nothing is copied.
    let all = compact(batch.column(0)).unwrap();
    assert_eq!(
        all.as_string_view().data_buffers()[0].as_ptr(),
        batch.column(0).as_string_view().data_buffers()[0].as_ptr()
    );
}
