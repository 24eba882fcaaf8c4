//! How managers and agents check a method's parameters, and the texts of
//! what they find (`docs/reference/manager-api.md` §1.4). Values are shown as Python 2 shows
//! them, because that is what people have always read.

use serde_json::{Map, Value};

pub(crate) use super::python::python_or_json;

/// The parameters of one call, taken out one by one in the order in which
/// the method declares them; [`Params::finish`] refuses what is left.
#[derive(Debug)]
pub(crate) struct Params {
    values: Map<String, Value>,
}

/// A parameter that is missing, of the wrong sort, or not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ParamError(pub String);

impl Params {
    /// Wraps the parameters of a call.
    #[must_use]
    pub(crate) fn new(values: Map<String, Value>) -> Self {
        Params { values }
    }

    /// Takes a parameter that must be there.
    ///
    /// # Errors
    /// It is missing.
    pub(crate) fn required(&mut self, name: &str) -> Result<Value, ParamError> {
        self.optional(name).ok_or_else(|| missing(name))
    }

    /// Takes a parameter that may be there.
    pub(crate) fn optional(&mut self, name: &str) -> Option<Value> {
        self.values.remove(name)
    }

    /// Takes a text.
    ///
    /// # Errors
    /// It is missing or no text.
    pub(crate) fn string(&mut self, name: &str) -> Result<String, ParamError> {
        let value = self.required(name)?;
        to_string(name, value)
    }

    /// Takes a text, or returns `default`.
    ///
    /// # Errors
    /// It is there and no text.
    pub(crate) fn string_or(&mut self, name: &str, default: &str) -> Result<String, ParamError> {
        self.optional(name).map_or_else(|| Ok(default.to_owned()), |value| to_string(name, value))
    }

    /// Takes a whole number, also written as text.
    ///
    /// # Errors
    /// It is missing or no whole number.
    pub(crate) fn integer(&mut self, name: &str) -> Result<i64, ParamError> {
        let value = self.required(name)?;
        to_integer(name, &value)
    }

    /// Takes a whole number above 0, also written as text.
    ///
    /// # Errors
    /// It is missing, no whole number, or not above 0.
    pub(crate) fn positive(&mut self, name: &str) -> Result<i64, ParamError> {
        let number = self.integer(name)?;
        if number > 0 { Ok(number) } else { Err(bad(name, &format!("{number} is not more than 0"))) }
    }

    /// Takes an object.
    ///
    /// # Errors
    /// It is missing or no object.
    pub(crate) fn object(&mut self, name: &str) -> Result<Map<String, Value>, ParamError> {
        match self.required(name)? {
            Value::Object(object) => Ok(object),
            other => Err(wrong_type(name, &other, "dict")),
        }
    }

    /// Takes a value that must equal one of `allowed`; ids must be JSON
    /// numbers, texts texts. `shown` is how the list reads in the error.
    ///
    /// # Errors
    /// It is missing or none of them.
    pub(crate) fn one_of(&mut self, name: &str, allowed: &[Value], shown: &str) -> Result<Value, ParamError> {
        let value = self.required(name)?;
        if allowed.contains(&value) {
            return Ok(value);
        }
        Err(bad(name, &format!("'{}' must be one of {shown}", python_str(&value))))
    }

    /// Takes one of a few texts and returns what it stands for.
    ///
    /// # Errors
    /// It is missing or none of them.
    pub(crate) fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Result<T, ParamError> {
        let value = self.required(name)?;
        if let Some((_, meaning)) = choices.iter().find(|(text, _)| value == *text) {
            return Ok(*meaning);
        }
        let texts: Vec<Value> = choices.iter().map(|(text, _)| Value::from(*text)).collect();
        Err(bad(name, &format!("'{}' must be one of {}", python_str(&value), python_list(&texts))))
    }

    /// Refuses parameters that the method does not declare.
    ///
    /// # Errors
    /// Something is left.
    pub(crate) fn finish(self) -> Result<(), ParamError> {
        if self.values.is_empty() {
            return Ok(());
        }
        Err(ParamError(format!("Unexpected parameters: {}.", python_repr(&Value::Object(self.values)))))
    }
}

