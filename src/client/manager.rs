//! The calls of an application's manager that a user makes, with typed
//! parameters and answers. What only one kind of service has stands with the
//! kind's own commands and goes through [`Session::manager`].
//!
//! Must not know: connections, certificates.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::error::Failure;
use super::lookup::FoundService;
use super::session::Session;
use super::upload;
use crate::api::exec::{ExecOutput, ExecStarted, ExecTaken, Terminal};
use crate::api::manager::{
    AppInfo, AuthorizedKeys, AutoEnable, CodeVersion, CodeVersionId, CodeVersions, GitInfo, KeyOutcome, LogText,
    NodeInfo, NodeList, ScriptsOfNodes, ServiceHistory, ServiceIdView, ServiceInfo, ServiceNode, StartupScript,
    StateChange, StateView, VolumeList, VolumeView,
};
use crate::api::node_metrics::{MetricsOfNode, ServiceMetrics};
use crate::api::{Accepted, KNOWN, OperationView, WAIT_FOR};
use crate::model::{ApplicationId, ServiceId, VolumeFate};
use crate::rpc::RpcCall;

/// The cloud that is meant when none is named.
const DEFAULT_CLOUD: &str = "default";

/// How many nodes of each role are meant, by the names that the manager knows.
pub(crate) type Counts = BTreeMap<&'static str, i64>;

/// What a command reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExecStdin {
    /// Nothing.
    Nothing,
    /// What comes while it runs.
    Stream,
    /// What is typed in a terminal.
    Terminal(Terminal),
}

/// Calls of the manager itself. Every call fails when the manager cannot be
/// called, says why not, or answers with something else.
impl Session {
    /// Returns states, nodes and volumes of a whole application.
    pub(crate) async fn app_info(&self, application: ApplicationId) -> Result<AppInfo, Failure> {
        self.manager(application, manager_get("get_app_info")).await
    }

    /// Returns the log of an application's manager.
    pub(crate) async fn manager_log(&self, application: ApplicationId) -> Result<LogText, Failure> {
        self.manager(application, manager_get("get_manager_log")).await
    }

    /// Asks for the start of a service, in the default cloud when none is named. Volumes of nodes get the kind's usual size
    /// where none is named.
    pub(crate) async fn start_service(
        &self,
        found: &FoundService,
        cloud: Option<&str>,
        volume_size_mb: Option<i64>,
    ) -> Result<Accepted, Failure> {
        let call = manager_post("start_service").param("cloud", cloud.unwrap_or(DEFAULT_CLOUD));
        let call = match volume_size_mb {
            Some(size) => call.param("volume_size", size),
            None => call,
        };
        self.accepted(found.application, call.param("service_id", found.service.0)).await
    }

    /// Asks for the end of a service. Kept volumes wait for its next start. With `None` the service's kind says what
    /// becomes of volumes, as for clients of ConPaaS 2.0.
    pub(crate) async fn stop_service(
        &self,
        found: &FoundService,
        volumes: Option<VolumeFate>,
    ) -> Result<Accepted, Failure> {
        let call = manager_post("stop_service").param("service_id", found.service.0);
        let call = match volumes {
            Some(volumes) => call.param("keep_volumes", volumes == VolumeFate::Kept),
            None => call,
        };
        self.accepted(found.application, call).await
    }

    /// Asks for more nodes, in the default cloud when none is named.
    pub(crate) async fn add_nodes(
        &self,
        found: &FoundService,
        counts: &Counts,
        cloud: Option<&str>,
    ) -> Result<Accepted, Failure> {
        let call = manager_post("add_nodes").param("nodes", nodes(counts)).param("service_id", found.service.0);
        self.accepted(found.application, call.param("cloud", cloud.unwrap_or(DEFAULT_CLOUD))).await
    }

    /// Asks for fewer nodes.
    pub(crate) async fn remove_nodes(&self, found: &FoundService, counts: &Counts) -> Result<Accepted, Failure> {
        let call = manager_post("remove_nodes").param("nodes", nodes(counts)).param("service_id", found.service.0);
        self.accepted(found.application, call).await
    }

    /// Returns the startup script of a service's nodes.
    pub(crate) async fn startup_script(&self, found: &FoundService) -> Result<String, Failure> {
        self.manager(found.application, manager_get("get_startup_script").param("sid", found.service.0)).await
    }

