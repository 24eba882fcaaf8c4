//! Which application and service are meant where nobody says it: those that are called as the directory.

use std::path::Path;

use clap::Args;

use crate::api::{ApplicationView, ServiceAndApplication};
use crate::cli::deployment::Deployment;
use crate::cli::kind::find_deployment;
use crate::client::error::Failure;
use crate::client::lookup::{self, FoundService};
use crate::client::session::Session;

/// A service whose name nobody has to type.
#[derive(Debug, Args)]
pub(super) struct SiteNames {
    /// Name or identifier of an application; the name of this directory when it is left out
    app_name_or_id: Option<String>,
    /// Name or identifier of the service, where the application has several that can be deployed
    #[arg(short, long, value_name = "SERVICE")]
    service: Option<String>,
}

impl SiteNames {
    /// Finds the service, and how its kind is deployed.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub(super) async fn find(
        &self,
        session: &Session,
    ) -> Result<(ApplicationView, FoundService, &'static Deployment), Failure> {
        let name = match &self.app_name_or_id {
            Some(name) => name.clone(),
            None => of_directory(Path::new("."))?,
        };
        let app = lookup::application(session, &name).await?;
        let mut services = lookup::services(session, None, Some(app.aid)).await?;
        services.retain(|one| find_deployment(&one.service.kind).is_some());
        if let Some(service) = &self.service {
            let wanted = lookup::service(session, None, &app.aid.to_string(), service).await?.service;
            services.retain(|one| one.service.sid == wanted);
        }
        let only = only(&app, "services", &services)?;
        let only = only.and_then(|one| Some((one.service.sid, find_deployment(&one.service.kind)?)));
        let (service, deployment) = only.ok_or_else(|| {
            let name = &app.name;
            Failure::said(format!("application '{name}' has no service that was deployed: 'conpaas deploy' makes one"))
        })?;
        let found = FoundService { application: app.aid, service };
        Ok((app, found, deployment))
    }
}

/// Returns the one of an application's services that nobody has to name, if there is one; `what` says which they are.
///
/// # Errors
/// There are several.
pub(super) fn only<'a>(
    app: &ApplicationView,
    what: &str,
    services: &'a [ServiceAndApplication],
) -> Result<Option<&'a ServiceAndApplication>, Failure> {
    if services.len() < 2 {
        return Ok(services.first());
    }
    let names: Vec<String> =
        services.iter().map(|one| format!("{} ('{}')", one.service.sid, one.service.name)).collect();
    let (name, names) = (&app.name, names.join(", "));
    Err(Failure::said(format!("application '{name}' has several {what}: say --service with one of {names}")))
}

/// Returns the name that an application of this directory, or file, has. Blocking.
///
/// # Errors
/// The directory has no name, as `/`.
pub(super) fn of_directory(directory: &Path) -> Result<String, Failure> {
    let real = std::fs::canonicalize(directory);
    let real = real.map_err(|error| Failure::said(format!("cannot open '{}': {error}", directory.display())))?;
    // A file is called without the end of its name.
    let name = if real.is_file() { real.file_stem() } else { real.file_name() };
    let name = name.map(|name| plain(&name.to_string_lossy())).unwrap_or_default();
    if name.is_empty() {
        return Err(Failure::said(format!("the directory '{}' has no name: say --app NAME", real.display())));
    }
    Ok(name)
}

/// A name of digits would be taken for an id.
fn plain(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    let name: String = name.trim().chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
    let is_number = !name.is_empty() && name.chars().all(|c| c.is_ascii_digit());
    if is_number { format!("site-{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_is_called_as_its_directory() {
        for (directory, name) in [("shop", "shop"), ("my shop!", "my-shop-"), ("2026", "site-2026"), ("é.org", "é.org")]
        {
            assert_eq!(plain(directory), name);
        }
        assert!(of_directory(Path::new("/")).unwrap_err().text.ends_with("has no name: say --app NAME"));
    }
}
