//! The keys of a manifest.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::api::manager::NewSharedVolume;

/// An application with its services.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Manifest {
    /// Its name: one that is there, or a new one. The usual name of new applications where nothing is said.
    #[serde(rename = "Application", skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Its services.
    #[serde(rename = "Services")]
    pub services: Vec<ServiceEntry>,
}

/// A service of a manifest.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct ServiceEntry {
    /// Its kind.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Its name; that of a new service of its kind where nothing is said.
    #[serde(alias = "FrontendName", skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    /// The cloud of its nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud: Option<String>,
    /// Whether it is started.
    #[serde(deserialize_with = "read_start", serialize_with = "write_start")]
    pub start: Start,
    /// How many nodes of each role.
    #[serde(deserialize_with = "read_counts", skip_serializing_if = "BTreeMap::is_empty")]
    pub startup_instances: BTreeMap<String, i64>,
    /// The role of a generic service's nodes besides the first: of no effect, as in ConPaaS 2.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_role: Option<String>,
    /// What new nodes run first: a file or a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup_script: Option<String>,
    /// Its code: a file, a directory or a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<String>,
    /// The password of its first account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Data that is loaded: a file or a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dump: Option<String>,
    /// What its programs find in their environment; `null` asks for a value.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub environment: Map<String, Value>,
    /// Services that it is linked to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// What is set of its kind.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub settings: Map<String, Value>,
    /// Volumes of its first node by name, in MB.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, i64>,
    /// Volumes of shared storage: one, or a list.
    #[serde(deserialize_with = "read_shared_volumes", skip_serializing_if = "Vec::is_empty")]
    pub volume_startup: Vec<NewSharedVolume>,
    /// A command that is run once in the first node, when the service works.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<String>,
}

/// Whether a service is started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Start {
    /// It is.
    #[default]
    Now,
    /// Its user starts it later.
    Later,
}

/// A service that another one is linked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Link {
    /// By its name in the manifest.
    Name(String),
    /// With the name of what is made for the link.
    Full(FullLink),
}

/// A link with all that can be said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct FullLink {
    /// The service's name in the manifest.
    pub service: String,
    /// The database that is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
}

impl Link {
    /// Returns the name of the service that it leads to.
    #[must_use]
    pub(crate) fn service(&self) -> &str {
        match self {
            Link::Name(name) => name,
            Link::Full(link) => &link.service,
        }
    }

    /// Returns the name of the database that is made, if one is said.
    #[must_use]
    pub(crate) fn database(&self) -> Option<&str> {
        match self {
            Link::Name(_) => None,
            Link::Full(link) => link.database.as_deref(),
        }
    }
}

impl ServiceEntry {
    /// Returns the files that it names, each with its key.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let files = [("StartupScript", &self.startup_script), ("Archive", &self.archive), ("Dump", &self.dump)];
        files.into_iter().filter_map(|(key, file)| Some((key, file.as_deref()?)))
    }
}

/// Passwords never show in a log.
impl std::fmt::Debug for ServiceEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServiceEntry({} {:?})", self.kind, self.service_name)
    }
}

/// ConPaaS 2.0 writes 0, 1 or their texts.
fn read_start<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Start, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Bool(true) => Ok(Start::Now),
        Value::Bool(false) => Ok(Start::Later),
        Value::Number(number) if number.as_i64() == Some(1) => Ok(Start::Now),
        Value::Number(number) if number.as_i64() == Some(0) => Ok(Start::Later),
        Value::String(text) if text == "1" => Ok(Start::Now),
        Value::String(text) if text == "0" => Ok(Start::Later),
        other => Err(serde::de::Error::custom(format!("Start is {other}: 0 or 1 is wanted"))),
    }
}

fn write_start<S: serde::Serializer>(start: &Start, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(i64::from(*start == Start::Now))
}

/// ConPaaS 2.0 writes one.
fn read_shared_volumes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<NewSharedVolume>, D::Error> {
    let volumes = match Value::deserialize(deserializer)? {
        Value::Array(volumes) => volumes,
        one => vec![one],
    };
    let read = |volume| {
        serde_json::from_value(volume).map_err(|error| serde::de::Error::custom(format!("VolumeStartup: {error}")))
    };
    volumes.into_iter().map(read).collect()
}

/// ConPaaS 2.0 writes numbers, or their texts.
fn read_counts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, i64>, D::Error> {
    let counts = BTreeMap::<String, Value>::deserialize(deserializer)?;
    let read = |(role, count): (String, Value)| {
        let number = match &count {
            Value::String(text) => text.parse().ok(),
            other => other.as_i64(),
        };
        match number.filter(|number| (0..=64).contains(number)) {
            Some(number) => Ok((role, number)),
            None => Err(serde::de::Error::custom(format!(
                "StartupInstances says {count} for '{role}': a number from 0 to 64 is wanted"
            ))),
        }
    };
    counts.into_iter().map(read).collect()
}
