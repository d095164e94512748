//! Rows against row by row copies, and the memory that they keep.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;

use super::{compact_batch, compact_views, gather_rows, narrow_batch, take_batch};
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

#[test]
fn texts_that_lie_in_their_views_keep_no_buffer() {
    let long =
        StringViewArray::from_iter([Some("a text that needs a buffer of its own"), None, Some("short")]);
    let texts = long.slice(1, 2);
    let bytes: BinaryViewArray = long.to_binary_view().slice(1, 2);
    let big = vec![b'x'; 64 << 10];
    let page: arrow::buffer::Buffer = big.into();
    let keeping = |buffers: &[arrow::buffer::Buffer]| [buffers, std::slice::from_ref(&page)].concat();
    let (views, buffers, nulls) = texts.clone().into_parts();
    let texts = StringViewArray::new(views, keeping(&buffers), nulls);
    let (views, buffers, nulls) = bytes.clone().into_parts();
    let bytes = BinaryViewArray::new(views, keeping(&buffers), nulls);
    let columns = [Arc::new(texts) as ArrayRef, Arc::new(bytes) as ArrayRef];
    for column in columns {
        let compact = compact_views(&column).unwrap();
        assert!(compact.get_array_memory_size() < 1000, "{} bytes", compact.get_array_memory_size());
        assert_eq!(shown(&compact), shown(&column));
        compact.to_data().validate_full().unwrap();
    }
}

#[test]
fn a_narrow_slice_has_only_what_it_shows() {
    let mut random = Random(5);
    let fields: Vec<Field> =
        many_types().into_iter().enumerate().map(|(i, t)| Field::new(i.to_string(), t, true)).collect();
    let columns: Vec<ArrayRef> =
        fields.iter().map(|field| random.column(field.data_type(), 4_000, 90)).collect();
    let whole = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let slice = whole.slice(1_990, 10);
    for narrow in [narrow_batch(&slice).unwrap(), compact_batch(&slice).unwrap()] {
        assert_eq!(narrow.schema(), slice.schema());
        for (from, to) in slice.columns().iter().zip(narrow.columns()) {
            assert_eq!(shown(to), shown(from), "{}", from.data_type());
        }
    }
    let texts = StringViewArray::from_iter_values((0..10_000).map(|i| format!("a text of number {i:020}")));
    let lists = ListArray::new(
        Field::new("item", DataType::Utf8View, true).into(),
        arrow::buffer::OffsetBuffer::from_lengths(vec![10; 1_000]),
        Arc::new(texts.clone()),
        None,
    );
    let codes = DictionaryArray::new(Int32Array::from_iter_values(0..10_000), Arc::new(texts.clone()));
    let slices: [ArrayRef; 3] =
        [Arc::new(texts.slice(77, 9)), Arc::new(lists.slice(77, 9)), Arc::new(codes.slice(77, 9))];
    for slice in slices {
        let batch = RecordBatch::try_from_iter([("c", Arc::clone(&slice))]).unwrap();
        let narrow = narrow_batch(&batch).unwrap();
        let bytes = narrow.column(0).get_array_memory_size();
        assert!(bytes < 12_000, "{}: {bytes} bytes", slice.data_type());
        assert_eq!(shown(narrow.column(0)), shown(&slice));
    }
}
