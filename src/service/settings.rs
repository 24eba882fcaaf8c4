//! The settings of a service: one typed document, kept in the manager's store.
//!
//! A kind declares a type; what is not set has the type's default. A document
//! survives a stop of its service and every restart of the manager. A kind
//! checks values before it writes them, so that what is read is good.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::MethodError;

/// The settings that a kind declares.
pub(crate) trait Settings: Serialize + DeserializeOwned + Default {}

/// A service's document, as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Document(Option<String>);

impl Document {
    /// Takes what the store keeps; `None` means that nothing was ever set.
    #[must_use]
    pub(crate) fn new(text: Option<String>) -> Self {
        Document(text)
    }

    /// Returns the document of these settings.
    ///
    /// # Errors
    /// Returns an error if a value has no form in JSON.
    pub(crate) fn of<S: Settings>(settings: &S) -> Result<Self, MethodError> {
        let text = serde_json::to_string(settings);
        text.map(|text| Document(Some(text)))
            .map_err(|error| MethodError::refused(format!("the settings cannot be written down: {error}")))
    }

    /// Returns the settings.
    ///
    /// # Errors
    /// Returns an error if the document was written by a program that had other settings.
    pub(crate) fn read<S: Settings>(&self) -> Result<S, MethodError> {
        let Some(text) = &self.0 else { return Ok(S::default()) };
        serde_json::from_str(text)
            .map_err(|error| MethodError::refused(format!("the settings of the service cannot be read: {error}")))
    }

    /// Returns the text that the store keeps.
    #[must_use]
    pub(crate) fn into_text(self) -> Option<String> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Php {
        memory_limit: String,
        backends: u32,
    }

    impl Default for Php {
        fn default() -> Self {
            Php { memory_limit: "128M".to_owned(), backends: 1 }
        }
    }

    impl Settings for Php {}

    #[test]
    fn what_was_never_set_has_its_default() {
        assert_eq!(Document::default().read::<Php>().unwrap(), Php::default());
        let some = Document::new(Some(r#"{"backends": 3}"#.to_owned()));
        assert_eq!(some.read::<Php>().unwrap(), Php { backends: 3, ..Php::default() });
    }

    #[test]
    fn a_document_reads_back_and_a_strange_one_is_refused() {
        let wanted = Php { memory_limit: "1G".to_owned(), backends: 7 };
        let document = Document::of(&wanted).unwrap();
        assert_eq!(Document::new(document.clone().into_text()), document);
        assert_eq!(document.read::<Php>().unwrap(), wanted);
        let strange = Document::new(Some(r#"{"colour": "red"}"#.to_owned())).read::<Php>().unwrap_err();
        assert!(strange.to_string().contains("colour"), "{strange}");
    }
}
