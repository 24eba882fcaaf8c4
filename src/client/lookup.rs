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

/// Finds the application that `name_or_id` means; whatever reads as a number is an id.
///
/// # Errors
/// There is none, or several have the name.
pub(crate) async fn application(session: &Session, name_or_id: &str) -> Result<ApplicationView, Failure> {
    let found = choose_application(session.applications().await?, name_or_id)?;
    session.learn_manager(&found);
    Ok(found)
}

fn choose_application(applications: Vec<ApplicationView>, name_or_id: &str) -> Result<ApplicationView, Failure> {
    if applications.is_empty() {
        return Err(Failure::said("No existing applications."));
    }
    if let Ok(id) = name_or_id.trim().parse::<i64>() {
        let found = applications.into_iter().find(|app| app.aid == ApplicationId(id));
        return found.ok_or_else(|| Failure::said(format!("Unknown application id {id}")));
    }
    let mut named: Vec<ApplicationView> = applications.into_iter().filter(|app| app.name == name_or_id).collect();
    match named.len() {
        0 => Err(Failure::said(format!("Unknown application name '{name_or_id}'"))),
        1 => Ok(named.remove(0)),
        several => Err(Failure::said(format!("{several} applications match the application name '{name_or_id}'"))),
    }
}

/// Finds the service that `name_or_id` means in an application; of one kind only, when `kind` says so.
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
    let service = choose_service(&services, name_or_id).map_err(|unknown| {
        let of_kind = kind.map(|kind| format!(" of type {kind}.")).unwrap_or_default();
        Failure::said(format!("{unknown} in application {application}{of_kind}"))
    })?;
    Ok(FoundService { application, service })
}

/// The error is the beginning of the sentence that says what is unknown.
fn choose_service(services: &[ServiceAndApplication], name_or_id: &str) -> Result<ServiceId, String> {
    let (found, unknown) = match name_or_id.trim().parse::<i64>() {
        Ok(id) => {
            let found = services.iter().find(|found| found.service.sid == ServiceId(id));
            (found, format!("Unknown service id {id}"))
        }
        Err(_) => {
            let found = services.iter().find(|found| found.service.name == name_or_id);
            (found, format!("Unknown service name '{name_or_id}'"))
        }
    };
    found.map(|found| found.service.sid).ok_or(unknown)
}

/// Returns the user's services, of one application and one kind only when so asked.
///
/// # Errors
/// The director cannot be called, or its answer is not understood.
pub(crate) async fn services(
    session: &Session,
    kind: Option<&str>,
    application: Option<ApplicationId>,
) -> Result<Vec<ServiceAndApplication>, Failure> {
    let mut services = session.services().await?;
    services.retain(|found| is_meant(found, kind, application));
    Ok(services)
}

fn is_meant(found: &ServiceAndApplication, kind: Option<&str>, application: Option<ApplicationId>) -> bool {
    let is_of_kind = kind.is_none_or(|kind| found.service.kind == kind);
    is_of_kind && application.is_none_or(|id| found.service.application_id == id)
}

/// Checks that a cloud exists.
///
/// # Errors
/// It does not.
pub(crate) async fn check_cloud(session: &Session, name: &str) -> Result<(), Failure> {
    let is_known = session.clouds().await?.iter().any(|cloud| cloud == name);
    if is_known { Ok(()) } else { Err(Failure::said(format!("Unknown cloud name '{name}'"))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ServiceView;
    use crate::model::{State, UserId};

    fn app(aid: i64, name: &str) -> ApplicationView {
        ApplicationView {
            aid: ApplicationId(aid),
            name: name.to_owned(),
            uid: UserId(1),
            status: State::Running,
            manager: None,
            vmid: None,
            cloud: None,
            manager_port: None,
            reason: None,
        }
    }

    fn service_of(aid: i64, sid: i64, kind: &str, name: &str) -> ServiceAndApplication {
        let service = ServiceView {
            rec_id: sid,
            sid: ServiceId(sid),
            name: name.to_owned(),
            kind: kind.to_owned(),
            state: State::Init,
            created: String::new(),
            cloud: None,
            subnet: None,
            application_id: ApplicationId(aid),
        };
        ServiceAndApplication { service, application: app(aid, "a") }
    }

    #[test]
    fn whatever_reads_as_a_number_is_an_id_and_a_name_must_be_one_applications() {
        let apps = || vec![app(1, "shop"), app(2, "twice"), app(3, "twice"), app(4, "2")];
        let chosen = |name_or_id: &str| match choose_application(apps(), name_or_id) {
            Ok(app) => Ok(app.aid.0),
            Err(failure) => Err(failure.text),
        };
        assert_eq!(chosen("shop"), Ok(1));
        assert_eq!(chosen(" 2 "), Ok(2), "the application called 2 cannot be meant by its name");
        assert_eq!(chosen("9"), Err("Unknown application id 9".to_owned()));
        assert_eq!(chosen("none"), Err("Unknown application name 'none'".to_owned()));
        assert_eq!(chosen("twice"), Err("2 applications match the application name 'twice'".to_owned()));
        assert_eq!(choose_application(Vec::new(), "shop").unwrap_err().text, "No existing applications.");
    }

    #[test]
    fn a_service_is_chosen_by_id_or_name() {
        let services = [service_of(1, 7, "generic", "seven"), service_of(1, 8, "generic", "7")];
        assert_eq!(choose_service(&services, "7"), Ok(ServiceId(7)));
        assert_eq!(choose_service(&services, "seven"), Ok(ServiceId(7)));
        assert_eq!(choose_service(&services, "9"), Err("Unknown service id 9".to_owned()));
        assert_eq!(choose_service(&services, "x"), Err("Unknown service name 'x'".to_owned()));
    }

    #[test]
    fn only_services_of_the_kind_and_the_application_are_meant() {
        let service = service_of(1, 7, "generic", "seven");
        for (kind, application, is_so) in [
            (None, None, true),
            (Some("generic"), Some(1), true),
            (Some("helloworld"), None, false),
            (None, Some(2), false),
        ] {
            assert_eq!(is_meant(&service, kind, application.map(ApplicationId)), is_so, "{kind:?} {application:?}");
        }
    }
}
