//! Parameters that several methods take, and what several methods ask for first.

use serde_json::Value;

use crate::api::params::{bad, missing, python_list};
use crate::api::texts;
use crate::manager::core::{Manager, Service};
use crate::model::{CloudName, ServiceId};
use crate::service::{Call, MethodError};
use crate::store::manager as store;
use crate::sys;

/// Takes a parameter that must be the id of a service; the manager itself is
/// in the list of ConPaaS 2.0, and is refused here with a word of its own.
pub(super) async fn take_service(manager: &Manager, call: &mut Call, name: &str) -> Result<Service, MethodError> {
    let rows = manager.store.read(store::list_services).await?;
    let ids: Vec<Value> = rows.iter().map(|row| row.sid.0.into()).collect();
    // Uploads carry texts only.
    let given = match call.params.optional(name) {
        Some(Value::String(text)) => text.trim().parse::<i64>().map_or(Value::String(text), Value::from),
        Some(other) => other,
        None => return Err(missing(name).into()),
    };
    let Some(row) = rows.into_iter().find(|row| given == row.sid.0) else {
        let shown = given.as_str().map_or_else(|| given.to_string(), str::to_owned);
        return Err(bad(name, &format!("'{shown}' must be one of {}", python_list(&ids))).into());
    };
    let (sid, kind) = (row.sid, row.kind.clone());
    match manager.service(row) {
        Some(service) => Ok(service),
        None if sid == ServiceId::MANAGER => {
            Err(MethodError::refused("Service 0 is the application manager itself: stop the application instead"))
        }
        None => Err(MethodError::refused(format!("services of type '{kind}' are not built in"))),
    }
}

/// Refuses what costs credit when none is left.
pub(super) async fn expect_credit(manager: &Manager) -> Result<(), MethodError> {
    let credit = manager.director.credit().await.map_err(|error| MethodError::refused(sys::chain(&error)))?;
    if credit > 0 { Ok(()) } else { Err(MethodError::refused(texts::INSUFFICIENT_CREDITS)) }
}

/// Takes the parameter `cloud` in any of its spellings.
pub(super) fn take_cloud(call: &mut Call) -> Result<CloudName, MethodError> {
    let cloud = call.params.string("cloud")?;
    CloudName::from_caller(&cloud).map_err(|error| MethodError::refused(error.to_string()))
}
