//! Parameters that several methods take, and what several methods ask for first.

use crate::api::python::dict_order;
use crate::api::texts;
use crate::manager::core::{Manager, Service};
use crate::model::{CloudName, ServiceId};
use crate::service::{Call, MethodError};
use crate::store::manager::{self as store, ServiceRow};
use crate::sys;

/// Takes a parameter that must be the id of a service; the manager itself is
/// in the list of ConPaaS 2.0, and is refused here with a word of its own.
pub(super) async fn take_service(manager: &Manager, call: &mut Call, name: &str) -> Result<Service, MethodError> {
    let rows = manager.store.read(store::list_services).await?;
    let sid = ServiceId(call.params.id(name, &ids(&rows))?);
    let row = rows.into_iter().find(|row| row.sid == sid).ok_or_else(|| MethodError::refused("no such service"))?;
    let kind = row.kind.clone();
    match manager.service(row) {
        Some(service) => Ok(service),
        None if sid == ServiceId::MANAGER => {
            Err(MethodError::refused("Service 0 is the application manager itself: stop the application instead"))
        }
        None => Err(MethodError::refused(format!("services of type '{kind}' are not built in"))),
    }
}

/// Returns the ids of services in the order in which errors list them.
pub(super) fn ids(rows: &[ServiceRow]) -> Vec<i64> {
    dict_order(rows.iter().map(|row| row.sid).collect(), |sid| sid).into_iter().map(|sid| sid.0).collect()
}

/// Refuses what costs credit when none is left.
pub(super) async fn expect_credit(manager: &Manager) -> Result<(), MethodError> {
    let credit = manager.director.credit().await.map_err(|error| MethodError::refused(sys::chain(&error)))?;
    if credit > 0 { Ok(()) } else { Err(MethodError::refused(texts::INSUFFICIENT_CREDITS)) }
}

/// Reads the name of a cloud in any of its spellings.
pub(super) fn read_cloud(name: &str) -> Result<CloudName, MethodError> {
    CloudName::from_caller(name).map_err(|error| MethodError::refused(error.to_string()))
}
