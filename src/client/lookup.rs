//! From what a user types to an application, a service, a cloud.

use super::error::Failure;
use super::session::Session;
use crate::api::{ApplicationView, ServiceAndApplication};
use crate::model::{ApplicationId, ServiceId};

/// A service that exists.
#[derive(Debug, Clone)]
pub(crate) struct FoundService {
    /// Its application.
    pub application: ApplicationId,
    /// Its id there.
    pub service: ServiceId,
}

/// The application that `name_or_id` means; whatever reads as a number is an id.
///
/// # Errors
/// There is none, or several have the name.
pub(crate) async fn application(session: &Session, name_or_id: &str) -> Result<ApplicationView, Failure> {
    let applications = session.applications().await?;
    if applications.is_empty() {
        return Err(Failure::said("No existing applications."));
    }
    let unknown_id = |id| Failure::said(format!("Unknown application id {id}"));
    let found = match name_or_id.trim().parse::<i64>() {
        Ok(id) => applications.into_iter().find(|app| app.aid == ApplicationId(id)).ok_or_else(|| unknown_id(id))?,
        Err(_) => one_of_name(applications, name_or_id)?,
    };
    session.learn_manager(&found);
    Ok(found)
}

fn one_of_name(applications: Vec<ApplicationView>, name: &str) -> Result<ApplicationView, Failure> {
    let mut named: Vec<ApplicationView> = applications.into_iter().filter(|app| app.name == name).collect();
    match named.len() {
        0 => Err(Failure::said(format!("Unknown application name '{name}'"))),
        1 => Ok(named.remove(0)),
        several => Err(Failure::said(format!("{several} applications match the application name '{name}'"))),
    }
}

/// The service that `name_or_id` means in an application; of one kind only, when `kind` says so.
///
/// # Errors
/// There is no such application or service.
pub(crate) async fn service(
    session: &Session,
    kind: Option<&str>,
    application_name_or_id: &str,
    name_or_id: &str,
) -> Result<FoundService, Failure> {
    let application = application(session, application_name_or_id).await?.aid;
    let services = services(session, kind, Some(application)).await?;
    let of_kind = kind.map(|kind| format!(" of type {kind}.")).unwrap_or_default();
    let found = match name_or_id.trim().parse::<i64>() {
        Ok(id) => services
            .iter()
            .find(|found| found.service.sid == ServiceId(id))
            .ok_or_else(|| Failure::said(format!("Unknown service id {id} in application {application}{of_kind}")))?,
        Err(_) => services.iter().find(|found| found.service.name == name_or_id).ok_or_else(|| {
            Failure::said(format!("Unknown service name '{name_or_id}' in application {application}{of_kind}"))
        })?,
    };
    Ok(FoundService { application, service: found.service.sid })
}

/// The user's services, of one application and one kind only when so asked.
///
/// # Errors
/// The director cannot be called, or its answer is not understood.
pub(crate) async fn services(
    session: &Session,
    kind: Option<&str>,
    application: Option<ApplicationId>,
) -> Result<Vec<ServiceAndApplication>, Failure> {
    let mut services = session.services().await?;
    services.retain(|found| {
        let is_of_kind = kind.is_none_or(|kind| found.service.kind == kind);
        is_of_kind && application.is_none_or(|id| found.service.application_id == id)
    });
    Ok(services)
}

/// Checks that a cloud exists.
///
/// # Errors
/// It does not.
pub(crate) async fn check_cloud(session: &Session, name: &str) -> Result<(), Failure> {
    let is_known = session.clouds().await?.iter().any(|cloud| cloud == name);
    if is_known { Ok(()) } else { Err(Failure::said(format!("Unknown cloud name '{name}'"))) }
}
