//! JSON of one line, token by token: strict grammar, a bound on nesting, no copy of what needs none.

use std::borrow::Cow;

/// The most that any setting allows: each level is a call on the stack.
const DEEPEST: usize = 1024;

/// Why a line is not JSON, at which byte of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) at: usize,
    pub(super) what: &'static str,
}

type Parsed<T> = Result<T, Broken>;

/// The beginning of a value.
#[derive(Debug, PartialEq)]
pub(super) enum Token<'a> {
    Null,
    Bool(bool),
    /// As it is spelled.
    Number(&'a str),
    Text(Cow<'a, str>),
    /// `[`: [`Json::next_item`] follows.
    List,
    /// `{`: [`Json::next_key`] follows.
    Object,
}

/// A place in a line.
#[derive(Clone, Debug)]
pub(super) struct Json<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    limit: usize,
}

impl<'a> Json<'a> {
    pub(super) fn new(text: &'a str, nesting: usize) -> Self {
        // The row's own object is a level that the limit does not mean.
        Json { text, at: 0, depth: 0, limit: nesting.min(DEEPEST) + 1 }
    }

    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn broken<T>(&self, what: &'static str) -> Parsed<T> {
        Err(Broken { at: self.at, what })
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Parsed<()> {
        if self.peek() != Some(byte) {
            return self.broken(what);
        }
        self.at += 1;
        Ok(())
    }

    /// The next value's beginning.
    pub(super) fn token(&mut self) -> Parsed<Token<'a>> {
        match self.peek() {
            Some(b'"') => self.text().map(Token::Text),
            Some(b'-' | b'0'..=b'9') => self.number().map(Token::Number),
            Some(b'{') => self.enter().map(|()| Token::Object),
            Some(b'[') => self.enter().map(|()| Token::List),
            Some(b'n') => self.word("null", Token::Null),
            Some(b't') => self.word("true", Token::Bool(true)),
            Some(b'f') => self.word("false", Token::Bool(false)),
            Some(_) => self.broken("here a value should begin"),
            None => self.broken("the line ends where a value should begin"),
        }
    }

    fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > self.limit {
            return self.broken("values are nested deeper than the limit `nesting` allows");
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str, token: Token<'a>) -> Parsed<Token<'a>> {
        if !self.text[self.at..].starts_with(word) {
            return self.broken("here a value should begin");
        }
        self.at += word.len();
        Ok(token)
    }

    /// Whether another item of the list follows; `first` is true before the first one.
    pub(super) fn next_item(&mut self, first: &mut bool) -> Parsed<bool> {
        match self.peek() {
            Some(b']') => {
                self.at += 1;
                self.depth -= 1;
                return Ok(false);
            }
            Some(b',') if !*first => {
                self.at += 1;
                if self.peek() == Some(b']') {
                    return self.broken("a comma is followed by nothing");
                }
            }
            _ if *first => {}
            _ => return self.broken("the items of a list are parted by commas"),
        }
        *first = false;
        Ok(true)
    }

    /// The next key of the object; the value follows. `first` is true before the first one.
    pub(super) fn next_key(&mut self, first: &mut bool) -> Parsed<Option<Cow<'a, str>>> {
        match self.peek() {
            Some(b'}') => {
                self.at += 1;
                self.depth -= 1;
                return Ok(None);
            }
            Some(b',') if !*first => self.at += 1,
            _ if *first => {}
            _ => return self.broken("the members of an object are parted by commas"),
        }
        *first = false;
        if self.peek() != Some(b'"') {
            return self.broken("here a key in double quotes should be");
        }
        let key = self.text()?;
        self.expect(b':', "a key should be followed by a colon")?;
        Ok(Some(key))
    }

