//! How wide a text is about, in a sans-serif font nobody has chosen: as wide as in the widest usual one, so
//! that no text leaves its shape.

/// The width of `text` at a font size of `size`.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(of_char).sum::<f64>() * size
}

/// As much of `text` as is at most `most` wide, with an ellipsis where something is missing.
pub(super) fn fit(text: &str, size: f64, most: f64) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let mut left = most / size - of_char('…');
    let mut kept = String::new();
    for char in text.chars() {
        left -= of_char(char);
        if left < 0.0 {
            break;
        }
        kept.push(char);
    }
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}

/// Lines of at most `most`, broken at spaces; what one word or the last line has too much is cut.
pub(super) fn wrap(text: &str, size: f64, most: f64, lines: usize) -> Vec<String> {
    let mut wrapped: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match wrapped.last_mut() {
            Some(line) if wrapped_len(line, word, size) <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => wrapped.push(word.to_owned()),
        }
    }
    if wrapped.len() > lines {
        let rest = wrapped.split_off(lines.saturating_sub(1)).join(" ");
        wrapped.push(rest);
    }
    wrapped.iter().map(|line| fit(line, size, most)).collect()
}

fn wrapped_len(line: &str, word: &str, size: f64) -> f64 {
    width(line, size) + width(" ", size) + width(word, size)
}

/// In parts of the font's size.
fn of_char(char: char) -> f64 {
    match char {
        'i' | 'j' | 'l' | '|' | '!' | '.' | ',' | ':' | ';' | '\'' | '`' | ' ' | 'I' => 0.34,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '-' | '/' | '\\' | '"' => 0.42,
        'm' | '@' | '%' | 'W' | 'M' => 0.98,
        'w' | '+' | '<' | '>' | '=' | '~' | '×' | '→' => 0.84,
        'c' | 'k' | 's' | 'v' | 'x' | 'y' | 'z' | '_' | '?' => 0.58,
        'a'..='z' | '0'..='9' | '{' | '}' | '*' | '$' | '#' => 0.64,
        'A'..='Z' | '&' => 0.76,
        '…' => 1.0,
        // Marks that stand on the letter before them.
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}' => 0.0,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' => 1.05,
        '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ff60}' => 1.05,
        '\u{1f000}'.. => 1.4,
        _ => 0.76,
    }
}
