//! JSON as ConPaaS 2.0 spaces it. Clients do not care; recorded exchanges compare equal.

use std::io;

use serde::Serialize;
use serde_json::ser::Formatter;

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
    let sorted = serde_json::to_value(value).expect("wire types are plain data with text keys");
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

struct OneLine;

impl Formatter for OneLine {
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
        assert_eq!(python_json_pretty(&json!({})), "{}\n");
        assert_eq!(
            python_json_pretty(&json!({"b": {"c": []}, "a": 1})),
            "{\n  \"a\": 1, \n  \"b\": {\n    \"c\": []\n  }\n}\n"
        );
    }
}
