//! What a manifest may say of a service, kind by kind: by which calls of the manager it is done.

use serde_json::{Map, Value};

use super::error::MethodError;
use super::settings::Document;
use crate::rpc::RpcCall;

/// Returns the calls that set what a manifest says, for the service with this id.
pub(crate) type SetCalls = fn(i64, &Map<String, Value>) -> Vec<RpcCall>;

/// What a manifest may say of services of a kind, besides what it may say of all.
pub(crate) struct ManifestKeys {
    /// `Archive`: the method that makes an uploaded code version the one that runs.
    pub enable_code: Option<&'static str>,
    /// `Settings`: the calls that set them.
    pub set: Option<SetCalls>,
    /// Whether settings can be set before the service works.
    pub is_set_before_start: bool,
    /// Returns what was set, as `Settings` says it; secrets are left out.
    pub shown: fn(&Document) -> Result<Map<String, Value>, MethodError>,
    /// `Password`: the call that sets it, for the service with this id.
    pub password: Option<fn(i64, &str) -> RpcCall>,
    /// `Dump`: the method that loads one, and its parameter.
    pub dump: Option<(&'static str, &'static str)>,
    /// `VolumeStartup`: the method that makes a volume of shared storage, which the service lists in `get_volumes`.
    pub shared_volume: Option<&'static str>,
}

impl Default for ManifestKeys {
    fn default() -> Self {
        ManifestKeys {
            enable_code: None,
            set: None,
            is_set_before_start: false,
            shown: |_| Ok(Map::new()),
            password: None,
            dump: None,
            shared_volume: None,
        }
    }
}