    /// Uploads a startup script for a service's nodes.
    pub(crate) async fn upload_startup_script(&self, found: &FoundService, path: &Path) -> Result<(), Failure> {
        let call = RpcCall::upload(ServiceId::MANAGER.0, "upload_startup_script");
        let call = upload::with_file(call.param("sid", found.service.to_string()), "script", path)?;
        self.manager::<StartupScript>(found.application, call).await.map(drop)
    }

    /// Asks for a volume of `size_mb` at a node. Returns the service that it belongs to, and the operation.
    pub(crate) async fn create_volume(
        &self,
        application: ApplicationId,
        name: &str,
        size_mb: i64,
        node: &str,
    ) -> Result<(FoundService, Accepted), Failure> {
        let call = manager_post("create_volume").param("volumeName", name).param("volumeSize", size_mb);
        self.owner(application, call.param("agentId", node)).await
    }

    /// Asks for the end of a volume. Returns the service that it belonged to, and the operation.
    pub(crate) async fn delete_volume(
        &self,
        application: ApplicationId,
        name: &str,
    ) -> Result<(FoundService, Accepted), Failure> {
        self.owner(application, manager_post("delete_volume").param("volumeName", name)).await
    }

    /// Asks that a kept volume be attached to a node. Returns the service of that node, and the operation.
    pub(crate) async fn attach_volume(
        &self,
        application: ApplicationId,
        name: &str,
        node: &str,
    ) -> Result<(FoundService, Accepted), Failure> {
        let call = manager_post("attach_volume").param("volumeName", name);
        self.owner(application, call.param("agentId", node)).await
    }

    /// Returns the volumes of a service.
    pub(crate) async fn volumes(&self, found: &FoundService) -> Result<Vec<VolumeView>, Failure> {
        let call = manager_post("list_volumes").param("service_id", found.service.0);
        Ok(self.manager::<VolumeList>(found.application, call).await?.volumes)
    }

    /// Returns what became of an operation of the application's manager; the answer may wait for its end for `seconds`.
    pub(crate) async fn operation(
        &self,
        application: ApplicationId,
        id: &str,
        seconds: u32,
    ) -> Result<OperationView, Failure> {
        let call = || manager_get("get_operation").param("operation_id", id);
        match self.manager(application, call().param(WAIT_FOR, seconds)).await {
            // A manager of an older program takes no such word.
            Err(failure) if !failure.is_passing => self.manager(application, call()).await,
            other => other,
        }
    }

    async fn owner(&self, application: ApplicationId, call: RpcCall) -> Result<(FoundService, Accepted), Failure> {
        let ServiceIdView { service_id, operation_id } = self.manager(application, call).await?;
        Ok((FoundService { application, service: service_id }, Accepted { operation_id }))
    }

    /// Calls what begins an operation. A manager that does not say which one is of ConPaaS 2.0, whatever it answers.
    pub(crate) async fn accepted(&self, application: ApplicationId, call: RpcCall) -> Result<Accepted, Failure> {
        let answer: Value = self.manager(application, call).await?;
        Ok(serde_json::from_value(answer).unwrap_or_default())
    }
}

/// Calls of one service, which fail as those of the manager itself.
impl Session {
    /// Returns state and kind of a service.
    pub(crate) async fn service_info(&self, found: &FoundService) -> Result<ServiceInfo, Failure> {
        self.service(found, "get_service_info").await
    }

    /// Returns the states that a service went through, oldest first.
    pub(crate) async fn service_history(&self, found: &FoundService) -> Result<Vec<StateChange>, Failure> {
        Ok(self.service::<ServiceHistory>(found, "get_service_history").await?.state_log)
    }

    /// Returns the states that a service went through, once they are others than so many; after so many seconds as they
    /// are. A manager that does not know how to wait answers at once, or refuses to.
    pub(crate) async fn service_history_beyond(
        &self,
        found: &FoundService,
        known: usize,
        seconds: u32,
    ) -> Result<Vec<StateChange>, Failure> {
        let call = service_get(found, "get_service_history").param(KNOWN, known).param(WAIT_FOR, seconds);
        Ok(self.manager::<ServiceHistory>(found.application, call).await?.state_log)
    }

    /// Returns the log of a service's manager; with a cursor what was added behind it, an empty one being the first of a row.
    pub(crate) async fn service_log(&self, found: &FoundService, cursor: Option<&str>) -> Result<LogText, Failure> {
        let call = service_get(found, "get_manager_log");
        self.manager(found.application, cursor.iter().fold(call, |call, cursor| call.param("cursor", *cursor))).await
    }

