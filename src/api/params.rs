//! How managers and agents check a method's parameters, and the texts of
//! what they find (`docs/reference/manager-api.md` §1.4). Values are shown as Python 2 shows
//! them, because that is what people have always read.

use serde_json::{Map, Value};

use super::python::{Texts, dict_order, python_repr, python_type};
pub(crate) use super::python::{python_list, python_or_json, python_str, to_int};

/// The parameters of one call, taken out one by one in the order in which
/// the method declares them; [`Params::finish`] refuses what is left.
#[derive(Debug, Default)]
pub(crate) struct Params {
    values: Map<String, Value>,
    /// All names, in the order of the dictionary that came.
    names: Vec<String>,
    texts: Texts,
    /// What came instead of a dictionary.
    other: Option<Value>,
    was_asked: bool,
}

/// A parameter that is missing, of the wrong sort, or not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ParamError(pub String);

impl Params {
    /// Wraps the parameters of a call in JSON: texts are no numbers there.
    #[must_use]
    pub(crate) fn new(values: Map<String, Value>) -> Self {
        let names = dict_order(values.keys().cloned().collect(), |name| name);
        Params { values, names, ..Params::default() }
    }

    /// Wraps the parameters of an upload, which all are texts: ids, too.
    #[must_use]
    pub(crate) fn of_form(values: Map<String, Value>) -> Self {
        Params { texts: Texts::Bytes, ..Params::new(values) }
    }

    /// Wraps what a caller sent as parameters. `null`, an empty list and an empty text are none. Anything
    /// else that is no object has no parameter, and is refused with the words of Python.
    #[must_use]
    pub(crate) fn of_json(value: Value) -> Self {
        match value {
            Value::Object(values) => Params::new(values),
            Value::Null => Params::default(),
            other => Params { other: Some(other), ..Params::default() },
        }
    }

    /// Returns what was not taken yet.
    #[must_use]
    pub(crate) fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// Takes a parameter that must be there.
    ///
    /// # Errors
    /// It is missing.
    pub(crate) fn required(&mut self, name: &str) -> Result<Value, ParamError> {
        match self.optional(name) {
            Some(value) => Ok(value),
            None => Err(self.not_iterable().unwrap_or_else(|| missing(name))),
        }
    }

    /// Takes a parameter that may be there.
    pub(crate) fn optional(&mut self, name: &str) -> Option<Value> {
        self.was_asked = true;
        self.values.remove(name)
    }

    /// Takes a text.
    ///
    /// # Errors
    /// It is missing or no text.
    pub(crate) fn string(&mut self, name: &str) -> Result<String, ParamError> {
        let value = self.required(name)?;
        self.to_string(name, value)
    }

    /// Takes a text, or returns `default`.
    ///
    /// # Errors
    /// It is there and no text.
    pub(crate) fn string_or(&mut self, name: &str, default: &str) -> Result<String, ParamError> {
        match self.optional(name) {
            Some(value) => self.to_string(name, value),
            None => Ok(default.to_owned()),
        }
    }

    /// Takes a yes or no, also written as text.
    ///
    /// # Errors
    /// It is missing or neither.
    pub(crate) fn boolean(&mut self, name: &str) -> Result<bool, ParamError> {
        let value = self.required(name)?;
        self.to_boolean(name, &value)
    }

    /// Takes a yes or no, also written as text, or returns `default`.
    ///
    /// # Errors
    /// It is there and neither.
    pub(crate) fn boolean_or(&mut self, name: &str, default: bool) -> Result<bool, ParamError> {
        match self.optional(name) {
            None => Ok(default),
            Some(value) => self.to_boolean(name, &value),
        }
    }

    fn to_boolean(&self, name: &str, value: &Value) -> Result<bool, ParamError> {
        match value {
            Value::Bool(is_so) => Ok(*is_so),
            value => match value.as_str().map(str::to_ascii_lowercase).as_deref() {
                Some("yes" | "y" | "true" | "t" | "1") => Ok(true),
                Some("no" | "n" | "false" | "f" | "0") => Ok(false),
                _ => Err(self.wrong_type(name, value, "bool")),
            },
        }
    }

    /// Takes a whole number, also written as text.
    ///
    /// # Errors
    /// It is missing or no whole number.
    pub(crate) fn integer(&mut self, name: &str) -> Result<i64, ParamError> {
        let value = self.required(name)?;
        to_int(&value).ok_or_else(|| self.wrong_type(name, &value, "integer"))
    }

