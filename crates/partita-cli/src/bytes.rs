//! Sizes with units, and single bytes such as delimiters, as they are typed.

/// A number of bytes: `1048576`, `512MiB`, `1.5GB`, `64k`. `KiB`, `MiB`, `GiB`, `TiB` and the bare letters
/// count by 1024; `KB`, `MB`, `GB`, `TB` by 1000.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let wrong = || {
        format!("`{text}` is not a size; write a number of bytes or a unit, as in 1048576, 512MiB or 1.5GB")
    };
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(wrong()),
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(unit).ok_or_else(wrong);
    }
    let bytes = number.parse::<f64>().map_err(|_| wrong())? * unit as f64;
    // The largest whole number below which every one is exact.
    if bytes.is_finite() && bytes < (1_u64 << 53) as f64 { Ok(bytes as u64) } else { Err(wrong()) }
}

/// One ASCII byte: `;`, `\t` or `tab`.
pub(crate) fn byte(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" | b"tab" => Ok(b'\t'),
        b"\\0" => Ok(0),
        [one] if one.is_ascii() && !matches!(one, b'\n' | b'\r') => Ok(*one),
        _ => Err(format!("`{text}` is not one ASCII character; write a tab as `\\t` or `tab`")),
    }
}

/// One ASCII byte, or `none`.
pub(crate) fn byte_or_none(text: &str) -> Result<Option<u8>, String> {
    if text == "none" || text.is_empty() { Ok(None) } else { byte(text).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("1048576", 1_048_576),
            ("512MiB", 536_870_912),
            ("512 mib", 536_870_912),
            ("1.5GB", 1_500_000_000),
            ("64k", 65_536),
            ("2G", 2_147_483_648),
            ("1TB", 1_000_000_000_000),
            ("3b", 3),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "-1", "1..5", "5 parsecs", "99999999999TiB", "1e9", "0.5.5G", "."] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn single_bytes() {
        assert_eq!(byte(";"), Ok(b';'));
        assert_eq!(byte("\\t"), Ok(b'\t'));
        assert_eq!(byte("tab"), Ok(b'\t'));
        assert_eq!(byte("\t"), Ok(b'\t'));
        for text in ["", "ab", "ä", "\n"] {
            assert!(byte(text).is_err(), "{text}");
        }
        assert_eq!(byte_or_none("none"), Ok(None));
        assert_eq!(byte_or_none("'"), Ok(Some(b'\'')));
    }
}
