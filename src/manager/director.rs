//! What a manager asks of its director (reference: `docs/reference/director-api.md` §3.6).
//!
//! Every call may be repeated: those that make something carry the id of
//! their operation, by which the director knows a repetition. So a director
//! that does not answer is asked again and again for some minutes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::{DoorView, HeardView, KeptVolumeView, NodeRequest, NodeView, ToldEvent, WAIT_FOR};
use crate::config::{DirectorUrl, ManagerConfig};
use crate::model::ServiceId;
use crate::node::NodeCredentials;
use crate::pki::WantedNodes;
use crate::rpc::{Answer, ClientError, FormBody};
use crate::service::NodeSettings;
use crate::store::manager::VolumeRow;
use crate::sys;
use crate::sys::excerpt::{excerpt, excerpt_of_bytes};
use crate::sys::file::FileError;

/// The director waits up to five minutes for agents.
const NODES_LIMIT: Duration = Duration::from_secs(420);
const LIMIT: Duration = Duration::from_secs(180);
/// Nodes that are to go wait for the answer.
const DOORS_LIMIT: Duration = Duration::from_secs(30);
/// For how long an unreachable director is asked again, by default.
const PATIENCE: Duration = Duration::from_secs(300);
/// While a caller waits.
const CALLER_PATIENCE: Duration = Duration::from_secs(5);
/// Of what the director says when it refuses.
const MAX_WORDS_CHARS: usize = 1000;

/// Why the director did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectorError {
    /// It did not answer in all the time it had.
    #[error("the director does not answer: {0}")]
    Unreachable(String),
    /// It says no.
    #[error("the director refused {action}: {words}")]
    Refused {
        /// The route.
        action: &'static str,
        /// Its words.
        words: String,
    },
    /// An answer of a newer or broken director.
    #[error("the director's answer to {action} cannot be understood: {words}")]
    Malformed {
        /// The route.
        action: &'static str,
        /// What is wrong with it.
        words: String,
    },
}

/// Nodes that are to be made.
pub(crate) struct CreateNodes<'a> {
    pub(crate) operation_id: &'a str,
    pub(crate) sid: ServiceId,
    pub(crate) service_type: &'a str,
    pub(crate) nodes: &'a [NodeRequest],
    pub(crate) context: &'a NodeSettings,
    pub(crate) startup_script: Option<String>,
}

pub(crate) struct Director {
    config: Arc<ManagerConfig>,
    credentials: Arc<NodeCredentials>,
    patience: Duration,
}

impl Director {
    pub(crate) fn new(config: Arc<ManagerConfig>, credentials: Arc<NodeCredentials>) -> Self {
        let configured = config.base.extra.get("DIRECTOR_PATIENCE").and_then(|seconds| seconds.parse().ok());
        let patience = configured.map_or(PATIENCE, Duration::from_secs);
        Director { config, credentials, patience }
    }

    /// Calls the director at another URL from now on. Blocking.
    pub(crate) fn move_to(&self, url: &DirectorUrl) -> Result<(), FileError> {
        self.credentials.move_director(url)
    }

    /// Refuses from now on the certificates of nodes that the director does not want. Blocking.
    pub(crate) fn learn_nodes(&self, said: &WantedNodes) -> Result<(), FileError> {
        self.credentials.learn_nodes(said)
    }

    /// The owner's credit.
    pub(crate) async fn credit(&self) -> Result<i64, DirectorError> {
        #[derive(Deserialize)]
        struct Credit {
            credit: i64,
        }
        let patience = CALLER_PATIENCE.min(self.patience);
        let credit: Credit = self.ask("/credit", FormBody::default(), LIMIT, patience).await?;
        Ok(credit.credit)
    }

    /// Makes nodes, or gives those that this operation made before. The
    /// director leaves out nodes that never came up.
    pub(crate) async fn create_nodes(&self, wanted: &CreateNodes<'_>) -> Result<Vec<NodeView>, DirectorError> {
        let base = &self.config.base;
        let mut form = FormBody::default()
            .field("operation_id", wanted.operation_id)
            .field("app_id", base.app_id.to_string())
            .field("service_id", wanted.sid.to_string())
            .field("service_type", wanted.service_type)
            .field("manager_ip", base.my_ip.to_string())
            .field("nodes_info", json_text(&wanted.nodes))
            .field("context", json_text(wanted.context));
        if let Some(script) = &wanted.startup_script {
            form = form.field("startup_script", script.as_str());
        }
        self.ask("/create_nodes", form, NODES_LIMIT, self.patience).await
    }

