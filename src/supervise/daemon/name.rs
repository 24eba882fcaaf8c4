//! What a daemon is called: also its directory.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const LONGEST: usize = 40;

/// A daemon's name: small letters, digits and `-`, beginning with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DaemonName(String);

impl DaemonName {
    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DaemonName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let begins_well = text.starts_with(|c: char| c.is_ascii_lowercase());
        if begins_well && text.len() <= LONGEST && text.chars().all(is_plain) {
            return Ok(DaemonName(text.to_owned()));
        }
        Err(format!("'{text}' is no name of a daemon: small letters, digits and '-', at most {LONGEST}"))
    }
}

impl TryFrom<String> for DaemonName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<DaemonName> for String {
    fn from(name: DaemonName) -> String {
        name.0
    }
}

impl fmt::Display for DaemonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_plain_part_of_a_path() {
        for good in ["nginx", "php-fpm", "mfs4"] {
            assert_eq!(good.parse::<DaemonName>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "a/b", "A", "4mfs", "-x", &"x".repeat(41)] {
            assert!(bad.parse::<DaemonName>().is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<DaemonName>("\"../x\"").is_err());
    }
}
