//! The calls of a director that a user makes, with typed parameters and answers.
//!
//! Must not know: connections, certificates.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::error::Failure;
use super::lookup::FoundService;
use super::response;
use super::session::Session;
use crate::api::manager::LogText;
use crate::api::{
    Accepted, ApplicationView, CheckView, CreditView, InvitationView, KNOWN, LIST_FINGERPRINT_BYTES, ManagedUserView,
    ManifestView, NewInvitationView, OperationView, OwnedVolumeView, PublishedView, RecoveryCodesView, ResourceView,
    ServiceAndApplication, TotpSecretView, TotpView, UserView, WAIT_FOR, totp,
};
use crate::model::{ApplicationId, UserId, VolumeFate};
use crate::sys::fingerprint::fingerprint;

/// Every call fails when the director cannot be called, says why not, or
/// answers with something else.
impl Session {
    /// Returns the version that the director speaks.
    pub(crate) async fn version(&self) -> Result<String, Failure> {
        let answer = self.get_raw("version").await?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        Ok(serde_json::from_str(&text).unwrap_or(text))
    }

    /// Returns who the user is.
    pub(crate) async fn user(&self) -> Result<UserView, Failure> {
        self.get("user_config").await
    }

    /// Returns the user's credit.
    pub(crate) async fn credit(&self) -> Result<i64, Failure> {
        self.get("user_credit").await
    }

    /// Changes the password of the user.
    pub(crate) async fn change_password(&self, old: &str, new: &str) -> Result<(), Failure> {
        self.post_done("change_password", &[("password", old), ("new_password", new)]).await
    }

    /// Returns whether the user's login needs a one-time code.
    pub(crate) async fn totp(&self) -> Result<TotpView, Failure> {
        self.get("totp").await
    }

    /// Returns a new secret for one-time codes, which are needed from [`confirm_totp`](Self::confirm_totp) on.
    pub(crate) async fn begin_totp(&self, password: &str) -> Result<TotpSecretView, Failure> {
        self.post("begin_totp", &[("password", password)]).await
    }

    /// Switches one-time codes on by the first one. Returns the recovery codes.
    pub(crate) async fn confirm_totp(&self, code: &str) -> Result<RecoveryCodesView, Failure> {
        self.post("confirm_totp", &[(totp::FIELD, code)]).await
    }

    /// Switches one-time codes off.
    pub(crate) async fn end_totp(&self, password: &str, code: &str) -> Result<(), Failure> {
        self.post_done("end_totp", &[("password", password), (totp::FIELD, code)]).await
    }

    /// Returns all users, for an administrator.
    pub(crate) async fn users(&self) -> Result<Vec<ManagedUserView>, Failure> {
        self.get("list_users").await
    }

    /// Adds to the credit of a user, for an administrator. Returns the new credit.
    pub(crate) async fn add_user_credit(&self, uid: UserId, amount: i64) -> Result<i64, Failure> {
        let parameters = [("uid", uid.to_string()), ("credit", amount.to_string())];
        let view: CreditView =
            self.post("add_user_credit", &parameters.each_ref().map(|(n, v)| (*n, v.as_str()))).await?;
        Ok(view.credit)
    }

    /// Changes the password of another user, for an administrator.
    pub(crate) async fn set_user_password(&self, uid: UserId, password: &str) -> Result<(), Failure> {
        self.post_done("set_user_password", &[("uid", &uid.to_string()), ("new_password", password)]).await
    }

    /// Removes a user with his applications, for an administrator.
    pub(crate) async fn remove_user(&self, uid: UserId) -> Result<(), Failure> {
        self.post_done("remove_user", &[("uid", &uid.to_string()), ("force", "true")]).await
    }

    /// Returns what is to be said of the director and its clouds, for an administrator.
    pub(crate) async fn check_director(&self) -> Result<CheckView, Failure> {
        self.get("check_director").await
    }

    /// Returns the invitations that are still good, for an administrator.
    pub(crate) async fn invitations(&self) -> Result<Vec<InvitationView>, Failure> {
        self.get("list_invitations").await
    }

