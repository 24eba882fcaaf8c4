//! The parameters and files of one call of a method.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::params::{ParamError, Params, bad, missing};
use crate::config::DirectorUrl;
use crate::pki::WantedNodes;
use crate::rpc::Upload;

/// The parameters and files of one call, taken out one by one.
#[derive(Debug)]
pub(crate) struct Call {
    /// The parameters.
    pub params: Params,
    files: BTreeMap<String, Upload>,
}

impl Call {
    /// Takes a request's parameters and files.
    #[must_use]
    pub(crate) fn new(params: Params, files: BTreeMap<String, Upload>) -> Self {
        Call { params, files }
    }

    /// Takes a file that must be there.
    ///
    /// # Errors
    /// It is missing, or a text.
    pub(crate) fn file(&mut self, name: &str) -> Result<Upload, ParamError> {
        match (self.files.remove(name), self.params.optional(name)) {
            (Some(upload), _) => Ok(upload),
            (None, None) => Err(missing(name)),
            (None, Some(value)) => {
                let text = value.as_str().unwrap_or_default();
                Err(bad(name, &format!("'{text}' has type 'str', should be uploaded file")))
            }
        }
    }

    /// Takes a file that may be there.
    pub(crate) fn optional_file(&mut self, name: &str) -> Option<Upload> {
        self.files.remove(name)
    }

    /// Takes the URL of a director.
    ///
    /// # Errors
    /// It is missing, or no URL.
    pub(crate) fn director_url(&mut self) -> Result<DirectorUrl, ParamError> {
        const NAME: &str = "director_url";
        self.params.string(NAME)?.parse().map_err(|problem: String| bad(NAME, &problem))
    }

    /// Takes a parameter that has a structure of its own.
    ///
    /// # Errors
    /// It is missing, or has another one.
    pub(crate) fn structure<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, ParamError> {
        let value = self.params.required(name)?;
        serde_json::from_value(value).map_err(|error| bad(name, &error.to_string()))
    }

    /// Takes what the director says of the nodes of an application.
    ///
    /// # Errors
    /// It is missing, or no numbers.
    pub(crate) fn wanted_nodes(&mut self) -> Result<WantedNodes, ParamError> {
        const NAME: &str = "numbers";
        let up_to = self.params.integer("up_to")?;
        let numbers = self.params.required(NAME)?;
        let numbers = numbers.as_array().and_then(|list| list.iter().map(Value::as_i64).collect());
        Ok(WantedNodes::new(up_to, numbers.ok_or_else(|| bad(NAME, "it is no list of whole numbers"))?))
    }

    /// Refuses what the method does not declare.
    ///
    /// # Errors
    /// Something is left.
    pub(crate) fn finish(mut self) -> Result<(), ParamError> {
        let Some((name, upload)) = self.files.pop_first() else { return self.params.finish() };
        Err(ParamError(format!("Unexpected parameters: {{'{name}': '{}'}}.", upload.filename)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    #[test]
    fn wanted_nodes_are_a_number_and_a_list_of_numbers() {
        let said = |params: Value| Call::new(Params::of_json(params), BTreeMap::new()).wanted_nodes();
        let wanted = WantedNodes::new(9, [2, 7].into());
        assert_eq!(said(json!({"up_to": 9, "numbers": [7, 2]})).unwrap(), wanted);
        for wrong in [json!({"up_to": 9}), json!({"up_to": 9, "numbers": "x"}), json!({"up_to": 9, "numbers": [1.5]})] {
            assert!(said(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_text_is_no_file_and_nothing_may_be_left() {
        let params = || Params::of_form(Map::from_iter([("code".to_owned(), Value::from("x"))]));
        let mut call = Call::new(params(), BTreeMap::new());
        let text = call.file("code").unwrap_err().to_string();
        assert_eq!(text, "Parameter 'code': 'x' has type 'str', should be uploaded file.");
        assert!(call.finish().is_ok());
        let mut call = Call::new(params(), BTreeMap::new());
        assert_eq!(call.file("key").unwrap_err(), missing("key"));
        assert_eq!(call.finish().unwrap_err().to_string(), "Unexpected parameters: {'code': 'x'}.");
    }
}
