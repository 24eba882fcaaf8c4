//! Values as Python 2 shows them in texts.

use serde_json::Value;

/// What the texts in a value are: JSON brings `unicode`, a form brings `str`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Texts {
    /// Shown with a `u` and by characters.
    #[default]
    Unicode,
    /// Shown by the bytes of their UTF-8.
    Bytes,
}

/// Returns a list of JSON values as Python 2 shows a list of plain texts and numbers
/// (`['a', 'b']`, `[0, 1]`): upstream's own lists hold byte strings, without the `u`.
#[must_use]
pub(crate) fn python_list(items: &[Value]) -> String {
    let shown: Vec<String> = items.iter().map(|item| python_repr(item, Texts::Bytes)).collect();
    format!("[{}]", shown.join(", "))
}

/// Returns a value as Python 2's `repr` shows it (`{u'x': 1}`).
#[must_use]
pub(crate) fn python_repr(value: &Value, texts: Texts) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => float_repr(float),
            _ if is_long(value) => format!("{number}L"),
            _ => number.to_string(),
        },
        Value::String(text) => quoted(text, texts),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| python_repr(item, texts)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields = super::dict_order(fields.iter().collect(), |(name, _)| *name);
            let shown = fields.into_iter().map(|(name, value)| (quoted(name, texts), python_repr(value, texts)));
            let shown: Vec<String> = shown.map(|(name, value)| format!("{name}: {value}")).collect();
            format!("{{{}}}", shown.join(", "))
        }
    }
}

/// Returns a value as Python 2's `%s` shows it: a text as it is, a float with twelve digits,
/// everything else as [`python_repr`].
#[must_use]
pub(crate) fn python_str(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap_or_default();
            float_text(format!("{float:.11e}").parse().unwrap_or(float), 12)
        }
        Value::Number(number) => number.to_string(),
        other => python_repr(other, Texts::Unicode),
    }
}

/// Returns the name of a value's type.
#[must_use]
pub(crate) fn python_type(value: &Value, texts: Texts) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) if is_long(value) => "long",
        Value::Number(_) => "int",
        Value::String(_) if texts == Texts::Bytes => "str",
        Value::String(_) => "unicode",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// Returns what `int` makes of a value: a float loses its fraction, a text may have a sign and
/// spaces around it. `None` is an error there, or a number outside 64 bits.
#[must_use]
pub(crate) fn to_int(value: &Value) -> Option<i64> {
    match value {
        Value::Bool(truth) => Some(i64::from(*truth)),
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64().filter(|float| number.is_f64() && float.abs() < 9.2e18)?;
            Some(float.trunc() as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Returns a float as `repr` and JSON show it: the fewest digits that read back, an exponent from
/// 16 digits on and below 0.0001.
#[must_use]
pub(crate) fn float_repr(float: f64) -> String {
    float_text(float, 16)
}

/// An exponent stands from 10 to the power of `exponent_from` on.
fn float_text(float: f64, exponent_from: i32) -> String {
    let scientific = format!("{float:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(exponent) if (-4..exponent_from).contains(&exponent) => {
            let plain = format!("{float}");
            if plain.contains('.') { plain } else { plain + ".0" }
        }
        Ok(exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        Err(_) => scientific,
    }
}

/// Whole numbers above the largest `int`.
fn is_long(value: &Value) -> bool {
    value.is_u64() && !value.is_i64()
}

fn quoted(text: &str, texts: Texts) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut shown = String::new();
    if texts == Texts::Unicode {
        shown.push('u');
    }
    shown.push(quote);
    for c in text.chars() {
        match c {
            '\\' => shown.push_str("\\\\"),
            c if c == quote => shown.extend(['\\', c]),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if (' '..='~').contains(&c) => shown.push(c),
            c if texts == Texts::Bytes => {
                c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| shown.push_str(&format!("\\x{byte:02x}")));
            }
            c => shown.push_str(&escape(u32::from(c))),
        }
    }
    shown.push(quote);
    shown
}

fn escape(code: u32) -> String {
    match code {
        0..=0xff => format!("\\x{code:02x}"),
        0x100..=0xffff => format!("\\u{code:04x}"),
        _ => format!("\\U{code:08x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_shown_as_python_shows_them() {
        let table = [
            (json!(null), "None", "None", "NoneType"),
            (json!(true), "True", "True", "bool"),
            (json!(-7), "-7", "-7", "int"),
            (json!(9_223_372_036_854_775_807_i64), "9223372036854775807", "9223372036854775807", "int"),
            (json!(9_223_372_036_854_775_808_u64), "9223372036854775808", "9223372036854775808L", "long"),
            (json!(1.0), "1.0", "1.0", "float"),
            (json!(0.1 + 0.2), "0.3", "0.30000000000000004", "float"),
            (json!(1e16), "1e+16", "1e+16", "float"),
            (json!(1.5e-5), "1.5e-05", "1.5e-05", "float"),
            (json!(1234567890123.5), "1.23456789012e+12", "1234567890123.5", "float"),
            (json!("it's"), "it's", "u\"it's\"", "unicode"),
            (json!("a\"'b"), "a\"'b", "u'a\"\\'b'", "unicode"),
            (json!("\u{7f}é€😀\\\n"), "\u{7f}é€😀\\\n", "u'\\x7f\\xe9\\u20ac\\U0001f600\\\\\\n'", "unicode"),
            (json!(["a", 1, [null]]), "[u'a', 1, [None]]", "[u'a', 1, [None]]", "list"),
            (json!({"service_id": 1, "cloud": "x"}), "{u'service_id': 1, u'cloud': u'x'}", "", "dict"),
        ];
        for (value, str, repr, type_name) in table {
            assert_eq!(python_str(&value), str);
            let repr = if repr.is_empty() { str } else { repr };
            assert_eq!(python_repr(&value, Texts::Unicode), repr);
            assert_eq!(python_type(&value, Texts::Unicode), type_name, "{value}");
        }
        assert_eq!(python_repr(&json!({"x": "é"}), Texts::Bytes), r"{'x': '\xc3\xa9'}");
        assert_eq!(python_list(&[json!("a"), json!(0)]), "['a', 0]");
    }

    #[test]
    fn whole_numbers_are_what_int_makes_of_a_value() {
        for (value, number) in [
            (json!(5.7), Some(5)),
            (json!(-5.7), Some(-5)),
            (json!(true), Some(1)),
            (json!(" +5\u{a0}"), Some(5)),
            (json!("5.0"), None),
            (json!("0x5"), None),
            (json!(""), None),
            (json!(null), None),
            (json!([1]), None),
            (json!(1e30), None),
            (json!(u64::MAX), None),
        ] {
            assert_eq!(to_int(&value), number, "{value}");
        }
    }
}
