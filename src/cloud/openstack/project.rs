//! One project of one OpenStack, as one director uses it: where all of it is,
//! how it is asked, and by which marks its things are found again.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::call::CallError;
use super::error_text;
use super::found_ids::FoundIds;
use super::session::Session;
use crate::cloud::CloudError;
use crate::cloud::remote::{OF_CLOUD, OF_DIRECTOR};
use crate::config::OpenStackConfig;
use crate::model::CloudName;

/// Where all of it is, and how it is asked.
pub(crate) struct Project {
    pub(crate) name: CloudName,
    pub(crate) director: String,
    pub(crate) config: OpenStackConfig,
    pub(crate) session: Session,
    pub(crate) ids: FoundIds,
    /// Two nodes must not take the same free address.
    pub(crate) taking: tokio::sync::Mutex<()>,
}

impl Project {
    /// The project `config` of the director `director`. Asks nobody yet. Blocking.
    pub(crate) fn new(name: &CloudName, config: &OpenStackConfig, director: &str) -> Result<Project, CloudError> {
        let session = Session::new(config).map_err(|reason| CloudError::Failed {
            cloud: name.clone(),
            action: "be set up".to_owned(),
            reason,
        })?;
        Ok(Project {
            name: name.clone(),
            director: director.to_owned(),
            config: config.clone(),
            session,
            ids: FoundIds::default(),
            taking: tokio::sync::Mutex::new(()),
        })
    }

    /// The same project, where nobody wants to wait long for an answer that does not come.
    pub(crate) fn hasty(&self) -> Project {
        Project {
            name: self.name.clone(),
            director: self.director.clone(),
            config: self.config.clone(),
            session: self.session.hasty(),
            ids: FoundIds::default(),
            taking: tokio::sync::Mutex::new(()),
        }
    }

    pub(crate) fn explain(&self, action: &str, error: &CallError) -> CloudError {
        error_text::explain(&self.name, &self.config, action, error)
    }

    pub(crate) fn failed(&self, action: &str, reason: impl Into<String>) -> CloudError {
        CloudError::Failed { cloud: self.name.clone(), action: action.to_owned(), reason: reason.into() }
    }

    /// What all servers of this director are tagged with; nova takes 60 characters.
    pub(crate) fn tag(&self) -> String {
        format!("conpaas-{}", self.director)
    }

    /// The metadata of something that this director makes.
    pub(crate) fn metadata<'a>(&'a self, more: &[(&'a str, &'a str)]) -> BTreeMap<&'a str, &'a str> {
        let own = [(OF_DIRECTOR, self.director.as_str()), (OF_CLOUD, self.name.as_str())];
        own.iter().chain(more).copied().collect()
    }

    /// The tag in the metadata of something; none if it is not of this director and this cloud.
    pub(crate) fn own_tag<T: FromStr>(&self, metadata: &BTreeMap<String, String>, key: &str) -> Option<T> {
        let is = |key: &str, value: &str| metadata.get(key).is_some_and(|found| found == value);
        if !is(OF_DIRECTOR, &self.director) || !is(OF_CLOUD, self.name.as_str()) {
            return None;
        }
        metadata.get(key)?.parse().ok()
    }
}
