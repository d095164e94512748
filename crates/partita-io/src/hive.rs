//! Names of hive partition directories: `name=value`, percent-encoded.
//!
//! The dataset writer makes such names and the listing reads them back, both through this file, so that
//! every value comes back as it was and none can lead outside the dataset: a path separator, a leading dot
//! or a name that readers take for hidden never reaches the disk unencoded.

use std::borrow::Cow;

/// The directory value that stands for null, as Hive, Spark, Arrow and DuckDB spell it.
pub(crate) const NULL_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// The longest directory name that every usual file system takes.
pub(crate) const NAME_BYTES_MAX: usize = 255;

/// The directory name for one column and one value; `None` stands for null.
pub(crate) fn encode_component(name: &str, value: Option<&str>) -> String {
    let mut out = String::with_capacity(name.len() + 1 + value.map_or(NULL_VALUE.len(), str::len));
    // A directory whose name begins with `.` or `_` is hidden from readers.
    encode_into(name, name.starts_with(['.', '_']), &mut out);
    out.push('=');
    match value {
        None => out.push_str(NULL_VALUE),
        Some(value) => encode_into(value, value.starts_with('.') || value == NULL_VALUE, &mut out),
    }
    out
}

/// The column and the value that a directory name stands for, or `None` if it is not `name=value`.
/// An inner `None` is null.
pub(crate) fn decode_component(component: &str) -> Option<(Cow<'_, str>, Option<Cow<'_, str>>)> {
    let (name, value) = component.split_once('=')?;
    if name.is_empty() {
        return None;
    }
    let value = if value == NULL_VALUE { None } else { Some(decode(value)) };
    Some((decode(name), value))
}

/// Bytes that other readers of hive directories, shells or file systems give a meaning of their own.
fn is_special(byte: u8) -> bool {
    byte < b' '
        || matches!(
            byte,
            b'"' | b'#'
                | b'%'
                | b'\''
                | b'*'
                | b'/'
                | b':'
                | b'<'
                | b'='
                | b'>'
                | b'?'
                | b'['
                | b'\\'
                | b']'
                | b'^'
                | b'{'
                | b'|'
                | b'}'
                | 0x7f
        )
}

fn encode_into(text: &str, encode_first: bool, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for (at, character) in text.char_indices() {
        // Special bytes are ASCII, so a character outside ASCII is always kept whole.
        match u8::try_from(character) {
            Ok(byte) if byte.is_ascii() && (is_special(byte) || (at == 0 && encode_first)) => {
                out.push('%');
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
            _ => out.push(character),
        }
    }
}

/// Undoes percent-encoding. What is not a valid escape stays as it is, and so does the whole text if the
/// escapes do not spell UTF-8: directories made by hand hold anything.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = (byte == b'%').then(|| Some((hex(*bytes.get(at + 1)?)?, hex(*bytes.get(at + 2)?)?)));
        match escape.flatten() {
            Some((high, low)) => {
                out.push(high << 4 | low);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use super::*;

    #[test]
    fn spellings_match_those_of_hive() {
        assert_eq!(encode_component("year", Some("2013")), "year=2013");
        assert_eq!(encode_component("year", None), "year=__HIVE_DEFAULT_PARTITION__");
        assert_eq!(encode_component("t", Some("a b/c=d:e%")), "t=a b%2Fc%3Dd%3Ae%25");
        assert_eq!(encode_component("t", Some("")), "t=");
        assert_eq!(encode_component("t", Some("naïve")), "t=naïve");
        assert_eq!(decode_component("t=na%C3%AFve"), Some(("t".into(), Some("naïve".into()))));
        assert_eq!(decode_component("t=100%"), Some(("t".into(), Some("100%".into()))));
        assert_eq!(decode_component("t=%FF"), Some(("t".into(), Some("%FF".into()))));
        assert_eq!(decode_component("plain"), None);
        assert_eq!(decode_component("=x"), None);
    }

    #[test]
    fn hostile_names_and_values_come_back_and_stay_inside() {
        let hostile = [
            "../evil", "..", ".", "a/b", "\\", "a=b", "\u{1}", "%2F", "\n", ".hidden", "_hidden", "100%",
            "%", "C:\\x", "\0", "é", "日本", NULL_VALUE, " ", "a\u{7f}b", "~", "$(rm)", "*", "?",
        ];
        for name in hostile {
            for value in hostile.iter().copied().map(Some).chain([Some(""), None]) {
                let component = encode_component(name, value);
                let parts: Vec<_> = Path::new(&component).components().collect();
                assert!(matches!(parts.as_slice(), [Component::Normal(_)]), "{component:?} leads away");
                assert!(!component.starts_with(['.', '_']), "{component:?} is hidden");
                let (got_name, got_value) = decode_component(&component).expect("has an equals sign");
                assert_eq!((got_name.as_ref(), got_value.as_deref()), (name, value), "{component:?}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_comes_back(name in ".+", value in ".*") {
            let component = encode_component(&name, Some(&value));
            let (got_name, got_value) = decode_component(&component).expect("has an equals sign");
            assert_eq!((got_name.as_ref(), got_value.as_deref()), (name.as_str(), Some(value.as_str())));
            assert!(!component.contains(['/', '\\', '\0']));
        }
    }
}
