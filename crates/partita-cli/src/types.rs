//! Column types as they are typed and printed: `int64`, `text`, `timestamp[us, UTC]`, `decimal(10, 2)`.

use partita::arrow::datatypes::{DataType, TimeUnit};

/// The type of some columns: `a=int64,b=decimal(10, 2)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ColumnTypes(pub(crate) Vec<(String, DataType)>);

/// Reads `name=type` pairs separated by commas. A name may hold an equals sign, a type cannot.
pub(crate) fn column_types(text: &str) -> Result<ColumnTypes, String> {
    let mut types = Vec::new();
    for pair in outside_brackets(text) {
        let Some((name, data_type)) = pair.rsplit_once('=') else {
            return Err(format!(
                "`{pair}` is not a pair of column and type; write name=type, as in id=int64"
            ));
        };
        types.push((name.to_owned(), parse(data_type)?));
    }
    Ok(ColumnTypes(types))
}

/// The parts between commas that are not inside brackets.
fn outside_brackets(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Reads a type's name.
fn parse(text: &str) -> Result<DataType, String> {
    let lower = text.trim().to_ascii_lowercase();
    let simple = match lower.as_str() {
        "bool" | "boolean" => Some(DataType::Boolean),
        "int8" => Some(DataType::Int8),
        "int16" => Some(DataType::Int16),
        "int32" => Some(DataType::Int32),
        "int" | "int64" => Some(DataType::Int64),
        "uint8" => Some(DataType::UInt8),
        "uint16" => Some(DataType::UInt16),
        "uint32" => Some(DataType::UInt32),
        "uint64" => Some(DataType::UInt64),
        "float32" => Some(DataType::Float32),
        "float" | "double" | "float64" => Some(DataType::Float64),
        "text" | "string" | "str" | "utf8" => Some(DataType::Utf8View),
        "binary" => Some(DataType::BinaryView),
        "date" => Some(DataType::Date32),
        "time" => Some(DataType::Time64(TimeUnit::Microsecond)),
        "timestamp" | "datetime" => Some(DataType::Timestamp(TimeUnit::Microsecond, None)),
        _ => None,
    };
    simple.or_else(|| with_brackets(text.trim())).ok_or_else(|| {
        format!(
            "`{text}` is not a type; use bool, int8 to int64, uint8 to uint64, float32, float64, text, binary, \
             date, time, timestamp, timestamp[us, UTC] or decimal(10, 2)"
        )
    })
}

/// `timestamp[unit]`, `timestamp[unit, zone]`, `time[unit]`, `decimal(precision, scale)`.
fn with_brackets(text: &str) -> Option<DataType> {
    let open = text.find(['(', '['])?;
    let inner = text[open + 1..].strip_suffix([')', ']'])?;
    let mut parts = inner.split(',').map(str::trim);
    let (first, second) = (parts.next()?, parts.next());
    if parts.next().is_some() {
        return None;
    }
    match text[..open].trim().to_ascii_lowercase().as_str() {
        "timestamp" => Some(match (unit(first), second) {
            (Some(unit), zone) => DataType::Timestamp(unit, zone.map(Into::into)),
            (None, None) => DataType::Timestamp(TimeUnit::Microsecond, Some(first.into())),
            (None, Some(_)) => return None,
        }),
        "time" if second.is_none() => match unit(first)? {
            unit @ (TimeUnit::Second | TimeUnit::Millisecond) => Some(DataType::Time32(unit)),
            unit => Some(DataType::Time64(unit)),
        },
        "decimal" => {
            let precision: u8 = first.parse().ok()?;
            let scale: i8 = second.unwrap_or("0").parse().ok()?;
            match precision {
                1..=38 if scale <= precision as i8 => Some(DataType::Decimal128(precision, scale)),
                39..=76 if scale <= precision as i8 => Some(DataType::Decimal256(precision, scale)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn unit(text: &str) -> Option<TimeUnit> {
    match text {
        "s" => Some(TimeUnit::Second),
        "ms" => Some(TimeUnit::Millisecond),
        "us" => Some(TimeUnit::Microsecond),
        "ns" => Some(TimeUnit::Nanosecond),
        _ => None,
    }
}

fn unit_name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}

/// A type as `schema` prints it; where `--types` takes the type, in a spelling that it takes.
pub(crate) fn name(data_type: &DataType) -> String {
    use DataType::*;
    match data_type {
        Boolean => "bool".to_owned(),
        Utf8 | LargeUtf8 | Utf8View => "text".to_owned(),
        Binary | LargeBinary | BinaryView => "binary".to_owned(),
        FixedSizeBinary(width) => format!("binary[{width}]"),
        Date32 | Date64 => "date".to_owned(),
        Time32(unit) | Time64(unit) => format!("time[{}]", unit_name(*unit)),
        Timestamp(unit, None) => format!("timestamp[{}]", unit_name(*unit)),
        Timestamp(unit, Some(zone)) => format!("timestamp[{}, {zone}]", unit_name(*unit)),
        Duration(unit) => format!("duration[{}]", unit_name(*unit)),
        Decimal32(p, s) | Decimal64(p, s) | Decimal128(p, s) | Decimal256(p, s) => {
            format!("decimal({p}, {s})")
        }
        List(item) | LargeList(item) | ListView(item) | LargeListView(item) | FixedSizeList(item, _) => {
            format!("list<{}>", name(item.data_type()))
        }
        Struct(fields) => {
            let fields = fields.iter().map(|field| format!("{}: {}", field.name(), name(field.data_type())));
            format!("struct<{}>", fields.collect::<Vec<_>>().join(", "))
        }
        Map(entries, _) => format!("map<{}>", name(entries.data_type())),
        Dictionary(_, value) => format!("dictionary<{}>", name(value)),
        other => other.to_string().to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_cut_at_commas_outside_brackets() {
        let types = column_types("a=int64,when=timestamp[ns, Europe/Berlin],x=y=text,d=decimal(10,2)");
        assert_eq!(
            types,
            Ok(ColumnTypes(vec![
                ("a".to_owned(), DataType::Int64),
                ("when".to_owned(), DataType::Timestamp(TimeUnit::Nanosecond, Some("Europe/Berlin".into()))),
                ("x=y".to_owned(), DataType::Utf8View),
                ("d".to_owned(), DataType::Decimal128(10, 2)),
            ]))
        );
        for wrong in [
            "",
            "a",
            "a=",
            "a=int65",
            "a=decimal(0,0)",
            "a=decimal(3,4)",
            "a=time[us, UTC]",
            "a=decimal(1,1,1)",
        ] {
            assert!(column_types(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn printed_names_are_read_again() {
        for spelled in [
            "bool",
            "int8",
            "uint64",
            "float32",
            "text",
            "binary",
            "date",
            "time[us]",
            "timestamp[ms]",
            "timestamp[us, UTC]",
            "decimal(40, 3)",
        ] {
            assert_eq!(name(&parse(spelled).unwrap()), spelled);
        }
    }
}
