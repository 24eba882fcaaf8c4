//! Numbers that name things. Each is a type of its own, so that an
//! application's id can never be passed where a user's is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that should have been a whole, non-negative number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an id: expected a whole number from 0 up")]
pub struct ParseIdError(pub String);

/// Identifies a user (`uid` on the wire, `UID` in a certificate).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub i64);

/// Identifies an application (`aid` on the wire, `serviceLocator` in a certificate).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApplicationId(pub i64);

/// Identifies a service inside its application (`sid`, `service_id` on the
/// wire). 0 is the application manager; ids are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServiceId(pub i64);

/// Nodes of one group reach each other in the network of their cloud; nodes of others do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeGroup(pub i64);

impl ServiceId {
    /// The application manager itself.
    pub const MANAGER: ServiceId = ServiceId(0);
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ApplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UserId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse(text).map(UserId)
    }
}

impl FromStr for ApplicationId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse(text).map(ApplicationId)
    }
}

impl FromStr for ServiceId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse(text).map(ServiceId)
    }
}

fn parse(text: &str) -> Result<i64, ParseIdError> {
    match text.trim().parse::<i64>() {
        Ok(number) if number >= 0 => Ok(number),
        _ => Err(ParseIdError(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_whole_and_not_negative() {
        assert_eq!("12".parse(), Ok(ApplicationId(12)));
        for text in ["", "-1", "1.5", "x", "99999999999999999999"] {
            assert!(text.parse::<ApplicationId>().is_err(), "{text}");
        }
    }
}