    /// Takes a whole number, also written as text, or returns `default`.
    ///
    /// # Errors
    /// It is there and no whole number.
    pub(crate) fn integer_or(&mut self, name: &str, default: i64) -> Result<i64, ParamError> {
        match self.optional(name) {
            Some(value) => to_int(&value).ok_or_else(|| self.wrong_type(name, &value, "integer")),
            None => Ok(default),
        }
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
            other => Err(self.wrong_type(name, &other, "dict")),
        }
    }

    /// Takes an object, an empty one where it is left out.
    ///
    /// # Errors
    /// Returns an error if it is something else.
    pub(crate) fn object_or_empty(&mut self, name: &str) -> Result<Map<String, Value>, ParamError> {
        if self.values.contains_key(name) { self.object(name) } else { Ok(Map::new()) }
    }

    /// Takes a number that must be one of `ids`. A text is none, except in an upload, which has only texts.
    ///
    /// # Errors
    /// It is missing or none of them.
    pub(crate) fn id(&mut self, name: &str, ids: &[i64]) -> Result<i64, ParamError> {
        let value = self.required(name)?;
        self.to_id(name, &value, ids)
    }

    /// Takes a number that must be one of `ids`, or returns `default`.
    ///
    /// # Errors
    /// It is there and none of them.
    pub(crate) fn id_or(&mut self, name: &str, ids: &[i64], default: i64) -> Result<i64, ParamError> {
        match self.optional(name) {
            Some(value) => self.to_id(name, &value, ids),
            None => Ok(default),
        }
    }

    /// Takes a text that must be one of `allowed`.
    ///
    /// # Errors
    /// It is missing or none of them.
    pub(crate) fn one_of(&mut self, name: &str, allowed: &[&str]) -> Result<String, ParamError> {
        let value = self.required(name)?;
        one_of(name, &value, allowed).map(str::to_owned)
    }

    /// Takes one of a few texts and returns what it stands for.
    ///
    /// # Errors
    /// It is missing or none of them.
    pub(crate) fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Result<T, ParamError> {
        let value = self.required(name)?;
        let texts: Vec<&str> = choices.iter().map(|(text, _)| *text).collect();
        let chosen = one_of(name, &value, &texts)?;
        let found = choices.iter().find(|(text, _)| *text == chosen);
        found.map(|(_, meaning)| *meaning).ok_or_else(|| missing(name))
    }

    /// Refuses parameters that the method does not declare.
    ///
    /// # Errors
    /// Something is left.
    pub(crate) fn finish(self) -> Result<(), ParamError> {
        let shown = match &self.other {
            Some(Value::Array(items)) if items.is_empty() => return Ok(()),
            Some(Value::String(text)) if text.is_empty() => return Ok(()),
            Some(_) if self.is_iterable() => self.other.as_ref().map(python_str).unwrap_or_default(),
            Some(other) => {
                let type_name = python_type(other, self.texts);
                let no_length = ParamError(format!("object of type '{type_name}' has no len()"));
                return Err(self.not_iterable().filter(|_| self.was_asked).unwrap_or(no_length));
            }
            None if self.values.is_empty() => return Ok(()),
            None => self.shown_rest(),
        };
        Err(ParamError(format!("Unexpected parameters: {shown}.")))
    }

    /// What is left stands where it stood among all.
    fn shown_rest(&self) -> String {
        let rest = self.names.iter().filter_map(|name| Some((name, self.values.get(name)?)));
        let of_one = |(name, value): (&String, &Value)| {
            let name = python_repr(&Value::from(name.as_str()), self.texts);
            format!("{name}: {}", python_repr(value, self.texts))
        };
        format!("{{{}}}", rest.map(of_one).collect::<Vec<_>>().join(", "))
    }

    /// Returns the error of a look into what is no dictionary, list or text.
    fn not_iterable(&self) -> Option<ParamError> {
        let other = self.other.as_ref().filter(|_| !self.is_iterable())?;
        Some(ParamError(format!("argument of type '{}' is not iterable", python_type(other, self.texts))))
    }

    fn is_iterable(&self) -> bool {
        matches!(self.other, None | Some(Value::Array(_) | Value::String(_)))
    }

    fn to_string(&self, name: &str, value: Value) -> Result<String, ParamError> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(self.wrong_type(name, &other, "string")),
        }
    }

    fn to_id(&self, name: &str, value: &Value, ids: &[i64]) -> Result<i64, ParamError> {
        let found = ids.iter().find(|id| match value {
            Value::String(text) => self.texts == Texts::Bytes && text.trim().parse() == Ok(**id),
            // What equals the number is it: 1.0 and True are 1.
            Value::Bool(truth) => i64::from(*truth) == **id,
            Value::Number(number) => number.as_i64() == Some(**id) || number.as_f64() == Some(**id as f64),
            _ => false,
        });
        let refused = || {
            let shown: Vec<Value> = ids.iter().map(|id| Value::from(*id)).collect();
            bad(name, &format!("'{}' must be one of {}", python_str(value), python_list(&shown)))
        };
        found.copied().ok_or_else(refused)
    }

    fn wrong_type(&self, name: &str, value: &Value, expected: &str) -> ParamError {
        let type_name = python_type(value, self.texts);
        bad(name, &format!("'{}' has type '{type_name}', should be {expected}", python_str(value)))
    }
}

