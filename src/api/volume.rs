//! Volumes as the director tells of them (`docs/reference/director-api.md` §4). ConPaaS 2.0 has nothing of this.

use serde::{Deserialize, Serialize};

use crate::model::{ApplicationId, ServiceId};

/// A kept volume, as `/kept_volumes` tells a manager of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptVolumeView {
    /// The cloud's id.
    pub volume_id: String,
    /// The name that its owner gave it.
    pub name: String,
    /// Size in MB.
    pub size: u64,
    /// The internal name of the cloud.
    pub cloud: String,
    /// The service whose next start finds it, unless that is no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_id: Option<ServiceId>,
}

/// What `/list_volumes` says of a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnedVolumeView {
    /// The application.
    pub app_id: ApplicationId,
    /// The application's name.
    pub app_name: String,
    /// The service that uses it, or whose next start finds it.
    pub service_id: Option<ServiceId>,
    /// The name that its owner gave it.
    pub name: String,
    /// The cloud's id, once it is made.
    pub volume_id: Option<String>,
    /// Size in MB.
    pub size: u64,
    /// The cloud as users know it (`default`).
    pub cloud: String,
    /// What it is doing.
    pub state: VolumeState,
    /// The cloud's id of the node that it is attached to.
    pub vmid: Option<String>,
}

/// What a volume is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum VolumeState {
    /// It is being made.
    Making,
    /// It is in use, and goes with its node.
    Attached,
    /// It is in use by no node, and not kept either.
    Detached,
    /// It stays until its owner deletes it.
    Kept,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_volume_without_a_service_says_nothing_of_one() {
        let view = KeptVolumeView {
            volume_id: "vol-1".into(),
            name: "data".into(),
            size: 5,
            cloud: "iaas".into(),
            service_id: None,
        };
        let text = serde_json::to_string(&view).expect("plain data");
        assert_eq!(text, r#"{"volume_id":"vol-1","name":"data","size":5,"cloud":"iaas"}"#);
        assert_eq!(serde_json::from_str::<KeptVolumeView>(&text).expect("it was written by us"), view);
        assert_eq!(serde_json::to_string(&VolumeState::Kept).expect("a text"), "\"kept\"");
    }
}
