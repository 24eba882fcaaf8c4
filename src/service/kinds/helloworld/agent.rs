//! The node's side: says the text that it was told when it booted.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;

use crate::service::kind::{AgentEnvironment, AgentKind, LogFile};
use crate::service::method::{Call, Method, MethodError, Reply};

const METHODS: &[Method] = &[Method::post("startup"), Method::get("get_helloworld")];

struct HelloworldAgent {
    text: String,
}

pub(crate) fn make(environment: &AgentEnvironment) -> Arc<dyn AgentKind> {
    let text = environment.config.base.extra.get("STRING_TO_GENERATE").cloned().unwrap_or_default();
    Arc::new(HelloworldAgent { text })
}

#[async_trait]
impl AgentKind for HelloworldAgent {
    fn methods(&self) -> &'static [Method] {
        METHODS
    }

    fn logs(&self) -> &'static [LogFile] {
        &[]
    }

    async fn call(&self, method: &str, call: Call) -> Result<Reply, MethodError> {
        call.finish()?;
        match method {
            "get_helloworld" => Ok(Reply::Value(json!({ "result": self.text }))),
            _ => Ok(Reply::nothing()),
        }
    }
}
