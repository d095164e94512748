//! Bytes put together by hand, right and wrong.

use super::*;

#[test]
fn a_page_header_is_read() {
    // type 0, uncompressed 8, compressed 6, data page header {num_values 2, encoding 0, levels 3, 3}
    let bytes = [0x15, 0, 0x15, 16, 0x15, 12, 0x2c, 0x15, 4, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0];
    let header = page_header(&bytes).unwrap();
    assert_eq!(
        header,
        PageHeader {
            kind: 0,
            uncompressed: 8,
            compressed: 6,
            values: Some(2),
            rows: None,
            length: bytes.len()
        }
    );
    for end in 0..bytes.len() {
        assert_eq!(page_header(&bytes[..end]), Err(Flaw::Ends));
    }
}

#[test]
fn a_list_longer_than_the_bytes_is_refused() {
    // field 4, list of structs with 2^31 - 1 elements
    let bytes = [0x49, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 0];
    assert_eq!(check_footer(&bytes).unwrap_err(), Flaw::Ends);
}

#[test]
fn a_schema_that_is_no_tree_is_refused() {
    // field 2: a list of one element which declares two children
    let bytes = [0x29, 0x1c, 0x55, 4, 0, 0];
    assert!(matches!(check_footer(&bytes), Err(Flaw::Broken(_))));
    // a root with one child that has none
    let bytes = [0x29, 0x2c, 0x55, 2, 0, 0x48, 1, b'a', 0, 0];
    let shape = check_footer(&bytes).unwrap();
    assert_eq!((shape.leaves, shape.depth), (1, 1));
}

#[test]
fn endless_nesting_is_refused() {
    let bytes = vec![0x1c; 10_000];
    assert_eq!(check_footer(&bytes).unwrap_err(), Flaw::Broken("values nest too deeply"));
}

#[test]
fn a_delta_run_tells_its_end() {
    // block 128, 4 minis, 3 values, first 7; min delta 0; widths 1 0 0 0; 32 one-bit values
    let bytes = [0x80, 1, 4, 3, 14, 0, 1, 0, 0, 0, 2, 0, 0, 0, 99];
    assert_eq!(delta_run(&bytes), Some((14, 3)));
}
