//! What others make of a mysql service: accounts of services that are linked to it, each with a database of its own, and
//! the settings of manifests.

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::methods::serving_member;
use super::ports;
use super::roles::{GLB, MYSQL, plays};
use super::settings::MysqlSettings;
use crate::rpc::RpcCall;
use crate::service::context::ServiceContext;
use crate::service::environment::{Account, Offer};
use crate::service::error::MethodError;
use crate::service::settings::Document;
use crate::store::manager::NodeRow;

/// Returns the first balancer, or the first member where there is none. Data that begins anew, or that a backup took the
/// place of, may lack accounts that were made.
///
/// # Errors
/// Returns an error if the settings cannot be read.
pub(super) fn offer(settings: &Document, nodes: &[NodeRow]) -> Result<Option<Offer>, MethodError> {
    let settings: MysqlSettings = settings.read()?;
    let of_role = |role| nodes.iter().find(|node| plays(node, role));
    let Some(member) = of_role(MYSQL) else { return Ok(None) };
    let host = of_role(GLB).unwrap_or(member).view.ip.clone();
    let incarnation = format!("{} {}", member.view.id, settings.restored.number);
    Ok(Some(Offer { host, port: ports::MYSQL, incarnation }))
}

/// Makes the account and its database; both may be there.
///
/// # Errors
/// Returns an error if no member serves, or the database is one of the servers' own.
pub(super) async fn grant(service: &ServiceContext, account: &Account) -> Result<(), MethodError> {
    let call = RpcCall::post(0, "grant_account").param("username", account.user.as_str());
    let call = call.param("password", account.password.as_str()).param("database", account.name.as_str());
    call_member(service, &call).await
}

/// Takes the account back.
///
/// # Errors
/// Returns an error if no member serves.
pub(super) async fn revoke(service: &ServiceContext, account: &Account) -> Result<(), MethodError> {
    call_member(service, &RpcCall::post(0, "revoke_account").param("username", account.user.as_str())).await
}

/// Returns the calls that set variables as a manifest says them.
pub(super) fn set_variables(sid: i64, variables: &Map<String, Value>) -> Vec<RpcCall> {
    let call = |(name, value): (&String, &Value)| {
        RpcCall::get(sid, "setMySqlParams").param("variable", name.as_str()).param("value", value.clone())
    };
    variables.iter().map(call).collect()
}

/// Returns the variables that were set, as a manifest says them.
///
/// # Errors
/// Returns an error if the settings cannot be read.
pub(super) fn shown_variables(settings: &Document) -> Result<Map<String, Value>, MethodError> {
    let settings: MysqlSettings = settings.read()?;
    Ok(settings.variables.into_iter().map(|(name, value)| (name, Value::from(value))).collect())
}

async fn call_member(service: &ServiceContext, call: &RpcCall) -> Result<(), MethodError> {
    let member = serving_member(service).await?;
    service.agents.call::<IgnoredAny>(&member, call).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::roles::tests::node;
    use super::*;

    #[test]
    fn a_balancer_is_offered_before_members() {
        let offer = |roles: &[&str]| {
            let nodes: Vec<NodeRow> = roles.iter().zip(2..).map(|(role, last)| node(last, role)).collect();
            offer(&Document::default(), &nodes).unwrap().map(|offer| (offer.host, offer.incarnation))
        };
        assert_eq!(offer(&["mysql", "glb"]), Some(("10.0.0.3".to_owned(), "n2 0".to_owned())));
        assert_eq!(offer(&["mysql", "mysql"]), Some(("10.0.0.2".to_owned(), "n2 0".to_owned())));
        assert_eq!(offer(&[]), None);
    }
}
