//! Why a method did not do what was asked. The text is what the caller reads.

use crate::api::params::ParamError;
use crate::api::texts;
use crate::store::StoreError;
use crate::store::manager::EventError;
use crate::sys;

/// Why a method did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MethodError {
    /// A parameter is wrong.
    #[error(transparent)]
    Param(#[from] ParamError),
    /// The method's own words, which clients print verbatim.
    #[error("{0}")]
    Refused(String),
    /// The state cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MethodError {
    /// A refusal in the method's own words.
    #[must_use]
    pub(crate) fn refused(text: impl Into<String>) -> Self {
        MethodError::Refused(text.into())
    }

    /// The text that ConPaaS 2.0 intended for arguments that make no sense. (It answers an empty text there.)
    #[must_use]
    pub(crate) fn invalid(detail: impl std::fmt::Display) -> Self {
        MethodError::Refused(format!("Invalid arguments ({detail})"))
    }
}

impl From<sys::file::FileError> for MethodError {
    fn from(error: sys::file::FileError) -> Self {
        MethodError::Refused(sys::chain(&error))
    }
}

impl From<EventError> for MethodError {
    fn from(error: EventError) -> Self {
        match error {
            EventError::WrongState(wrong) => {
                MethodError::Refused(texts::wrong_service_state(&wrong.event.states(), wrong.state))
            }
            EventError::Gone => MethodError::refused("Service not found"),
            EventError::Store(error) => MethodError::Store(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ServiceEvent, State, next_service};

    #[test]
    fn an_event_that_cannot_happen_lists_the_states_in_which_it_can() {
        let wrong = next_service(State::Error, ServiceEvent::Start).unwrap_err();
        let text = MethodError::from(EventError::WrongState(wrong)).to_string();
        assert_eq!(text, "Wrong service state: was expecting one of ['INIT', 'STOPPED'] but current state is 'ERROR'");
        assert_eq!(MethodError::from(EventError::Gone).to_string(), "Service not found");
    }
}
