//! Names that reach file systems, clouds and other machines.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Returns whether people would take `name` for an id: digits only, a sign and blanks around them aside.
#[must_use]
pub(crate) fn is_number(name: &str) -> bool {
    let digits = name.trim().trim_start_matches(['+', '-']);
    !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
}

/// Why a text is not a name of the wanted sort.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Upstream's text for a volume name outside `[A-Za-z0-9_-]`.
    #[error("Volume name contains invalid characters")]
    Volume,
    /// A cloud name that is empty, too long or has odd characters.
    #[error("'{0}' is not a cloud name: use letters, digits, '-' and '_', at most 64")]
    Cloud(String),
    /// A node tag with odd characters.
    #[error("'{0}' is not a node tag: use letters, digits and '-', at most 128")]
    NodeTag(String),
    /// A volume tag with odd characters.
    #[error("'{0}' is not a volume tag: use letters, digits and '-', at most 128")]
    VolumeTag(String),
}

/// The name a user gave a volume. It becomes a directory under `/media`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VolumeName(String);

impl VolumeName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VolumeName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if is_word(text, 128, "-_") { Ok(VolumeName(text.to_owned())) } else { Err(NameError::Volume) }
    }
}

impl TryFrom<String> for VolumeName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<VolumeName> for String {
    fn from(name: VolumeName) -> String {
        name.0
    }
}

impl fmt::Display for VolumeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The internal name of a cloud: a section of `director.cfg`.
///
/// The default cloud is the section `iaas`; users see it as `default`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CloudName(String);

impl CloudName {
    /// The default cloud.
    #[must_use]
    pub fn default_cloud() -> Self {
        CloudName("iaas".to_owned())
    }

    /// Reads a name as callers write it: empty, `None` and `default` all mean
    /// the default cloud.
    ///
    /// # Errors
    /// The text is no name at all.
    pub fn from_caller(text: &str) -> Result<Self, NameError> {
        match text.trim() {
            "" | "None" | "default" | "iaas" => Ok(CloudName::default_cloud()),
            other => other.parse(),
        }
    }

    /// The internal text (`iaas` for the default cloud).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text that users see (`default` for the default cloud).
    #[must_use]
    pub fn shown(&self) -> &str {
        if self.0 == "iaas" { "default" } else { &self.0 }
    }
}

impl FromStr for CloudName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if is_word(text, 64, "-_") { Ok(CloudName(text.to_owned())) } else { Err(NameError::Cloud(text.to_owned())) }
    }
}

impl TryFrom<String> for CloudName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<CloudName> for String {
    fn from(name: CloudName) -> String {
        name.0
    }
}

impl fmt::Display for CloudName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The mark by which a director finds a node again that it asked a cloud
/// for: chosen and recorded by the director before the cloud is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeTag(String);

impl NodeTag {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeTag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if is_word(text, 128, "-") { Ok(NodeTag(text.to_owned())) } else { Err(NameError::NodeTag(text.to_owned())) }
    }
}

impl TryFrom<String> for NodeTag {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<NodeTag> for String {
    fn from(tag: NodeTag) -> String {
        tag.0
    }
}

impl fmt::Display for NodeTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The mark by which a director finds a volume again that it asked a cloud
/// for: chosen and recorded by the director before the cloud is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VolumeTag(String);

impl VolumeTag {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VolumeTag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if is_word(text, 128, "-") {
            Ok(VolumeTag(text.to_owned()))
        } else {
            Err(NameError::VolumeTag(text.to_owned()))
        }
    }
}

impl TryFrom<String> for VolumeTag {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<VolumeTag> for String {
    fn from(tag: VolumeTag) -> String {
        tag.0
    }
}

impl fmt::Display for VolumeTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_word(text: &str, max_length: usize, extra: &str) -> bool {
    !text.is_empty()
        && text.len() <= max_length
        && !text.starts_with('-')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volume_names_cannot_leave_their_directory() {
        for text in ["", "..", "a/b", "a b", "-rf", "a\0", "[", "ü"] {
            assert_eq!(text.parse::<VolumeName>(), Err(NameError::Volume), "{text:?}");
        }
        assert_eq!("Vol_1-a".parse::<VolumeName>().map(|name| name.to_string()), Ok("Vol_1-a".to_owned()));
    }

    #[test]
    fn the_default_cloud_has_many_spellings_and_one_name() {
        for text in ["", "None", "default", "iaas"] {
            assert_eq!(CloudName::from_caller(text), Ok(CloudName::default_cloud()), "{text}");
        }
        assert_eq!(CloudName::default_cloud().shown(), "default");
    }

    #[test]
    fn tags_cannot_leave_their_directory_and_say_of_what_they_are() {
        for text in ["", "..", "a/b", "a b", "-rf", "a_b", "a\0", "ü"] {
            assert_eq!(text.parse::<NodeTag>(), Err(NameError::NodeTag(text.to_owned())), "{text:?}");
            assert_eq!(text.parse::<VolumeTag>(), Err(NameError::VolumeTag(text.to_owned())), "{text:?}");
        }
        assert!("n".repeat(128).parse::<NodeTag>().is_ok() && "n".repeat(129).parse::<NodeTag>().is_err());
        assert_eq!(serde_json::to_string(&"v-1".parse::<VolumeTag>().unwrap()).unwrap(), "\"v-1\"");
        assert!(serde_json::from_str::<VolumeTag>("\"../v\"").is_err());
    }
}
