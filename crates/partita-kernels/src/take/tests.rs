//! Rows against row by row copies, and the memory that they keep.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;

use super::{compact_views, gather_rows, take_batch};
use crate::random::{Random, many_types, shown};

#[test]
fn takes_and_gathers_every_type() {
    let mut random = Random(2);
    let fields: Vec<Field> =
        many_types().into_iter().enumerate().map(|(i, t)| Field::new(i.to_string(), t, true)).collect();
    let columns: Vec<ArrayRef> =
        fields.iter().map(|field| random.column(field.data_type(), 400, 90)).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let rows: Vec<u32> = (0..700).map(|_| random.below(400) as u32).collect();
    let taken = take_batch(&batch, &rows.clone().into()).unwrap();
    let halves = [batch.slice(0, 150), batch.slice(150, 250)];
    let place = |&row: &u32| if row < 150 { (0, row as usize) } else { (1, row as usize - 150) };
    let gathered = gather_rows(&halves, &rows.iter().map(place).collect::<Vec<_>>()).unwrap();
    for (number, from) in batch.columns().iter().enumerate() {
        let from = shown(from);
        let expected: Vec<&String> = rows.iter().map(|&row| &from[row as usize]).collect();
        assert_eq!(shown(taken.column(number)).iter().collect::<Vec<_>>(), expected);
        assert_eq!(shown(gathered.column(number)).iter().collect::<Vec<_>>(), expected);
    }
    let none = RecordBatch::try_new_with_options(
        Arc::new(Schema::empty()),
        vec![],
        &RecordBatchOptions::new().with_row_count(Some(3)),
    );
    assert_eq!(take_batch(&none.unwrap(), &vec![2, 0].into()).unwrap().num_rows(), 2);
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
    let few = take_batch(&batch, &vec![3, 9_999].into()).unwrap();
    for (from, to) in batch.columns().iter().zip(few.columns()) {
        assert!(to.get_array_memory_size() < 2000, "{} bytes", to.get_array_memory_size());
        assert_eq!(shown(to), [shown(from)[3].clone(), shown(from)[9_999].clone()]);
    }
    // Where most is used, nothing is copied.
    let all = compact_views(batch.column(0)).unwrap();
    assert_eq!(
        all.as_string_view().data_buffers()[0].as_ptr(),
        batch.column(0).as_string_view().data_buffers()[0].as_ptr()
    );
}