    /// Makes an invitation for so many people and days, for an administrator.
    pub(crate) async fn create_invitation(
        &self,
        label: &str,
        (uses, days): (u32, u32),
    ) -> Result<NewInvitationView, Failure> {
        self.post("create_invitation", &[("label", label), ("uses", &uses.to_string()), ("days", &days.to_string())])
            .await
    }

    /// Withdraws an invitation, for an administrator.
    pub(crate) async fn remove_invitation(&self, id: i64) -> Result<(), Failure> {
        self.post_done("remove_invitation", &[("id", &id.to_string())]).await
    }

    /// Returns the names of the clouds.
    pub(crate) async fn clouds(&self) -> Result<Vec<String>, Failure> {
        self.get("available_clouds").await
    }

    /// Returns the nodes that cost credit.
    pub(crate) async fn resources(&self) -> Result<Vec<ResourceView>, Failure> {
        self.get("list_resources").await
    }

    /// Returns the kinds of service that the director knows.
    pub(crate) async fn service_kinds(&self) -> Result<Vec<String>, Failure> {
        self.get("available_services").await
    }

    /// Returns the user's applications.
    pub(crate) async fn applications(&self) -> Result<Vec<ApplicationView>, Failure> {
        self.get("listapp").await
    }

    /// Returns the user's applications once they are others than those of the list `known`, and what this list is known
    /// by; after so many seconds as they are. A director that does not know how to wait answers at once.
    pub(crate) async fn applications_unlike(
        &self,
        known: &str,
        seconds: u32,
    ) -> Result<(Vec<ApplicationView>, String), Failure> {
        let answer = self.get_raw_with("listapp", &[(KNOWN, known), (WAIT_FOR, &seconds.to_string())]).await?;
        let mark = fingerprint(&answer.body, LIST_FINGERPRINT_BYTES);
        Ok((response::read_director("listapp", &answer)?, mark))
    }

    /// Creates an application.
    pub(crate) async fn create_application(&self, name: &str) -> Result<ApplicationView, Failure> {
        self.post("createapp", &[("name", name)]).await
    }

    /// Deletes an application.
    pub(crate) async fn delete_application(&self, application: ApplicationId) -> Result<(), Failure> {
        self.post_done(&format!("deleteapp/{application}"), &[]).await
    }

    /// Renames an application.
    pub(crate) async fn rename_application(&self, application: ApplicationId, name: &str) -> Result<(), Failure> {
        self.post_done(&format!("renameapp/{application}"), &[("name", name)]).await
    }

    /// Asks for the start of an application, in the default cloud when none is named.
    pub(crate) async fn start_application(
        &self,
        application: ApplicationId,
        cloud: Option<&str>,
    ) -> Result<Accepted, Failure> {
        let method = match cloud {
            Some(cloud) => format!("startapp/{application}/{cloud}"),
            None => format!("startapp/{application}"),
        };
        self.post(&method, &[]).await
    }

    /// Returns what became of the start of an application; the answer may wait for its end for `seconds`.
    pub(crate) async fn start_outcome(&self, operation_id: &str, seconds: u32) -> Result<OperationView, Failure> {
        self.get_with(&format!("get_operation/{operation_id}"), &[(WAIT_FOR, &seconds.to_string())]).await
    }

    /// Asks for the end of an application. Kept volumes stay with it.
    pub(crate) async fn stop_application(
        &self,
        application: ApplicationId,
        volumes: VolumeFate,
    ) -> Result<(), Failure> {
        let parameters: &[(&str, &str)] = match volumes {
            VolumeFate::Lost => &[],
            VolumeFate::Kept => &[("keep_volumes", "true")],
        };
        self.post_done(&format!("stopapp/{application}"), parameters).await
    }

    /// Publishes a service, or changes how it is published; what `wish` does not name stays.
    pub(crate) async fn publish(&self, found: &FoundService, wish: &[(&str, &str)]) -> Result<PublishedView, Failure> {
        let (application, service) = (found.application.to_string(), found.service.to_string());
        let ids = [("app_id", application.as_str()), ("service_id", service.as_str())];
        self.post("publish", &ids.iter().chain(wish).copied().collect::<Vec<_>>()).await
    }

