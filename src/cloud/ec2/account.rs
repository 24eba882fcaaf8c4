//! One account in one region, as one director uses it: how it is asked, and
//! by which marks the director's things are found again.

use std::fmt;
use std::str::FromStr;

use super::error_text;
use super::query::{Params, Query, QueryError};
use super::responses::{List, Tag};
use crate::cloud::CloudError;
use crate::cloud::remote::{OF_CLOUD, OF_DIRECTOR};
use crate::config::Ec2Config;
use crate::model::CloudName;

/// Where all of it is, and how it is asked.
pub(crate) struct Account {
    pub(crate) name: CloudName,
    pub(crate) director: String,
    pub(crate) config: Ec2Config,
    pub(crate) query: Query,
}

impl Account {
    pub(crate) fn explain(&self, action: &str, error: &QueryError) -> CloudError {
        error_text::explain(&self.name, &self.config, action, error)
    }

    pub(crate) fn failed(&self, action: &str, reason: impl Into<String>) -> CloudError {
        CloudError::Failed { cloud: self.name.clone(), action: action.to_owned(), reason: reason.into() }
    }

    /// Asks for what this director has in this cloud.
    pub(crate) fn own(&self) -> Params {
        Params::new()
            .filter(&format!("tag:{OF_DIRECTOR}"), &[&self.director])
            .filter(&format!("tag:{OF_CLOUD}"), &[self.name.as_str()])
    }

    /// The tags of something new.
    pub(crate) fn tags<'a>(&'a self, name: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut tags = vec![("Name", name), (OF_DIRECTOR, self.director.as_str()), (OF_CLOUD, self.name.as_str())];
        tags.extend(more);
        tags
    }

    /// The same for the same tag, so that a repeated call makes nothing twice.
    pub(crate) fn client_token(&self, tag: &impl fmt::Display) -> String {
        use sha2::{Digest, Sha256};
        let whole = format!("{}/{}/{tag}", self.director, self.name);
        Sha256::digest(whole.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The node's or volume's tag among EC2's tags; none if it is no tag of ours.
pub(crate) fn own_tag<T: FromStr>(tags: &List<Tag>, key: &str) -> Option<T> {
    tags.items.iter().find(|tag| tag.key == key)?.value.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::remote::{OF_NODE, OF_VOLUME};
    use crate::model::{NodeTag, VolumeTag};

    #[test]
    fn a_tag_is_found_by_its_key_and_must_be_one() {
        let tag = |key: &str, value: &str| Tag { key: key.to_owned(), value: value.to_owned() };
        let tags = List { items: vec![tag("Name", "x"), tag(OF_NODE, "n1"), tag(OF_VOLUME, "not a tag")] };
        assert_eq!(own_tag(&tags, OF_NODE), Some("n1".parse::<NodeTag>().unwrap()));
        assert_eq!(own_tag::<VolumeTag>(&tags, OF_VOLUME), None);
        assert_eq!(own_tag::<NodeTag>(&tags, OF_DIRECTOR), None);
    }
}
