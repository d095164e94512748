//! Reading Thrift's compact protocol by hand, before the decoder gets to see the bytes.
//!
//! The decoder allocates what lists declare and recurses as deep as a schema nests, so a few wrong bytes could
//! abort the process. [`check_footer`] walks a footer first and proves that every list, string and tree in it
//! is really there; [`page_header`] reads the sizes of one page. `footer.rs` and `pages.rs` come next.

use std::ops::Range;

/// What is wrong with the bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The bytes end inside a value: more may help.
    Ends,
    /// No continuation of the bytes is right.
    Broken(&'static str),
}

type Parsed<T> = Result<T, Flaw>;

/// What a footer declares, as far as it must be known before it is decoded.
#[derive(Debug, Default)]
pub(crate) struct FooterShape {
    /// Leaf columns.
    pub(crate) leaves: usize,
    /// Deepest nesting of groups in the schema.
    pub(crate) depth: usize,
    /// Whether some columns are encrypted.
    pub(crate) encrypted: bool,
    /// Bytes to be left out: optional facts about columns, in a form that no version of the format knows.
    pub(crate) foreign: Vec<Range<usize>>,
}

/// Sizes and counts of one page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PageHeader {
    /// 0 data, 1 index, 2 dictionary, 3 data version 2.
    pub(crate) kind: i64,
    pub(crate) uncompressed: i64,
    pub(crate) compressed: i64,
    pub(crate) values: Option<i64>,
    pub(crate) rows: Option<i64>,
    /// Bytes of the header itself.
    pub(crate) length: usize,
}

const BOOLEAN_TRUE: u8 = 1;
const BOOLEAN_FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;
const UUID: u8 = 13;

/// Deepest nesting of Thrift values; the format itself needs about eight.
const DEPTH: usize = 24;

struct Walker<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the field began that is visited.
    field_at: usize,
}

impl Walker<'_> {
    fn byte(&mut self) -> Parsed<u8> {
        let byte = *self.bytes.get(self.at).ok_or(Flaw::Ends)?;
        self.at += 1;
        Ok(byte)
    }

    fn varint(&mut self) -> Parsed<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Flaw::Broken("a number has more than ten bytes"))
    }

    fn integer(&mut self) -> Parsed<i64> {
        let raw = self.varint()?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    fn advance(&mut self, count: u64) -> Parsed<()> {
        let left = (self.bytes.len() - self.at) as u64;
        if count > left {
            return Err(Flaw::Ends);
        }
        self.at += count as usize;
        Ok(())
    }

    /// Type and length of a list, which has at least one byte per element.
    fn list(&mut self) -> Parsed<(u8, u64)> {
        let head = self.byte()?;
        let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
        if count > (self.bytes.len() - self.at) as u64 {
            return Err(Flaw::Ends);
        }
        Ok((head & 15, count))
    }

    fn skip(&mut self, kind: u8, in_list: bool, depth: usize) -> Parsed<()> {
        if depth == 0 {
            return Err(Flaw::Broken("values nest too deeply"));
        }
        match kind {
            BOOLEAN_TRUE | BOOLEAN_FALSE if !in_list => Ok(()),
            BOOLEAN_TRUE | BOOLEAN_FALSE | BYTE => self.byte().map(|_| ()),
            I16 | I32 | I64 => self.varint().map(|_| ()),
            DOUBLE => self.advance(8),
            UUID => self.advance(16),
            BINARY => {
                let length = self.varint()?;
                self.advance(length)
            }
            LIST | SET => {
                let (element, count) = self.list()?;
                for _ in 0..count {
                    self.element(element, depth)?;
                }
                Ok(())
            }
            MAP => {
                let count = self.varint()?;
                if count == 0 {
                    return Ok(());
                }
                let kinds = self.byte()?;
                for _ in 0..count {
                    self.skip(kinds >> 4, true, depth - 1)?;
                    self.skip(kinds & 15, true, depth - 1)?;
                }
                Ok(())
            }
            STRUCT => self.fields(depth, &mut |walker, _, kind, depth| walker.skip(kind, false, depth)),
            _ => Err(Flaw::Broken("a value has an unknown type")),
        }
    }

    /// One list element. A struct without fields costs one byte here and hundreds once decoded, and no struct
    /// that the format puts in a list may be so, except a column order's `TypeDefinedOrder` (which is not empty
    /// itself: it is a union that holds an empty struct).
    fn element(&mut self, kind: u8, depth: usize) -> Parsed<()> {
        let before = self.at;
        self.skip(kind, true, depth - 1)?;
        if kind == STRUCT && self.at - before < 2 {
            return Err(Flaw::Broken("a list holds an empty element"));
        }
        Ok(())
    }

    /// Calls `visit(walker, field, type, depth)` for each field of a struct; it must consume the value.
    fn fields(
        &mut self,
        depth: usize,
        visit: &mut dyn FnMut(&mut Self, i64, u8, usize) -> Parsed<()>,
    ) -> Parsed<()> {
        if depth == 0 {
            return Err(Flaw::Broken("values nest too deeply"));
        }
        let mut last = 0i64;
        loop {
            self.field_at = self.at;
            let head = self.byte()?;
            if head & 15 == 0 {
                return Ok(());
            }
            last = if head >> 4 == 0 { self.integer()? } else { last + i64::from(head >> 4) };
            visit(self, last, head & 15, depth - 1)?;
        }
    }
}

