//! Work on the nodes of a service that a method of its kind asked for.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A document of a kind's own type: the kind writes it in a method, the manager records it with the
/// operation, and the kind reads it when it does the work, perhaps in a later process.
///
/// # Assumptions
/// A kind that has several sorts of work tells them apart by an enum of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Work(Value);

impl Work {
    /// Writes a document.
    ///
    /// # Panics
    /// Never for plain data: maps have text keys.
    #[must_use]
    pub(crate) fn of(document: &impl Serialize) -> Self {
        Work(serde_json::to_value(document).expect("work is plain data"))
    }

    /// Reads the document that [`Work::of`] wrote.
    ///
    /// # Errors
    /// It is a document of another type, for instance of a newer program.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_as_the_type_that_wrote_it_and_no_other() {
        let work = Work::of(&("code-a".to_owned(), 2));
        let recorded: Work = serde_json::from_str(&serde_json::to_string(&work).unwrap()).unwrap();
        assert_eq!(recorded.read::<(String, i64)>().unwrap(), ("code-a".to_owned(), 2));
        assert!(recorded.read::<String>().is_err());
    }
}