    /// Has a service not be reachable from outside any more.
    pub(crate) async fn unpublish(&self, found: &FoundService) -> Result<(), Failure> {
        let (application, service) = (found.application.to_string(), found.service.to_string());
        self.post_done("unpublish", &[("app_id", &application), ("service_id", &service)]).await
    }

    /// Returns what the user has published.
    pub(crate) async fn published(&self) -> Result<Vec<PublishedView>, Failure> {
        self.get("list_published").await
    }

    /// Returns what visitors of a published service asked for, behind the cursor of an earlier call.
    pub(crate) async fn published_log(&self, found: &FoundService, cursor: Option<&str>) -> Result<LogText, Failure> {
        let (application, service) = (found.application.to_string(), found.service.to_string());
        let ids = [("app_id", application.as_str()), ("service_id", service.as_str())];
        let cursor = cursor.map(|cursor| ("cursor", cursor));
        self.post("published_log", &ids.into_iter().chain(cursor).collect::<Vec<_>>()).await
    }

    /// Returns all volumes of the user, kept and in use.
    pub(crate) async fn owned_volumes(&self) -> Result<Vec<OwnedVolumeView>, Failure> {
        self.get("list_volumes").await
    }

    /// Deletes a kept volume.
    pub(crate) async fn delete_kept_volume(&self, application: ApplicationId, name: &str) -> Result<(), Failure> {
        self.post_done("delete_kept_volume", &[("app_id", &application.to_string()), ("name", name)]).await
    }

    /// Asks for the application that a manifest describes, with files that it names, and counts the bytes of those that
    /// are `sent`. Returns the application's id while it is being made, and the operation that makes it.
    pub(crate) async fn upload_manifest(
        &self,
        manifest: &str,
        cloud: Option<&str>,
        files: &[(&str, &Path)],
        sent: Arc<AtomicU64>,
    ) -> Result<(ApplicationId, Option<String>), Failure> {
        let parameters = [("manifest", manifest), ("cloud", cloud.unwrap_or("default")), ("thread", "True")];
        let uploaded: ManifestView = self.post_with_files("upload_manifest", &parameters, files, sent).await?;
        // Upstream's words for a manifest without services: an application is made and not started.
        let aid = uploaded.aid.ok_or_else(|| Failure::said("'aid'"))?;
        Ok((aid, uploaded.operation_id))
    }

    /// Returns the manifest of an application, as a text for people.
    pub(crate) async fn manifest(&self, application: ApplicationId) -> Result<String, Failure> {
        let manifest: serde_json::Value = self.post(&format!("download_manifest/{application}"), &[]).await?;
        let text = serde_json::to_string_pretty(&manifest).map_err(|error| Failure::said(error.to_string()))?;
        Ok(text + "\n")
    }

    /// Returns the user's services, each with its application.
    pub(crate) async fn services(&self) -> Result<Vec<ServiceAndApplication>, Failure> {
        self.get("list").await
    }

    /// Adds a service of `kind` to an application.
    pub(crate) async fn add_service(
        &self,
        kind: &str,
        application: ApplicationId,
    ) -> Result<ServiceAndApplication, Failure> {
        self.post(&format!("add/{kind}"), &[("appid", &application.to_string())]).await
    }

    /// Asks for the removal of a service from its application.
    pub(crate) async fn remove_service(&self, found: &FoundService) -> Result<Accepted, Failure> {
        let (application, service) = (found.application.to_string(), found.service.to_string());
        self.post("remove", &[("app_id", &application), ("service_id", &service)]).await
    }

    /// Renames a service.
    pub(crate) async fn rename_service(&self, found: &FoundService, name: &str) -> Result<(), Failure> {
        let (application, service) = (found.application.to_string(), found.service.to_string());
        self.post_done("rename", &[("app_id", &application), ("service_id", &service), ("name", name)]).await
    }
}