    /// Returns the ids of a service's nodes by role.
    pub(crate) async fn nodes(&self, found: &FoundService) -> Result<BTreeMap<String, Vec<String>>, Failure> {
        Ok(self.service::<NodeList>(found, "list_nodes").await?.by_role)
    }

    /// Returns what a node of a service is.
    pub(crate) async fn node(&self, found: &FoundService, id: &str) -> Result<ServiceNode, Failure> {
        let call = service_get(found, "get_node_info").param("serviceNodeId", id);
        Ok(self.manager::<NodeInfo>(found.application, call).await?.node)
    }

    /// Returns a log of a node, its agent's own when none is named; `cursor` as in [`Session::service_log`].
    pub(crate) async fn node_log(
        &self,
        found: &FoundService,
        id: &str,
        filename: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<LogText, Failure> {
        let call = service_get(found, "get_agent_log").param("agentId", id);
        let call = filename.iter().fold(call, |call, filename| call.param("filename", *filename));
        self.manager(found.application, cursor.iter().fold(call, |call, cursor| call.param("cursor", *cursor))).await
    }

    /// Returns what the nodes of a service used during the last minutes.
    pub(crate) async fn node_metrics(&self, found: &FoundService) -> Result<Vec<MetricsOfNode>, Failure> {
        Ok(self.service::<ServiceMetrics>(found, "get_node_metrics").await?.nodes)
    }

    /// Starts a command in a node of a service.
    pub(crate) async fn exec(
        &self,
        found: &FoundService,
        node: &str,
        command: &[String],
        limit_seconds: i64,
        input: &ExecStdin,
    ) -> Result<ExecStarted, Failure> {
        let call = RpcCall::post(found.service.0, "exec").param("agentId", node).param("command", command.to_vec());
        let call = call.param("time_limit", limit_seconds);
        let call = match input {
            ExecStdin::Nothing => call,
            ExecStdin::Stream => call.param("stream", true),
            ExecStdin::Terminal(terminal) => call.param("terminal", serde_json::to_value(terminal).unwrap_or_default()),
        };
        self.manager(found.application, call).await
    }

    /// Sends a command more to read, and says whether that is all. Returns how many bytes it has taken.
    pub(crate) async fn exec_input(
        &self,
        found: &FoundService,
        node: &str,
        id: &str,
        input: &[u8],
        is_end: bool,
    ) -> Result<usize, Failure> {
        let call = RpcCall::post(found.service.0, "exec_input").param("agentId", node).param("exec_id", id);
        let call = call.param("input", STANDARD.encode(input)).param("end", is_end);
        Ok(self.manager::<ExecTaken>(found.application, call).await?.taken)
    }

    /// Tells a command how many columns and rows the window has now.
    pub(crate) async fn exec_resize(
        &self,
        found: &FoundService,
        node: &str,
        id: &str,
        (columns, rows): (u16, u16),
    ) -> Result<(), Failure> {
        let call = RpcCall::post(found.service.0, "exec_resize").param("agentId", node).param("exec_id", id);
        self.manager::<IgnoredAny>(found.application, call.param("columns", columns).param("rows", rows))
            .await
            .map(drop)
    }

    /// Returns what a command said since the last answer, once there is something.
    pub(crate) async fn exec_output(
        &self,
        found: &FoundService,
        node: &str,
        id: &str,
        last: &ExecOutput,
    ) -> Result<ExecOutput, Failure> {
        let call = RpcCall::post(found.service.0, "exec_output").param("agentId", node).param("exec_id", id);
        let call = call.param("stdout_cursor", last.stdout_cursor.as_str());
        self.manager(found.application, call.param("stderr_cursor", last.stderr_cursor.as_str())).await
    }

    /// Ends a command.
    pub(crate) async fn exec_stop(&self, found: &FoundService, node: &str, id: &str) -> Result<(), Failure> {
        let call = RpcCall::post(found.service.0, "exec_stop").param("agentId", node).param("exec_id", id);
        self.manager::<IgnoredAny>(found.application, call).await.map(drop)
    }

    /// Returns the keys that may push code.
    pub(crate) async fn authorized_keys(&self, found: &FoundService) -> Result<Vec<String>, Failure> {
        Ok(self.service::<AuthorizedKeys>(found, "list_authorized_keys").await?.keys)
    }

    /// Uploads a key that may push code.
    pub(crate) async fn upload_authorized_key(&self, found: &FoundService, path: &Path) -> Result<KeyOutcome, Failure> {
        let call = RpcCall::upload(found.service.0, "upload_authorized_key");
        self.manager(found.application, upload::with_file(call, "key", path)?).await
    }

    /// Returns how code of a service is pushed.
    pub(crate) async fn git_info(&self, found: &FoundService) -> Result<GitInfo, Failure> {
        self.service(found, "get_git_info").await
    }

    /// Says whether a service runs what is pushed as soon as it is pushed.
    pub(crate) async fn set_auto_enable(&self, found: &FoundService, is_wanted: bool) -> Result<AutoEnable, Failure> {
        let call = RpcCall::post(found.service.0, "set_auto_enable").param("enabled", is_wanted);
        self.manager(found.application, call).await
    }

    /// Returns the code versions of a service, newest first.
    pub(crate) async fn code_versions(&self, found: &FoundService) -> Result<Vec<CodeVersion>, Failure> {
        Ok(self.service::<CodeVersions>(found, "list_code_versions").await?.versions)
    }

    /// Uploads an archive under `name` as a new code version, and counts the bytes of it that are `sent`.
    pub(crate) async fn upload_code(
        &self,
        found: &FoundService,
        path: &Path,
        name: &str,
        sent: Arc<AtomicU64>,
    ) -> Result<CodeVersionId, Failure> {
        let call = RpcCall::upload(found.service.0, "upload_code_version").file("code", path, name);
        self.manager(found.application, call.counting(sent)).await
    }

    /// Downloads the file of a code version to `path`. Returns its size in bytes.
    pub(crate) async fn download_code(&self, found: &FoundService, version: &str, path: &Path) -> Result<u64, Failure> {
        let call = service_get(found, "download_code_version").param("codeVersionId", version);
        self.manager_file(found.application, call, path).await
    }

    /// Deletes a code version.
    pub(crate) async fn delete_code(&self, found: &FoundService, version: &str) -> Result<(), Failure> {
        let call = code_call(found, "delete_code_version", version);
        self.manager::<IgnoredAny>(found.application, call).await.map(drop)
    }

    /// Asks for another code version to be the one that runs; `method` is the kind's own.
    pub(crate) async fn enable_code(
        &self,
        found: &FoundService,
        method: &str,
        version: &str,
        document_root: Option<&str>,
    ) -> Result<Accepted, Failure> {
        let call = code_call(found, method, version);
        let call = document_root.into_iter().fold(call, |call, root| call.param("documentRoot", root));
        self.accepted(found.application, call).await
    }

    /// Executes a script of a generic service on all nodes.
    pub(crate) async fn execute_script(
        &self,
        found: &FoundService,
        script: &str,
        parameters: &str,
    ) -> Result<(), Failure> {
        let call = RpcCall::post(found.service.0, "execute_script").param("command", script);
        self.manager::<StateView>(found.application, call.param("parameters", parameters)).await.map(drop)
    }

    /// Returns what became of the scripts of a generic service.
    pub(crate) async fn script_status(&self, found: &FoundService) -> Result<ScriptsOfNodes, Failure> {
        self.service(found, "get_script_status").await
    }

    /// Sets a value of the PHP configuration.
    pub(crate) async fn set_php_value(
        &self,
        found: &FoundService,
        key: &str,
        value: &str,
    ) -> Result<Accepted, Failure> {
        let values: Map<String, Value> = [(key.to_owned(), value.into())].into_iter().collect();
        let call = RpcCall::post(found.service.0, "update_php_configuration").param("phpconf", values);
        self.accepted(found.application, call).await
    }

    /// Calls a method of one service that takes nothing and tells something.
    pub(crate) async fn service<T: serde::de::DeserializeOwned>(
        &self,
        found: &FoundService,
        method: &str,
    ) -> Result<T, Failure> {
        self.manager(found.application, service_get(found, method)).await
    }
}

fn manager_get(method: &str) -> RpcCall {
    RpcCall::get(ServiceId::MANAGER.0, method)
}

fn manager_post(method: &str) -> RpcCall {
    RpcCall::post(ServiceId::MANAGER.0, method)
}

fn code_call(found: &FoundService, method: &str, version: &str) -> RpcCall {
    RpcCall::post(found.service.0, method).param("codeVersionId", version)
}

fn service_get(found: &FoundService, method: &str) -> RpcCall {
    RpcCall::get(found.service.0, method)
}

fn nodes(counts: &Counts) -> Value {
    counts.iter().map(|(role, count)| ((*role).to_owned(), Value::from(*count))).collect()
}
