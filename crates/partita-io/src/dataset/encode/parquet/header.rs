//! The headers of pages, in the compact protocol of Thrift.

use parquet::basic::Encoding;

/// Types of fields in the compact protocol.
const I32: u8 = 5;
const STRUCT: u8 = 12;
const FALSE: u8 = 2;
const STOP: u8 = 0;

/// Kinds of pages.
const DATA: i32 = 0;
const DICTIONARY: i32 = 2;

/// What a header says of its page.
pub(super) struct Header {
    pub(super) uncompressed: i32,
    pub(super) compressed: i32,
    pub(super) values: i32,
}

/// Appends the header of a data page of version 1, whose levels are run-length encoded.
pub(super) fn write_data(header: &Header, encoding: Encoding, out: &mut Vec<u8>) {
    write_sizes(DATA, header, out);
    // Field 5, the data page's own header.
    out.push(2 << 4 | STRUCT);
    for number in [header.values, code(encoding), code(Encoding::RLE), code(Encoding::RLE)] {
        out.push(1 << 4 | I32);
        write_number(number, out);
    }
    out.extend_from_slice(&[STOP, STOP]);
}

/// Appends the header of a page of plain dictionary entries in no order.
pub(super) fn write_dictionary(header: &Header, out: &mut Vec<u8>) {
    write_sizes(DICTIONARY, header, out);
    // Field 7, the dictionary page's own header.
    out.push(4 << 4 | STRUCT);
    for number in [header.values, code(Encoding::PLAIN)] {
        out.push(1 << 4 | I32);
        write_number(number, out);
    }
    out.extend_from_slice(&[1 << 4 | FALSE, STOP, STOP]);
}

/// Fields 1 to 3: what kind of page it is, and its sizes.
fn write_sizes(kind: i32, header: &Header, out: &mut Vec<u8>) {
    for number in [kind, header.uncompressed, header.compressed] {
        out.push(1 << 4 | I32);
        write_number(number, out);
    }
}

/// A number whose sign is in its lowest bit, seven bits to a byte.
fn write_number(number: i32, out: &mut Vec<u8>) {
    let mut rest = ((number << 1) ^ (number >> 31)).cast_unsigned();
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// The number of an encoding in the format.
fn code(encoding: Encoding) -> i32 {
    match encoding {
        Encoding::RLE => 3,
        Encoding::RLE_DICTIONARY => 8,
        Encoding::BYTE_STREAM_SPLIT => 9,
        // The last that we write.
        _ => 0,
    }
}