    /// Goes past the rest of a value.
    pub(super) fn skip(&mut self, token: &Token<'a>) -> Parsed<()> {
        let mut first = true;
        match token {
            Token::List => {
                while self.next_item(&mut first)? {
                    let token = self.token()?;
                    self.skip(&token)?;
                }
            }
            Token::Object => {
                while self.next_key(&mut first)?.is_some() {
                    let token = self.token()?;
                    self.skip(&token)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The rest of a value as it is spelled, from its beginning at `start`.
    pub(super) fn raw(&mut self, start: usize, token: &Token<'a>) -> Parsed<&'a str> {
        self.skip(token)?;
        Ok(self.text[start..self.at].trim())
    }

    /// Where the next token begins.
    pub(super) fn position(&mut self) -> usize {
        let _ = self.peek();
        self.at
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Parsed<()> {
        if self.peek().is_some() { self.broken("the object is followed by something else") } else { Ok(()) }
    }

    fn number(&mut self) -> Parsed<&'a str> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let digits = |at: usize| bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += usize::from(bytes[start] == b'-');
        let whole = digits(self.at);
        if whole == 0 || (whole > 1 && bytes[self.at] == b'0') {
            return self.broken("a number is not spelled as JSON demands");
        }
        self.at += whole;
        if bytes.get(self.at) == Some(&b'.') {
            let fraction = digits(self.at + 1);
            if fraction == 0 {
                return self.broken("a number is not spelled as JSON demands");
            }
            self.at += 1 + fraction;
        }
        if let Some(b'e' | b'E') = bytes.get(self.at) {
            let sign = usize::from(matches!(bytes.get(self.at + 1), Some(b'+' | b'-')));
            let exponent = bytes.get(self.at + 1 + sign..).map_or(0, |_| digits(self.at + 1 + sign));
            if exponent == 0 {
                return self.broken("a number is not spelled as JSON demands");
            }
            self.at += 1 + sign + exponent;
        }
        Ok(&self.text[start..self.at])
    }

    /// A string; `at` is on its opening quote.
    fn text(&mut self) -> Parsed<Cow<'a, str>> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut unescaped: Option<String> = None;
        let mut from = start;
        loop {
            let Some(len) = memchr::memchr2(b'"', b'\\', &bytes[from..]) else {
                self.at = bytes.len();
                return self.broken("a string has no end");
            };
            if let Some(control) = bytes[from..from + len].iter().position(|byte| *byte < b' ') {
                self.at = from + control;
                return self.broken("a control character in a string must be escaped");
            }
            let piece = &self.text[from..from + len];
            self.at = from + len + 1;
            if bytes[from + len] == b'"' {
                return Ok(match unescaped {
                    None => Cow::Borrowed(piece),
                    Some(mut text) => {
                        text.push_str(piece);
                        Cow::Owned(text)
                    }
                });
            }
            let text = unescaped.get_or_insert_default();
            text.push_str(piece);
            let character = self.escape()?;
            text.push(character);
            from = self.at;
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Parsed<char> {
        let byte = self.text.as_bytes().get(self.at).copied();
        self.at += 1;
        Ok(match byte {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => {
                self.at = (self.at - 1).min(self.text.len());
                return self.broken("a backslash is followed by what it cannot escape");
            }
        })
    }

    fn unicode(&mut self) -> Parsed<char> {
        let first = self.four_digits()?;
        let code = if (0xd800..0xdc00).contains(&first) {
            if self.text.as_bytes().get(self.at..self.at + 2) != Some(b"\\u") {
                return self.broken("an escaped surrogate has no partner");
            }
            self.at += 2;
            let second = self.four_digits()?;
            if !(0xdc00..0xe000).contains(&second) {
                return self.broken("an escaped surrogate has no partner");
            }
            0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        char::from_u32(code).map_or_else(|| self.broken("an escaped surrogate has no partner"), Ok)
    }

    fn four_digits(&mut self) -> Parsed<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let value = digits.and_then(|digits| {
            digits.iter().try_fold(0, |sum, &byte| Some(sum * 16 + char::from(byte).to_digit(16)?))
        });
        match value {
            Some(value) => {
                self.at += 4;
                Ok(value)
            }
            None => self.broken("`\\u` must be followed by four hexadecimal digits"),
        }
    }
}
