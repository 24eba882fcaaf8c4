//! Ids of EC2's instances and volumes: two texts that must not be swapped.

use std::fmt;

use serde::Deserialize;

/// The id of an instance, such as `i-0f1e`; empty where a cloud leaves it out.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub(crate) struct InstanceId(String);

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&InstanceId> for String {
    fn from(id: &InstanceId) -> String {
        id.0.clone()
    }
}

/// The id of a volume, such as `vol-0f1e`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct VolumeId(String);

impl fmt::Display for VolumeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&VolumeId> for String {
    fn from(id: &VolumeId) -> String {
        id.0.clone()
    }
}
