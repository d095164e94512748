//! The automaton that says what the bytes of a CSV file mean: the reference for everything faster.
//!
//! It is the `csv` crate's: a quote opens only at the start of a field and is literal elsewhere, LF, CR and
//! CRLF end a record, blank lines and comments are nothing. `index.rs` finds the same structure 64 bytes
//! at a time and comes back here for the blocks whose quotes, escapes, comments or line ends are unusual.

use super::index::Index;

/// Where the automaton stands between two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// A record begins with the next byte.
    RecordStart,
    /// A field that is not the record's first begins with the next byte.
    FieldStart,
    /// In a field whose quotes are literal.
    Unquoted,
    /// Within quotes.
    Quoted,
    /// After a quote within quotes: the end of the quotes, or the first of two.
    AfterQuote,
    /// Within quotes, after the escape byte.
    Escaped,
    /// In a comment.
    Comment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Other,
    Delimiter,
    LineFeed,
    CarriageReturn,
    Quote,
    Escape,
    Comment,
}

/// The bytes with a meaning.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) quote: Option<u8>,
    pub(crate) escape: Option<u8>,
    pub(crate) comment: Option<u8>,
    classes: Box<[Class; 256]>,
}

impl Dialect {
    pub(crate) fn new(delimiter: u8, quote: Option<u8>, escape: Option<u8>, comment: Option<u8>) -> Self {
        // An escape without quotes, or equal to the quote, says nothing that doubled quotes do not.
        let escape = escape.filter(|_| quote.is_some() && escape != quote);
        let mut classes = Box::new([Class::Other; 256]);
        let special = [
            (comment, Class::Comment),
            (escape, Class::Escape),
            (quote, Class::Quote),
            (Some(delimiter), Class::Delimiter),
            (Some(b'\r'), Class::CarriageReturn),
            (Some(b'\n'), Class::LineFeed),
        ];
        for (byte, class) in special {
            if let Some(byte) = byte {
                classes[usize::from(byte)] = class;
            }
        }
        Dialect { delimiter, quote, escape, comment, classes }
    }

    /// The state after one more byte.
    #[inline]
    pub(crate) fn step(&self, state: State, byte: u8) -> State {
        let class = self.classes[usize::from(byte)];
        match state {
            State::RecordStart => match class {
                Class::LineFeed | Class::CarriageReturn => State::RecordStart,
                Class::Comment => State::Comment,
                _ => self.step(State::FieldStart, byte),
            },
            State::FieldStart => match class {
                Class::Quote => State::Quoted,
                _ => self.step(State::Unquoted, byte),
            },
            State::Unquoted => match class {
                Class::Delimiter => State::FieldStart,
                Class::LineFeed | Class::CarriageReturn => State::RecordStart,
                _ => State::Unquoted,
            },
            State::Quoted => match class {
                Class::Quote => State::AfterQuote,
                Class::Escape => State::Escaped,
                _ => State::Quoted,
            },
            State::Escaped => State::Quoted,
            State::AfterQuote => match class {
                Class::Quote => State::Quoted,
                _ => self.step(State::Unquoted, byte),
            },
            State::Comment => match class {
                Class::LineFeed => State::RecordStart,
                _ => State::Comment,
            },
        }
    }

    /// Runs over `bytes[from..to]`, noting fields and records in `index`. A CR right before an LF is left to
    /// the LF, so that CRLF is one record end here as in the fast path.
    pub(crate) fn run(&self, bytes: &[u8], from: usize, to: usize, state: State, index: &mut Index) -> State {
        let mut state = state;
        for position in from..to {
            let byte = bytes[position];
            let defers = byte == b'\r' && bytes.get(position + 1) == Some(&b'\n');
            if defers && !matches!(state, State::Quoted | State::Escaped | State::Comment) {
                continue;
            }
            let next = self.step(state, byte);
            match (state, next) {
                (State::RecordStart | State::Comment, State::RecordStart) => index.gap(position + 1),
                (State::Quoted | State::Escaped, _) => {}
                (_, State::FieldStart) => index.field(position + 1),
                (_, State::RecordStart) => index.record(position + 1),
                _ => {}
            }
            state = next;
        }
        state
    }

    /// Where the record that `state` stands in ends within `bytes`: the offset after its line end, or the
    /// state at the end of `bytes`.
    pub(crate) fn record_end(&self, bytes: &[u8], mut state: State) -> Result<usize, State> {
        let mut position = 0;
        while position < bytes.len() {
            if state == State::Quoted {
                let rest = &bytes[position..];
                let found = match (self.quote, self.escape) {
                    (Some(quote), Some(escape)) => memchr::memchr2(quote, escape, rest),
                    (Some(quote), None) => memchr::memchr(quote, rest),
                    (None, _) => None,
                };
                match found {
                    Some(found) => position += found,
                    None => return Err(State::Quoted),
                }
            }
            let next = self.step(state, bytes[position]);
            position += 1;
            if next == State::RecordStart && state != State::RecordStart {
                return Ok(position);
            }
            state = next;
        }
        Err(state)
    }
}