/// Walks a whole footer.
pub(crate) fn check_footer(bytes: &[u8]) -> Parsed<FooterShape> {
    let mut walker = Walker { bytes, at: 0, field_at: 0 };
    let mut shape = FooterShape::default();
    let mut seen_schema = false;
    walker.fields(DEPTH, &mut |walker, field, kind, depth| match (field, kind) {
        (2, LIST) if seen_schema => Err(Flaw::Broken("the schema is given twice")),
        (2, LIST) => {
            seen_schema = true;
            schema_tree(walker, depth, &mut shape)
        }
        (4, LIST) => structs(walker, depth, &mut |walker, depth| row_group(walker, depth, &mut shape)),
        (8, _) => {
            shape.encrypted = true;
            walker.skip(kind, false, depth)
        }
        _ => walker.skip(kind, false, depth),
    })?;
    if !seen_schema {
        return Err(Flaw::Broken("the schema is missing"));
    }
    Ok(shape)
}

/// Whether the bytes hold one whole struct with nothing in it that they do not hold.
pub(crate) fn is_sound(bytes: &[u8]) -> bool {
    Walker { bytes, at: 0, field_at: 0 }.skip(STRUCT, false, DEPTH).is_ok()
}

/// Calls `visit` for each struct of a list.
fn structs(
    walker: &mut Walker<'_>,
    depth: usize,
    visit: &mut dyn FnMut(&mut Walker<'_>, usize) -> Parsed<()>,
) -> Parsed<()> {
    let (kind, count) = walker.list()?;
    for _ in 0..count {
        let before = walker.at;
        match kind {
            STRUCT if depth > 0 => visit(walker, depth - 1)?,
            _ => walker.element(kind, depth)?,
        }
        if kind == STRUCT && walker.at - before < 2 {
            return Err(Flaw::Broken("a list holds an empty element"));
        }
    }
    Ok(())
}

fn row_group(walker: &mut Walker<'_>, depth: usize, shape: &mut FooterShape) -> Parsed<()> {
    walker.fields(depth, &mut |walker, field, kind, depth| match (field, kind) {
        (1, LIST) => structs(walker, depth, &mut |walker, depth| {
            walker.fields(depth, &mut |walker, field, kind, depth| match (field, kind) {
                (3, STRUCT) => column_chunk(walker, depth, shape),
                _ => walker.skip(kind, false, depth),
            })
        }),
        _ => walker.skip(kind, false, depth),
    })
}

/// A fork of parquet-mr wrote something of its own as the field that later became the length of the bloom
/// filter. All fields from there on are optional, so the rest of the struct can be left out.
fn column_chunk(walker: &mut Walker<'_>, depth: usize, shape: &mut FooterShape) -> Parsed<()> {
    let mut foreign = None;
    walker.fields(depth, &mut |walker, field, kind, depth| {
        if field == 15 && kind != I32 {
            foreign.get_or_insert(walker.field_at);
        }
        walker.skip(kind, false, depth)
    })?;
    if let Some(from) = foreign {
        shape.foreign.push(from..walker.at - 1);
    }
    Ok(())
}

/// The schema is a tree in depth-first order, each element with its number of children.
fn schema_tree(walker: &mut Walker<'_>, depth: usize, shape: &mut FooterShape) -> Parsed<()> {
    let (kind, count) = walker.list()?;
    if kind != STRUCT {
        return Err(Flaw::Broken("the schema is not a list of elements"));
    }
    // Children still to come of each open group.
    let mut open: Vec<u64> = Vec::new();
    for index in 0..count {
        let mut children = 0u64;
        walker.fields(depth, &mut |walker, field, kind, depth| {
            if field == 5 && matches!(kind, I16 | I32 | I64) {
                children = u64::try_from(walker.integer()?)
                    .map_err(|_| Flaw::Broken("a schema element has a negative number of children"))?;
                return Ok(());
            }
            walker.skip(kind, false, depth)
        })?;
        if children > count {
            return Err(Flaw::Broken("a schema element declares more children than there are elements"));
        }
        if index > 0 {
            match open.last_mut() {
                Some(left) => *left -= 1,
                None => return Err(Flaw::Broken("the schema has elements outside its root")),
            }
        }
        if children > 0 || index == 0 {
            open.push(children);
            shape.depth = shape.depth.max(open.len());
        } else {
            shape.leaves += 1;
        }
        while open.last() == Some(&0) {
            open.pop();
        }
    }
    if !open.is_empty() || count == 0 {
        return Err(Flaw::Broken("the schema ends before its last group is complete"));
    }
    Ok(())
}

/// Reads the header of the page that begins at the start of `bytes`.
pub(crate) fn page_header(bytes: &[u8]) -> Parsed<PageHeader> {
    let mut walker = Walker { bytes, at: 0, field_at: 0 };
    let mut header = PageHeader { kind: -1, uncompressed: -1, compressed: -1, ..PageHeader::default() };
    walker.fields(DEPTH, &mut |walker, field, kind, depth| {
        match (field, kind) {
            (1, I32) => header.kind = walker.integer()?,
            (2, I32) => header.uncompressed = walker.integer()?,
            (3, I32) => header.compressed = walker.integer()?,
            (5 | 7 | 8, STRUCT) => walker.fields(depth, &mut |walker, inner, kind, depth| {
                match (inner, kind) {
                    (1, I32) => header.values = Some(walker.integer()?),
                    (3, I32) if field == 8 => header.rows = Some(walker.integer()?),
                    _ => walker.skip(kind, false, depth)?,
                }
                Ok(())
            })?,
            _ => walker.skip(kind, false, depth)?,
        }
        Ok(())
    })?;
    header.length = walker.at;
    Ok(header)
}

/// The end of one DELTA_BINARY_PACKED run and how many values it declares, found without decoding it. The
/// decoders allocate that number before they look at the values.
pub(crate) fn delta_run(bytes: &[u8]) -> Option<(usize, u64)> {
    let mut walker = Walker { bytes, at: 0, field_at: 0 };
    let block = walker.varint().ok()?;
    let minis = walker.varint().ok()?;
    let total = walker.varint().ok()?;
    walker.varint().ok()?;
    if minis == 0 || block % minis != 0 || minis > bytes.len() as u64 {
        return None;
    }
    let per_mini = block / minis;
    if per_mini == 0 {
        return None;
    }
    let mut left = total.saturating_sub(1);
    while left > 0 {
        walker.varint().ok()?;
        let widths = walker.at;
        walker.advance(minis).ok()?;
        for mini in 0..minis as usize {
            if left == 0 {
                break;
            }
            let width = u64::from(*bytes.get(widths + mini)?);
            // The last run may be cut short: its end is then the end of the bytes.
            let size = per_mini.checked_mul(width)? / 8;
            let room = (bytes.len() - walker.at) as u64;
            walker.advance(size.min(room)).ok()?;
            left = left.saturating_sub(per_mini);
        }
    }
    Some((walker.at, total))
}

#[cfg(test)]
mod tests;
