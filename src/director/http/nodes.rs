//! Nodes for managers (`docs/reference/director-api.md` §3.6).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use serde_json::Value;

use super::call::Call;
use crate::api::{Done, NodeRequest, NodeView, params, texts};
use crate::director::error::Failure;
use crate::director::node::create::{self, Order};
use crate::director::node::remove::{gone_agents, remove_agents};
use crate::director::node::request::{MAX_SCRIPT_BYTES, Wish, check_requests, new_node_tag, unusable};
use crate::director::state::Director;
use crate::director::views;
use crate::model::{NodeRole, ServiceId};
use crate::rpc::Response;
use crate::store::director::node::NewNode;

/// Answers the nodes that came up.
///
/// With `operation_id`, which ConPaaS 2.0 does not have, a repeated call answers the same nodes, or makes
/// them anew if the first call was cut short.
pub(crate) async fn create(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let made = create::create(&director, order(&director, &call)?).await?;
    Ok(Response::json_line(&made.iter().filter_map(views::node).collect::<Vec<NodeView>>()))
}

/// Removes nodes of the calling application; those that are gone already are fine.
pub(crate) async fn remove(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let wanted: Vec<NodeView> = serde_json::from_str(call.required("nodes")?)
        .map_err(|error| Failure::Application(format!("\"nodes\" is not a list of nodes: {error}")))?;
    let vmids = wanted.into_iter().map(|node| node.vmid).collect();
    remove_agents(&director, call.asker(), vmids).await?;
    Ok(Response::json_line(&Done {}))
}

/// Answers which of these nodes of the calling application are gone for good (ours).
pub(crate) async fn gone(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let vmids: Vec<String> = serde_json::from_str(call.required("vmids")?)
        .map_err(|error| Failure::Application(format!("\"vmids\" is not a list of texts: {error}")))?;
    Ok(Response::json_line(&gone_agents(&director, call.asker(), vmids).await?))
}

/// Reads `/create_nodes`. What is wrong first is told, in this order.
fn order(director: &Director, call: &Call) -> Result<Order, Failure> {
    call.require_own_application()?;
    let sid: ServiceId = call.required("service_id")?.parse().map_err(|error| unusable("service_id", error))?;
    let (service_type, manager_ip) = (service_type(call)?, manager_ip(call)?);
    let startup_script = startup_script(call)?;
    let requests: Vec<NodeRequest> = structured(call.form.get("nodes_info"), "nodes_info")?;
    check_requests(&requests)?;
    let shared =
        Wish { service_type, manager_ip: Some(manager_ip), startup_script, context: context(call)?, ..Wish::default() };
    let operation = call.form.filled("operation_id").map(|text| text.chars().take(128).collect::<String>());
    let (uid, aid, created) = (call.user(), call.application(), chrono::Utc::now().timestamp());
    let node = |request: NodeRequest| {
        let cloud = director.clouds.named(request.cloud.as_deref().unwrap_or_default())?;
        let NodeRequest { role, volumes, inst_type: instance_type, .. } = request;
        let request = Wish { role, instance_type, volumes, ..shared.clone() }.to_text();
        let operation = operation.clone();
        Ok(NewNode { tag: new_node_tag(), cloud, role: NodeRole::Agent, uid, aid, sid, operation, request, created })
    };
    let new = requests.into_iter().map(node).collect::<Result<_, Failure>>()?;
    Ok(Order { asker: call.asker(), operation, new })
}

fn service_type(call: &Call) -> Result<String, Failure> {
    let text = call.form.filled("service_type").unwrap_or_default();
    let is_plain = text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if text.is_empty() || !is_plain {
        return Err(unusable("service_type", format!("'{text}' is no kind of service")));
    }
    Ok(text.to_owned())
}

fn manager_ip(call: &Call) -> Result<Ipv4Addr, Failure> {
    let text = call.form.filled("manager_ip").unwrap_or_default();
    text.parse().map_err(|_| unusable("manager_ip", format!("'{text}' is no address")))
}

fn startup_script(call: &Call) -> Result<Option<String>, Failure> {
    let script = call.form.filled("startup_script");
    if script.is_some_and(|script| script.len() > MAX_SCRIPT_BYTES) {
        return Err(unusable("startup_script", format!("it is larger than {MAX_SCRIPT_BYTES} bytes")));
    }
    Ok(script.map(str::to_owned))
}

/// Reads what the kind of service tells its nodes; what is no text is kept as JSON.
fn context(call: &Call) -> Result<BTreeMap<String, String>, Failure> {
    let values: BTreeMap<String, Value> = match call.form.filled("context") {
        None => BTreeMap::new(),
        text => structured(text, "context")?,
    };
    let plain = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(values.into_iter().map(|(name, value)| (name, plain(value))).collect())
}

/// Reads a parameter that upstream sends as Python's `repr` and we as JSON.
fn structured<T: serde::de::DeserializeOwned>(text: Option<&str>, field: &str) -> Result<T, Failure> {
    let text = text.ok_or_else(|| Failure::Application(texts::argument_required(field)))?;
    let value = params::python_or_json(text)
        .ok_or_else(|| Failure::Application(format!("\"{field}\" is neither JSON nor a Python literal")))?;
    serde_json::from_value(value).map_err(|error| unusable(field, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_nodes_are_read_as_json_and_as_python_writes_them() {
        for text in [r#"[{"cloud": "iaas", "role": "node"}]"#, "[{'cloud': 'iaas', u'role': 'node'}]"] {
            let read: Vec<NodeRequest> = structured(Some(text), "nodes_info").unwrap();
            assert_eq!((read[0].cloud.as_deref(), read[0].role.as_str()), (Some("iaas"), "node"), "{text}");
        }
        for (text, wanted) in [
            (None, "\"x\" is a required argument"),
            (Some("[{"), "\"x\" is neither JSON nor a Python literal"),
            (Some("[{}]"), "\"x\" is not usable: missing field `role`"),
        ] {
            assert_eq!(structured::<Vec<NodeRequest>>(text, "x").unwrap_err().to_string(), wanted);
        }
    }
}
