//! Names that users chose, made harmless for each format: they may hold anything.

/// Text or an attribute's value of XML and HTML.
pub(crate) fn xml(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' => safe.push_str("&#10;"),
            _ => safe.push(visible(char)),
        }
    }
    safe
}

/// A string of DOT, without its quotes.
pub(super) fn dot(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '"' => safe.push_str("\\\""),
            '\\' => safe.push_str("\\\\"),
            '\n' => safe.push_str("\\n"),
            _ => safe.push(visible(char)),
        }
    }
    safe
}

/// A string of JSON, with its quotes.
pub(crate) fn json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 2);
    safe.push('"');
    for char in text.chars() {
        match char {
            '"' => safe.push_str("\\\""),
            '\\' => safe.push_str("\\\\"),
            '\n' => safe.push_str("\\n"),
            '\t' => safe.push_str("\\t"),
            // A script element would end at `</script>`, whatever string that stands in.
            '<' => safe.push_str("\\u003c"),
            char if (char as u32) < 0x20 => safe.push_str(&format!("\\u{:04x}", char as u32)),
            char => safe.push(char),
        }
    }
    safe.push('"');
    safe
}

/// One line of a terminal.
pub(super) fn line(text: &str) -> String {
    text.chars().map(|char| if char == '\n' { ' ' } else { visible(char) }).collect()
}

/// The character, or a mark in its place if XML forbids it, it moves a terminal's cursor, or it turns the
/// direction in which what follows is read.
fn visible(char: char) -> char {
    match char {
        '\t' => ' ',
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => '\u{fffd}',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}' => '\u{fffd}',
        '\u{2028}' | '\u{2029}' => ' ',
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        char => char,
    }
}
