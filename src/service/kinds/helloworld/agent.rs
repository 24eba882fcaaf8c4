//! The node's side: says the text that it was told when it booted.

use std::sync::Arc;

use async_trait::async_trait;

use crate::api::agent::Greeting;
use crate::service::agent_side::{AgentEnvironment, AgentKind};
use crate::service::call::Call;
use crate::service::error::MethodError;
use crate::service::log_file::LogFile;
use crate::service::method::{BoundMethod, Method, bind, get, post};
use crate::service::reply::Reply;

const METHODS: &[Method<Arc<HelloworldAgent>>] = &[
    post("startup", |agent, call| Box::pin(startup(agent, call))),
    get("get_helloworld", |agent, call| Box::pin(get_helloworld(agent, call))),
];

struct HelloworldAgent {
    text: String,
}

pub(super) fn make(environment: &AgentEnvironment) -> Result<Arc<dyn AgentKind>, MethodError> {
    let text = environment.config.base.extra.get("STRING_TO_GENERATE").cloned().unwrap_or_default();
    Ok(Arc::new(HelloworldAgent { text }))
}

#[async_trait]
impl AgentKind for HelloworldAgent {
    fn methods(self: Arc<Self>) -> Vec<BoundMethod> {
        bind(METHODS, &self)
    }

    fn logs(&self) -> &'static [LogFile] {
        &[]
    }
}

async fn startup(_agent: Arc<HelloworldAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    Ok(Reply::nothing())
}

async fn get_helloworld(agent: Arc<HelloworldAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    Ok(Reply::of(&Greeting { result: agent.text.clone() }))
}