/// Returns which of `allowed` a value is.
///
/// # Errors
/// It is none of them.
pub(crate) fn one_of<'a>(name: &str, value: &Value, allowed: &[&'a str]) -> Result<&'a str, ParamError> {
    let refused = || {
        let shown: Vec<Value> = allowed.iter().map(|text| Value::from(*text)).collect();
        bad(name, &format!("'{}' must be one of {}", python_str(value), python_list(&shown)))
    };
    allowed.iter().copied().find(|text| value == *text).ok_or_else(refused)
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn params(value: &Value) -> Params {
        Params::of_json(value.clone())
    }

    fn text<T: std::fmt::Debug>(outcome: Result<T, ParamError>) -> String {
        outcome.unwrap_err().to_string()
    }

    #[test]
    fn texts_are_as_recorded() {
        assert_eq!(text(params(&json!({"x": 1})).finish()), "Unexpected parameters: {u'x': 1}.");
        let missing = "Missing the mandatory parameter 'service_type'.";
        assert_eq!(text(params(&json!({})).string("service_type")), missing);
        let refused = "Parameter 'service_id': '42' must be one of [0, 1, 2].";
        assert_eq!(text(params(&json!({"service_id": 42})).id("service_id", &[0, 1, 2])), refused);
        let choices = [("run", 1), ("cleanup", 2)];
        assert_eq!(params(&json!({"command": "cleanup"})).choice("command", &choices), Ok(2));
        let refused = "Parameter 'command': 'init' must be one of ['run', 'cleanup'].";
        assert_eq!(text(params(&json!({"command": "init"})).choice("command", &choices)), refused);
        assert_eq!(params(&json!({"n": "5"})).positive("n"), Ok(5));
        assert_eq!(text(params(&json!({"n": -1})).positive("n")), "Parameter 'n': -1 is not more than 0.");
        let refused = "Parameter 'nodes': '3' has type 'int', should be dict.";
        assert_eq!(text(params(&json!({"nodes": 3})).object("nodes")), refused);
    }

    #[test]
    fn a_text_is_an_id_in_an_upload_only() {
        let ids = [0, 1, 2];
        for value in [json!("1"), json!(" 1"), json!(null), json!([1]), json!({}), json!(1.5), json!(3)] {
            let refused = format!("Parameter 'sid': '{}' must be one of [0, 1, 2].", python_str(&value));
            assert_eq!(text(params(&json!({ "sid": value })).id("sid", &ids)), refused);
        }
        for value in [json!(1), json!(1.0), json!(true)] {
            assert_eq!(params(&json!({ "sid": value })).id("sid", &ids), Ok(1), "{value}");
        }
        let form = |text: &str| Params::of_form(Map::from_iter([("sid".to_owned(), Value::from(text))]));
        assert_eq!(form("1").id("sid", &ids), Ok(1));
        assert_eq!(text(form("x").id("sid", &ids)), "Parameter 'sid': 'x' must be one of [0, 1, 2].");
        assert_eq!(form("").id_or("other", &ids, 0), Ok(0));
    }

    #[test]
    fn what_is_left_stands_in_the_order_in_which_it_came() {
        let mut five = params(&json!({"a": 1, "b": "x", "c": null, "d": [1.5], "service_id": 3, "e": {"é": true}}));
        assert_eq!(five.id("service_id", &[3]), Ok(3));
        let shown = "Unexpected parameters: {u'a': 1, u'c': None, u'b': u'x', u'e': {u'\\xe9': True}, u'd': [1.5]}.";
        assert_eq!(text(five.finish()), shown);
        let form = Params::of_form(Map::from_iter([("x".to_owned(), Value::from("é"))]));
        assert_eq!(text(form.finish()), "Unexpected parameters: {'x': '\\xc3\\xa9'}.");
    }

    #[test]
    fn parameters_that_are_no_object_are_refused_in_the_words_of_python() {
        assert!(params(&json!([])).finish().is_ok() && params(&json!("")).finish().is_ok());
        assert!(params(&json!(null)).finish().is_ok());
        assert_eq!(text(params(&json!([1, "a"])).finish()), "Unexpected parameters: [1, u'a'].");
        assert_eq!(text(params(&json!("abc")).finish()), "Unexpected parameters: abc.");
        assert_eq!(text(params(&json!(7)).finish()), "object of type 'int' has no len()");
        assert_eq!(text(params(&json!([1])).string("cloud")), "Missing the mandatory parameter 'cloud'.");
        assert_eq!(text(params(&json!(true)).string("cloud")), "argument of type 'bool' is not iterable");
        let mut number = params(&json!(1.5));
        assert_eq!(number.string_or("parameters", "").as_deref(), Ok(""));
        assert_eq!(text(number.finish()), "argument of type 'float' is not iterable");
    }
}
