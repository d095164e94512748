//! The patterns of `str.like`, read once: pieces of literal text with gaps between them, or, where a pattern has `_`, a
//! regular expression.

use memchr::memmem::Finder;
use regex::Regex;

/// A pattern that whole texts are compared with.
pub(super) enum Like {
    /// No gap at all.
    Exact(String),
    /// A beginning, pieces that follow one another anywhere, and an end.
    Pieces {
        first: String,
        middle: Vec<Finder<'static>>,
        last: String,
    },
    Regex(Regex),
}

impl Like {
    /// # Errors
    /// The pattern ends in a single `\`, or is far too long.
    pub(super) fn new(pattern: &str) -> Result<Like, String> {
        let mut pieces = vec![String::new()];
        let mut regex = String::from("^(?s:");
        let mut has_one = false;
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            match character {
                '%' => {
                    pieces.push(String::new());
                    regex.push_str(".*");
                }
                '_' => {
                    has_one = true;
                    regex.push('.');
                }
                other => {
                    let literal = if other == '\\' { characters.next() } else { Some(other) };
                    let Some(literal) = literal else {
                        return Err(format!("the pattern {pattern:?} ends in a `\\` that nothing follows"));
                    };
                    if let Some(piece) = pieces.last_mut() {
                        piece.push(literal);
                    }
                    regex.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4])));
                }
            }
        }
        if has_one {
            regex.push_str(")$");
            return Regex::new(&regex).map(Like::Regex).map_err(|error| error.to_string());
        }
        let last = pieces.pop().unwrap_or_default();
        if pieces.is_empty() {
            return Ok(Like::Exact(last));
        }
        let first = pieces.remove(0);
        let middle = pieces.iter().filter(|piece| !piece.is_empty());
        let middle = middle.map(|piece| Finder::new(piece.as_bytes()).into_owned()).collect();
        Ok(Like::Pieces { first, middle, last })
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        match self {
            Like::Exact(whole) => text == whole,
            Like::Regex(regex) => regex.is_match(text),
            Like::Pieces { first, middle, last } => {
                // Of nothing not even the comparison: with no bytes at a dangling address it takes the processor
                // tens of nanoseconds to find that it need not fail.
                let mut rest = text.as_bytes();
                if !first.is_empty() {
                    match rest.strip_prefix(first.as_bytes()) {
                        Some(after) => rest = after,
                        None => return false,
                    }
                }
                // The earliest place of each piece leaves most room for those after it.
                for piece in middle {
                    let Some(at) = piece.find(rest) else { return false };
                    rest = &rest[at + piece.needle().len()..];
                }
                last.is_empty() || rest.ends_with(last.as_bytes())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Like;

    /// As SQL defines it, character by character.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['%', rest @ ..] => (0..=text.len()).any(|from| naive(rest, &text[from..])),
            ['_', rest @ ..] => !text.is_empty() && naive(rest, &text[1..]),
            [character, rest @ ..] => text.first() == Some(character) && naive(rest, &text[1..]),
        }
    }

    #[test]
    fn every_short_pattern_on_every_short_text() {
        let words = |letters: &[char], longest: usize| {
            let mut all = vec![String::new()];
            let mut from = 0;
            for _ in 0..longest {
                let to = all.len();
                for word in from..to {
                    let longer: Vec<String> = letters.iter().map(|l| format!("{}{l}", all[word])).collect();
                    all.extend(longer);
                }
                from = to;
            }
            all
        };
        let texts = words(&['a', 'é'], 5);
        for pattern in words(&['a', 'é', '%', '_'], 4) {
            let like = Like::new(&pattern).unwrap();
            let characters: Vec<char> = pattern.chars().collect();
            for text in &texts {
                let expected = naive(&characters, &text.chars().collect::<Vec<_>>());
                assert_eq!(like.is_match(text), expected, "{text:?} like {pattern:?}");
            }
        }
    }

    #[test]
    fn a_backslash_takes_the_next_character_literally() {
        assert!(Like::new(r"100\%").unwrap().is_match("100%"));
        assert!(!Like::new(r"100\%").unwrap().is_match("1000"));
        assert!(Like::new(r"a\_%").unwrap().is_match("a_b"));
        assert!(Like::new(r"%.\\").unwrap().is_match(r"a.\"));
        assert!(Like::new("a\nb_").unwrap().is_match("a\nb\n"));
        assert!(Like::new("a\\").is_err());
    }
}
