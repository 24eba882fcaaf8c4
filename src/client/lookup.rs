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

/// Finds the application that `name_or_id` means. A name wins over an id; one that is also another's id is refused.
///
/// # Errors
/// There is none, or several are meant.
pub(crate) async fn application(session: &Session, name_or_id: &str) -> Result<ApplicationView, Failure> {
    let found = choose_application(&session.applications().await?, name_or_id)?;
    session.learn_manager(&found);
    Ok(found)
}

fn choose_application(applications: &[ApplicationView], name_or_id: &str) -> Result<ApplicationView, Failure> {
    if applications.is_empty() {
        return Err(Failure::said("No existing applications."));
    }
    let id = name_or_id.trim().parse::<i64>().ok().map(ApplicationId);
    let by_id = id.and_then(|id| applications.iter().find(|app| app.aid == id));
    let named: Vec<&ApplicationView> = applications.iter().filter(|app| app.name == name_or_id).collect();
    match (named.as_slice(), by_id, id) {
        ([named], Some(other), _) if named.aid != other.aid => Err(Failure::said(format!(
            "'{name_or_id}' is the name of application {} and the id of application '{}': say {} or '{}'",
            named.aid, other.name, named.aid, other.name
        ))),
        ([one], _, _) => Ok((*one).clone()),
        ([], Some(one), _) => Ok(one.clone()),
        ([], None, Some(id)) => Err(Failure::said(format!("Unknown application id {id}"))),
        ([], None, None) => Err(Failure::said(format!("Unknown application name '{name_or_id}'"))),
        (several, _, _) => {
            let several = several.len();
            Err(Failure::said(format!("{several} applications match the application name '{name_or_id}'")))
        }
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

/// The error is the beginning of the sentence that says what is wrong.
fn choose_service(services: &[ServiceAndApplication], name_or_id: &str) -> Result<ServiceId, String> {
    let id = name_or_id.trim().parse::<i64>().ok().map(ServiceId);
    let by_id = id.and_then(|id| services.iter().find(|found| found.service.sid == id));
    let named: Vec<ServiceId> =
        services.iter().filter(|found| found.service.name == name_or_id).map(|found| found.service.sid).collect();
    match (named.as_slice(), by_id, id) {
        ([named], Some(other), _) if *named != other.service.sid => Err(format!(
            "'{name_or_id}' is the name of service {named} and the id of service '{}': say {named} or '{}'; both are",
            other.service.name, other.service.name
        )),
        ([one], _, _) => Ok(*one),
        ([], Some(one), _) => Ok(one.service.sid),
        ([], None, Some(id)) => Err(format!("Unknown service id {id}")),
        ([], None, None) => Err(format!("Unknown service name '{name_or_id}'")),
        (several, _, _) => {
            let ids: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(format!("{} services match the service name '{name_or_id}', {},", several.len(), ids.join(" and ")))
        }
    }
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
    use crate::model::State;

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
        ServiceAndApplication { service, application: ApplicationView::sample(aid, "a") }
    }

    #[test]
    fn a_name_wins_over_an_id_and_what_means_two_applications_is_refused() {
        let app = ApplicationView::sample;
        let apps = vec![app(1, "shop"), app(2, "twice"), app(3, "twice"), app(4, "2"), app(5, "77"), app(6, "6")];
        let chosen = |name_or_id: &str| match choose_application(&apps, name_or_id) {
            Ok(app) => Ok(app.aid.0),
            Err(failure) => Err(failure.text),
        };
        assert_eq!(chosen("shop"), Ok(1));
        let both = "'2' is the name of application 4 and the id of application 'twice': say 4 or 'twice'";
        assert_eq!(chosen("2"), Err(both.to_owned()));
        assert_eq!((chosen(" 2 "), chosen("3"), chosen("77"), chosen("6")), (Ok(2), Ok(3), Ok(5), Ok(6)));
        assert_eq!(chosen("9"), Err("Unknown application id 9".to_owned()));
        assert_eq!(chosen("none"), Err("Unknown application name 'none'".to_owned()));
        assert_eq!(chosen("twice"), Err("2 applications match the application name 'twice'".to_owned()));
        assert_eq!(choose_application(&[], "shop").unwrap_err().text, "No existing applications.");
    }

    #[test]
    fn a_service_is_chosen_by_id_or_name() {
        let mut services = vec![service_of(1, 7, "generic", "seven"), service_of(1, 8, "generic", "7")];
        let both = "'7' is the name of service 8 and the id of service 'seven': say 8 or 'seven'; both are";
        assert_eq!(choose_service(&services, "7"), Err(both.to_owned()));
        assert_eq!(choose_service(&services, "seven"), Ok(ServiceId(7)));
        assert_eq!(choose_service(&services, "9"), Err("Unknown service id 9".to_owned()));
        assert_eq!(choose_service(&services, "x"), Err("Unknown service name 'x'".to_owned()));
        services.push(service_of(1, 9, "generic", "seven"));
        let twice = "2 services match the service name 'seven', 7 and 9,";
        assert_eq!(choose_service(&services, "seven"), Err(twice.to_owned()));
        assert_eq!(choose_service(&services, "9"), Ok(ServiceId(9)));
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
