//! One request of somebody who is signed in.

use std::net::IpAddr;
use std::sync::Arc;

use super::outcome::Problem;
use super::site::Site;
use super::text::Texts;
use crate::api::{ApplicationView, ServiceView};
use crate::client::lookup::FoundService;
use crate::client::session::Session;
use crate::model::{ApplicationId, ServiceId, UserId};
use crate::pki::Secret;
use crate::rpc::Form;

/// One request of somebody who is signed in.
pub(super) struct Visit {
    pub(super) site: Arc<Site>,
    /// The texts in the visitor's language.
    pub(super) t: &'static Texts,
    pub(super) uid: UserId,
    pub(super) username: String,
    /// The site as the visitor asked for it, such as `https://attic.local`.
    pub(super) origin: String,
    /// From where the visitor comes.
    pub(super) address: IpAddr,
    pub(super) secret: Secret,
    /// The visitor's session with the director.
    pub(super) client: Arc<Session>,
    pub(super) form: Form,
    /// The variable parts of the path.
    pub(super) arguments: Vec<String>,
}

/// A service with its application.
pub(super) struct Place {
    pub(super) application: ApplicationView,
    pub(super) service: ServiceView,
    pub(super) found: FoundService,
}

impl Place {
    /// Returns the path of the service's page.
    pub(super) fn path(&self) -> String {
        format!("/applications/{}/services/{}", self.found.application, self.found.service)
    }
}

impl Visit {
    /// Returns the n-th variable part of the path, empty if there are fewer.
    pub(super) fn argument(&self, n: usize) -> &str {
        self.arguments.get(n).map_or("", String::as_str)
    }

    /// Returns the text of a field, without blanks around it.
    pub(super) fn field(&self, name: &str) -> &str {
        self.typed(name).trim()
    }

    /// Returns the text of a field as it was typed, blanks and all, as passwords are.
    pub(super) fn typed(&self, name: &str) -> &str {
        self.form.get(name).unwrap_or_default()
    }

    /// Returns the text of a field that must not be empty.
    pub(super) fn required(&self, name: &str) -> Result<&str, Problem> {
        match self.field(name) {
            "" => Err(Problem::Form(self.t.field_missing.to_owned())),
            text => Ok(text),
        }
    }

    /// Returns the application that the path names, which is the visitor's own.
    pub(super) async fn application(&self) -> Result<ApplicationView, Problem> {
        let wanted = self.argument(0).parse::<ApplicationId>().map_err(|_| Problem::NotFound)?;
        let found = self.client.applications().await?.into_iter().find(|app| app.aid == wanted);
        let found = found.ok_or(Problem::NotFound)?;
        self.client.learn_manager(&found);
        Ok(found)
    }

    /// Returns the service that the path names, which is the visitor's own.
    pub(super) async fn place(&self) -> Result<Place, Problem> {
        let application = self.argument(0).parse::<ApplicationId>().map_err(|_| Problem::NotFound)?;
        let service = self.argument(1).parse::<ServiceId>().map_err(|_| Problem::NotFound)?;
        let all = self.client.services().await?;
        let mut meant = all.into_iter().filter(|one| one.application.aid == application && one.service.sid == service);
        let one = meant.next().ok_or(Problem::NotFound)?;
        self.client.learn_manager(&one.application);
        let found = FoundService { application, service };
        Ok(Place { application: one.application, service: one.service, found })
    }
}