    /// Returns nodes to the cloud; those that are gone already are fine.
    pub(crate) async fn remove_nodes(&self, nodes: &[NodeView]) -> Result<(), DirectorError> {
        if nodes.is_empty() {
            return Ok(());
        }
        let form = FormBody::default().field("nodes", json_text(&nodes));
        self.command("/remove_nodes", form).await
    }

    /// Returns which of these nodes are gone for good, by their clouds' ids.
    pub(crate) async fn gone_nodes(&self, vmids: &[&str]) -> Result<Vec<String>, DirectorError> {
        let form = FormBody::default().field("vmids", json_text(&vmids));
        self.ask("/gone_nodes", form, LIMIT, CALLER_PATIENCE.min(self.patience)).await
    }

    /// Makes a volume, or gives the one that this operation made before; gives its id.
    pub(crate) async fn create_volume(
        &self,
        operation_id: &str,
        volume: &VolumeRow,
        vmid: &str,
    ) -> Result<String, DirectorError> {
        #[derive(Deserialize)]
        struct Created {
            volume_id: String,
        }
        let form = FormBody::default()
            .field("operation_id", operation_id)
            .field("size", volume.size_mb.to_string())
            .field("name", format!("vol-{}", volume.name))
            .field("vm_id", vmid)
            .field("cloud", volume.cloud.as_str());
        let created: Created = self.ask("/create_volume", form, LIMIT, self.patience).await?;
        Ok(created.volume_id)
    }

    /// Attaches a volume to its node; fine if it is so already.
    pub(crate) async fn attach_volume(
        &self,
        volume: &VolumeRow,
        volume_id: &str,
        vmid: &str,
    ) -> Result<(), DirectorError> {
        let form = FormBody::default()
            .field("vm_id", vmid)
            .field("volume_id", volume_id)
            .field("device_name", volume.device.as_str())
            .field("cloud", volume.cloud.as_str());
        self.command("/attach_volume", form).await
    }

    /// Makes a volume at least so large; fine if it is so already.
    pub(crate) async fn grow_volume(&self, volume_id: &str, size_mb: i64) -> Result<(), DirectorError> {
        let form = FormBody::default().field("volume_id", volume_id).field("size", size_mb.to_string());
        self.command("/grow_volume", form).await
    }

    /// Takes a volume from its node; fine if it is attached to none.
    pub(crate) async fn detach_volume(&self, cloud: &str, volume_id: &str) -> Result<(), DirectorError> {
        let form = FormBody::default().field("volume_id", volume_id).field("cloud", cloud);
        self.command("/detach_volume", form).await
    }

    /// Destroys a volume with its data; fine if it is gone already.
    pub(crate) async fn destroy_volume(&self, cloud: &str, volume_id: &str) -> Result<(), DirectorError> {
        let form = FormBody::default().field("volume_id", volume_id).field("cloud", cloud);
        self.command("/destroy_volume", form).await
    }

    /// Has a volume stay when its node ends, for the next start of a service; fine if that is so already.
    pub(crate) async fn keep_volume(&self, volume_id: &str, sid: ServiceId) -> Result<(), DirectorError> {
        let form = FormBody::default().field("volume_id", volume_id).field("service_id", sid.to_string());
        self.command("/keep_volume", form).await
    }

    /// Says that a kept volume is in use again; fine if it is so already.
    pub(crate) async fn use_volume(&self, volume_id: &str) -> Result<(), DirectorError> {
        self.command("/use_volume", FormBody::default().field("volume_id", volume_id)).await
    }

    /// Returns the kept volumes of the application.
    pub(crate) async fn kept_volumes(&self) -> Result<Vec<KeptVolumeView>, DirectorError> {
        self.ask("/kept_volumes", FormBody::default(), LIMIT, self.patience).await
    }

    /// Does the same while a caller waits.
    pub(crate) async fn kept_volumes_for_caller(&self) -> Result<Vec<KeptVolumeView>, DirectorError> {
        self.ask("/kept_volumes", FormBody::default(), LIMIT, CALLER_PATIENCE.min(self.patience)).await
    }

