//! JSON as ConPaaS 2.0 writes it, byte for byte: spaces, escapes and numbers. Fields stand in the order of
//! the structs of `api/`, which is the recorded one.

use std::io;

use serde::Serialize;
use serde_json::ser::Formatter;

use crate::api::python::float_repr;

/// Writes one line with `", "` and `": "`, as Python's `simplejson.dumps` writes it.
///
/// # Panics
/// Never for the plain data of the wire: maps have text keys.
#[must_use]
pub(crate) fn python_json(value: &impl Serialize) -> String {
    write(value, OneLine)
}

/// Writes JSON indented by two, keys sorted, as Flask's `jsonify` writes it, with a final line end.
///
/// # Panics
/// Never for the plain data of the wire: maps have text keys.
#[must_use]
pub(crate) fn python_json_pretty(value: &impl Serialize) -> String {
    let mut sorted = serde_json::to_value(value).expect("wire types are plain data with text keys");
    sorted.sort_all_objects();
    let mut text = write(&sorted, Indented { depth: 0, has_value: false });
    text.push('\n');
    text
}

fn write<F: Formatter>(value: &impl Serialize, formatter: F) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    value.serialize(&mut serializer).expect("wire types are plain data with text keys");
    String::from_utf8(bytes).expect("serde_json writes UTF-8")
}

/// Writes the rest of a text as Python does: everything but printable ASCII escaped.
fn write_ascii<W: ?Sized + io::Write>(writer: &mut W, fragment: &str) -> io::Result<()> {
    let is_plain = |c: char| (' '..='~').contains(&c);
    let mut rest = fragment;
    while let Some(at) = rest.find(|c| !is_plain(c)) {
        let (plain, other) = rest.split_at(at);
        writer.write_all(plain.as_bytes())?;
        let end = other.find(is_plain).unwrap_or(other.len());
        for unit in other[..end].encode_utf16() {
            write!(writer, "\\u{unit:04x}")?;
        }
        rest = &other[end..];
    }
    writer.write_all(rest.as_bytes())
}

struct OneLine;

impl Formatter for OneLine {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        write_ascii(writer, fragment)
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(float_repr(value).as_bytes())
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

struct Indented {
    depth: usize,
    has_value: bool,
}

impl Indented {
    fn line<W: ?Sized + io::Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| writer.write_all(b"  "))
    }

    fn open<W: ?Sized + io::Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.has_value = false;
        writer.write_all(bracket)
    }

    fn close<W: ?Sized + io::Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if self.has_value {
            self.line(writer)?;
        }
        writer.write_all(bracket)
    }

    fn item<W: ?Sized + io::Write>(&self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })?;
        self.line(writer)
    }
}

impl Formatter for Indented {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        write_ascii(writer, fragment)
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(float_repr(value).as_bytes())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.item(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}")
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.item(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_forms_are_as_recorded() {
        assert_eq!(python_json(&json!({"a": [1, 2], "b": null})), r#"{"a": [1, 2], "b": null}"#);
        assert_eq!(python_json(&json!({"b": 1, "a": 2})), r#"{"b": 1, "a": 2}"#, "as it came");
        let text = json!("é\u{7f}😀/\"\\\n\u{1}");
        assert_eq!(python_json(&text), r#""\u00e9\u007f\ud83d\ude00/\"\\\n\u0001""#);
        assert_eq!(python_json_pretty(&text).trim_end(), python_json(&text));
        assert_eq!(python_json(&json!([1e16, 1.5, 1e-5, 2.0])), "[1e+16, 1.5, 1e-05, 2.0]");
        assert_eq!(python_json_pretty(&json!({})), "{}\n");
        assert_eq!(
            python_json_pretty(&json!({"b": {"c": []}, "a": 1})),
            "{\n  \"a\": 1, \n  \"b\": {\n    \"c\": []\n  }\n}\n"
        );
    }
}
