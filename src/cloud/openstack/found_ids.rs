//! Ids that were found for what the configuration names, kept while they are good.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Ids by what was asked for: the option, and its value.
#[derive(Default)]
pub(crate) struct FoundIds(Mutex<HashMap<(&'static str, String), String>>);

impl FoundIds {
    /// Has all of them looked up again.
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The id that was found for this value of this option.
    pub(crate) fn get(&self, key: &'static str, value: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(key, value.to_owned())).cloned()
    }

    /// Keeps an id that was found.
    pub(crate) fn keep(&self, key: &'static str, value: &str, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((key, value.to_owned()), id.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_kept_for_its_option_and_value_until_all_are_forgotten() {
        let ids = FoundIds::default();
        ids.keep("IMAGE_ID", "debian", "1");
        ids.keep("NETWORK_ID", "debian", "2");
        assert_eq!(ids.get("IMAGE_ID", "debian").as_deref(), Some("1"));
        assert_eq!(ids.get("IMAGE_ID", "other"), None);
        ids.forget();
        assert_eq!(ids.get("NETWORK_ID", "debian"), None);
    }
}