    /// Says what happened to services behind the entry `after`. Returns from where to go on. It is not asked again: who
    /// tells it does so soon anyhow.
    pub(crate) async fn tell_events(&self, after: i64, told: &[ToldEvent]) -> Result<i64, DirectorError> {
        let form = FormBody::default().field("after", after.to_string()).field("events", json_text(&told));
        let view: HeardView = self.ask("/tell_events", form, LIMIT, Duration::ZERO).await?;
        Ok(view.heard)
    }

    /// Says where visitors come in at the services; the whole list each time. Waits until every ingress leads there, but no
    /// longer than `wait`. It is not asked again: who tells it does so soon anyhow.
    pub(crate) async fn tell_doors(&self, doors: &[DoorView], wait: Duration) -> Result<(), DirectorError> {
        let form = FormBody::default().field("doors", json_text(&doors)).field(WAIT_FOR, wait.as_secs().to_string());
        let _nothing_of_interest: IgnoredAny = self.ask("/doors", form, DOORS_LIMIT, Duration::ZERO).await?;
        Ok(())
    }

    async fn command(&self, route: &'static str, form: FormBody) -> Result<(), DirectorError> {
        let _nothing_of_interest: IgnoredAny = self.ask(route, form, LIMIT, self.patience).await?;
        Ok(())
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        route: &'static str,
        form: FormBody,
        limit: Duration,
        patience: Duration,
    ) -> Result<T, DirectorError> {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(10))
            .with_factor(1.7)
            .with_jitter()
            .with_total_delay(Some(patience))
            .without_max_times();
        let attempt = || async {
            let client = self.credentials.to_director().with_timeout(limit);
            let answer = client.post_form(&self.credentials.director(), route, &form).await?;
            // A director that is stopping or starting says 503.
            if answer.status == 503 {
                let endpoint = self.credentials.director();
                return Err(ClientError::Broken { endpoint, reason: "it is not ready".to_owned() });
            }
            Ok(answer)
        };
        let answer = attempt
            .retry(backoff)
            .when(|error: &ClientError| {
                matches!(error, ClientError::Connect { .. } | ClientError::Broken { .. } | ClientError::Timeout { .. })
            })
            .notify(|error, pause| {
                tracing::warn!(
                    route,
                    pause_ms = pause.as_millis() as u64,
                    "asking the director again: {}",
                    sys::chain(error)
                );
            })
            .await
            .map_err(|error| DirectorError::Unreachable(sys::chain(&error)))?;
        read(route, &answer)
    }
}

fn json_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("nodes and settings are plain data")
}

fn read<T: DeserializeOwned>(action: &'static str, answer: &Answer) -> Result<T, DirectorError> {
    let words = excerpt_of_bytes(&answer.body, MAX_WORDS_CHARS);
    if answer.status != 200 {
        return Err(DirectorError::Refused { action, words: format!("status {}: {words}", answer.status) });
    }
    if let Some(words) = refusal(&answer.body) {
        return Err(DirectorError::Refused { action, words });
    }
    serde_json::from_slice(&answer.body)
        .map_err(|error| DirectorError::Malformed { action, words: format!("{error}: {words}") })
}

/// Returns the words of an answer that says no: `false`, or an object with an `error`.
fn refusal(body: &[u8]) -> Option<String> {
    const NO_REASON: &str = "it gives no reason";
    if serde_json::from_slice::<bool>(body).is_ok_and(|is_done| !is_done) {
        return Some(NO_REASON.to_owned());
    }
    let mut fields: BTreeMap<String, Value> = serde_json::from_slice(body).ok()?;
    match fields.remove("error")? {
        Value::Null => None,
        Value::String(words) => Some(excerpt(&words, MAX_WORDS_CHARS)),
        _ => Some(NO_REASON.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_no_is_told_from_an_answer() {
        for (text, words) in [
            ("false", Some("it gives no reason")),
            (r#"{"error": "Insufficient credits"}"#, Some("Insufficient credits")),
            (r#"{"error": 7}"#, Some("it gives no reason")),
            (r#"{"error": null, "credit": 3}"#, None),
            (r#"{"credit": 3}"#, None),
            ("[]", None),
            ("true", None),
            ("<html>", None),
        ] {
            assert_eq!(refusal(text.as_bytes()).as_deref(), words, "{text}");
        }
    }
}
