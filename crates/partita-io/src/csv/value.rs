//! What the raw bytes of one cell say: null, or bytes without their quotes.

use std::borrow::Cow;

use super::dialect::Dialect;

/// A cell without its quotes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Value<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    pub(crate) quoted: bool,
}

/// Takes the quotes off a cell's raw bytes, as the automaton does.
pub(crate) fn unquoted<'a>(dialect: &Dialect, raw: &'a [u8]) -> Value<'a> {
    let (Some(quote), Some((&first, rest))) = (dialect.quote, raw.split_first()) else {
        return Value { bytes: Cow::Borrowed(raw), quoted: false };
    };
    if first != quote {
        return Value { bytes: Cow::Borrowed(raw), quoted: false };
    }
    if let Some((&last, inner)) = rest.split_last()
        && last == quote
        && !is_special(dialect, quote, inner)
    {
        return Value { bytes: Cow::Borrowed(inner), quoted: true };
    }
    Value { bytes: Cow::Owned(unescaped(quote, dialect.escape, rest)), quoted: true }
}

fn is_special(dialect: &Dialect, quote: u8, inner: &[u8]) -> bool {
    match dialect.escape {
        Some(escape) => memchr::memchr2(quote, escape, inner).is_some(),
        None => memchr::memchr(quote, inner).is_some(),
    }
}

/// The content of a quoted field, from after its opening quote to its end.
fn unescaped(quote: u8, escape: Option<u8>, rest: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(rest.len());
    let mut bytes = rest.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte == quote {
            match bytes.next() {
                Some(next) if next == quote => content.push(quote),
                // The quotes are closed: all that follows is literal.
                Some(next) => {
                    content.push(next);
                    content.extend(bytes);
                    return content;
                }
                None => return content,
            }
        } else if Some(byte) == escape {
            content.extend(bytes.next());
        } else {
            content.push(byte);
        }
    }
    content
}

/// The spellings of null.
#[derive(Clone, Debug)]
pub(crate) struct Nulls {
    spellings: Vec<Vec<u8>>,
    /// Bit `n` if a spelling has `n` bytes; the highest bit for 63 and more.
    lengths: u64,
    empty: bool,
}

impl Nulls {
    pub(crate) fn new(spellings: &[String]) -> Self {
        let spellings: Vec<Vec<u8>> =
            spellings.iter().map(|spelling| spelling.clone().into_bytes()).collect();
        let lengths = spellings.iter().fold(0, |lengths, spelling| lengths | 1u64 << spelling.len().min(63));
        Nulls { empty: lengths & 1 != 0, spellings, lengths }
    }

    /// Whether unquoted empty text is null.
    pub(crate) fn empty(&self) -> bool {
        self.empty
    }

    /// Whether some spelling has this many bytes.
    #[inline(always)]
    pub(crate) fn may_be(&self, length: usize) -> bool {
        self.lengths >> length.min(63) & 1 != 0
    }

    #[inline]
    pub(crate) fn contains(&self, bytes: &[u8]) -> bool {
        self.may_be(bytes.len()) && self.spellings.iter().any(|spelling| spelling == bytes)
    }
}