/// Returns the error of a parameter that is not there.
#[must_use]
pub(crate) fn missing(name: &str) -> ParamError {
    ParamError(format!("Missing the mandatory parameter '{name}'."))
}

/// Returns the error of a parameter whose value breaks a rule.
#[must_use]
pub(crate) fn bad(name: &str, detail: &str) -> ParamError {
    ParamError(format!("Parameter '{name}': {detail}."))
}

/// Returns the error of a value of the wrong sort.
#[must_use]
pub(crate) fn wrong_type(name: &str, value: &Value, expected: &str) -> ParamError {
    bad(name, &format!("'{}' has type '{}', should be {expected}", python_str(value), python_type(value)))
}

/// Returns a list of JSON values as Python 2 shows a list of plain texts and numbers
/// (`['a', 'b']`, `[0, 1]`): upstream's own lists hold byte strings, without the `u`.
#[must_use]
pub(crate) fn python_list(items: &[Value]) -> String {
    let shown: Vec<String> =
        items.iter().map(|item| item.as_str().map_or_else(|| python_repr(item), |text| format!("'{text}'"))).collect();
    format!("[{}]", shown.join(", "))
}

/// Returns a value as Python 2's `repr` shows what JSON gave it (`{u'x': 1}`).
#[must_use]
pub(crate) fn python_repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("u'{}'", escaped(text)),
        Value::Array(items) => format!("[{}]", items.iter().map(python_repr).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("u'{}': {}", escaped(name), python_repr(value))).collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

/// A value as Python 2's `%s` shows it: texts as they are, everything else as [`python_repr`].
#[must_use]
pub(crate) fn python_str(value: &Value) -> String {
    value.as_str().map_or_else(|| python_repr(value), str::to_owned)
}

fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "unicode",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

fn escaped(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        match c {
            '\\' => shown.push_str("\\\\"),
            '\'' => shown.push_str("\\'"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if (' '..='~').contains(&c) => shown.push(c),
            c if u32::from(c) <= 0xff => shown.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if u32::from(c) <= 0xffff => shown.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => shown.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    shown
}

fn to_string(name: &str, value: Value) -> Result<String, ParamError> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(wrong_type(name, &other, "string")),
    }
}

fn to_integer(name: &str, value: &Value) -> Result<i64, ParamError> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(truth) => Some(i64::from(*truth)),
        other => other.as_i64().or_else(|| other.as_f64().map(|float| float as i64)),
    };
    number.ok_or_else(|| wrong_type(name, value, "integer"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn params(value: &Value) -> Params {
        Params::new(value.as_object().cloned().unwrap())
    }

    #[test]
    fn texts_are_as_recorded() {
        assert_eq!(params(&json!({"x": 1})).finish().unwrap_err().to_string(), "Unexpected parameters: {u'x': 1}.");
        assert_eq!(
            params(&json!({})).string("service_type").unwrap_err().to_string(),
            "Missing the mandatory parameter 'service_type'."
        );
        let allowed = [json!(0), json!(1), json!(2)];
        assert_eq!(
            params(&json!({"service_id": 42}))
                .one_of("service_id", &allowed, &python_list(&allowed))
                .unwrap_err()
                .to_string(),
            "Parameter 'service_id': '42' must be one of [0, 1, 2]."
        );
        let choices = [("run", 1), ("cleanup", 2)];
        assert_eq!(params(&json!({"command": "cleanup"})).choice("command", &choices), Ok(2));
        assert_eq!(
            params(&json!({"command": "init"})).choice("command", &choices).unwrap_err().to_string(),
            "Parameter 'command': 'init' must be one of ['run', 'cleanup']."
        );
        assert_eq!(params(&json!({"n": "5"})).positive("n"), Ok(5));
        assert_eq!(
            params(&json!({"n": -1})).positive("n").unwrap_err().to_string(),
            "Parameter 'n': -1 is not more than 0."
        );
    }
}
