//! Values as Python 2's `repr` writes them: upstream's managers send lists and
//! dictionaries to the director so, ours send JSON.

use serde_json::{Map, Number, Value};

const MAX_DEPTH: usize = 16;

/// Reads JSON or, if it is none, a Python literal of texts, numbers,
/// `True`, `False`, `None`, lists, tuples and dictionaries.
#[must_use]
pub(crate) fn python_or_json(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    let mut reader = Reader { rest: text.trim() };
    let value = reader.value(0)?;
    reader.rest.is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        let value = match self.rest.chars().next()? {
            '[' => Value::Array(self.items('[', ']', depth)?),
            '(' => Value::Array(self.items('(', ')', depth)?),
            '{' => self.dictionary(depth)?,
            '\'' | '"' => Value::String(self.text()?),
            'u' | 'b' if self.rest[1..].starts_with(['\'', '"']) => {
                self.rest = &self.rest[1..];
                Value::String(self.text()?)
            }
            _ => self.word()?,
        };
        self.rest = self.rest.trim_start();
        Some(value)
    }

    fn items(&mut self, open: char, close: char, depth: usize) -> Option<Vec<Value>> {
        self.eat(open)?;
        let mut items = Vec::new();
        while self.eat(close).is_none() {
            items.push(self.value(depth + 1)?);
            if self.eat(',').is_none() {
                self.eat(close)?;
                break;
            }
        }
        Some(items)
    }

    fn dictionary(&mut self, depth: usize) -> Option<Value> {
        self.eat('{')?;
        let mut fields = Map::new();
        while self.eat('}').is_none() {
            let key = match self.value(depth + 1)? {
                Value::String(key) => key,
                other => other.to_string(),
            };
            self.eat(':')?;
            fields.insert(key, self.value(depth + 1)?);
            if self.eat(',').is_none() {
                self.eat('}')?;
                break;
            }
        }
        Some(Value::Object(fields))
    }

    fn text(&mut self) -> Option<String> {
        let mut chars = self.rest.chars();
        let quote = chars.next()?;
        let mut text = String::new();
        loop {
            match chars.next()? {
                c if c == quote => break,
                '\\' => match chars.next()? {
                    'n' => text.push('\n'),
                    'r' => text.push('\r'),
                    't' => text.push('\t'),
                    'x' => text.push(code(&mut chars, 2)?),
                    'u' => text.push(code(&mut chars, 4)?),
                    'U' => text.push(code(&mut chars, 8)?),
                    other => text.push(other),
                },
                c => text.push(c),
            }
        }
        self.rest = chars.as_str();
        Some(text)
    }

    fn word(&mut self) -> Option<Value> {
        let end = self.rest.find([',', ':', ']', ')', '}', ' ']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "None" => Some(Value::Null),
            "True" => Some(Value::Bool(true)),
            "False" => Some(Value::Bool(false)),
            number => {
                let number = number.trim_end_matches('L');
                let whole = number.parse::<i64>().ok().map(Number::from);
                whole.or_else(|| Number::from_f64(number.parse().ok()?)).map(Value::Number)
            }
        }
    }

    fn eat(&mut self, wanted: char) -> Option<()> {
        self.rest = self.rest.trim_start().strip_prefix(wanted)?.trim_start();
        Some(())
    }
}

fn code(chars: &mut std::str::Chars<'_>, n_digits: usize) -> Option<char> {
    let digits: String = chars.take(n_digits).collect();
    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_upstreams_managers_send_is_read() {
        assert_eq!(
            python_or_json("[{'cloud': u'default', 'role': 'node', 'n': 3L, 'x': None, 'y': (1, 2.5)}]"),
            Some(json!([{"cloud": "default", "role": "node", "n": 3, "x": null, "y": [1, 2.5]}]))
        );
        assert_eq!(python_or_json(r#"{u'it\'s': "a\u00e9"}"#), Some(json!({"it's": "aé"})));
        assert_eq!(python_or_json("{}"), Some(json!({})));
        assert_eq!(python_or_json("{\"a\": [true]}"), Some(json!({"a": [true]})));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "[", "{'a'}", "[1 2]", "__import__('os')", "'abc", &"[".repeat(100)] {
            assert_eq!(python_or_json(text), None, "{text}");
        }
    }
}
