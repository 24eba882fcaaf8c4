//! Code versions that come, go and are activated; keys that may push.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::client::error::Failure;
use crate::frontend::outcome::{Done, Problem};
use crate::frontend::visit::{Place, Visit};
use crate::rpc::Response;
use crate::sys;

type Outcome = Result<Done, Problem>;

pub(super) async fn upload(visit: &Visit) -> Outcome {
    let place = visit.place().await?;
    let method = enable_method(&place)?;
    let file = visit.form.files.get("code").filter(|file| !file.filename.is_empty());
    let file = file.ok_or_else(|| Problem::Form(visit.t.file_missing.to_owned()))?;
    let name = file_name(&file.filename);
    let made = visit.client.upload_code(&place.found, file.path(), name, Arc::<AtomicU64>::default()).await?;
    if !visit.field("enable").is_empty() {
        visit.client.enable_code(&place.found, method, &made.id, None).await?;
    }
    Ok(Done::said(format!("{}/code", place.path()), made.notes.join("\n")))
}

pub(super) async fn enable(visit: &Visit) -> Outcome {
    let place = visit.place().await?;
    let method = enable_method(&place)?;
    visit.client.enable_code(&place.found, method, visit.argument(2), None).await?;
    Ok(Done::at(format!("{}/code", place.path())))
}

pub(super) async fn delete(visit: &Visit) -> Outcome {
    let place = visit.place().await?;
    visit.client.delete_code(&place.found, visit.argument(2)).await?;
    Ok(Done::at(format!("{}/code", place.path())))
}

/// Fetches the file whole before it is sent on, so that what breaks off is an error and no half file.
pub(super) async fn download(visit: &Visit) -> Outcome {
    let place = visit.place().await?;
    let version = visit.argument(2);
    let versions = visit.client.code_versions(&place.found).await?;
    let version = versions.into_iter().find(|known| known.id == version).ok_or(Problem::NotFound)?;
    let scratch = scratch(visit)?;
    let path = scratch.path().join("code");
    visit.client.download_code(&place.found, &version.id, &path).await?;
    Ok(Done::Answer(sent(&path, file_name(&version.filename)).await?))
}

pub(super) async fn add_key(visit: &Visit) -> Outcome {
    let place = visit.place().await?;
    let key = visit.required("key")?.to_owned();
    let scratch = scratch(visit)?;
    let path = scratch.path().join("key.pub");
    let written = path.clone();
    sys::blocking(move || sys::file::write_atomic(&written, format!("{key}\n").as_bytes(), 0o600))
        .await
        .map_err(Failure::from)?;
    let outcome = visit.client.upload_authorized_key(&place.found, &path).await?;
    Ok(Done::said(format!("{}/code", place.path()), outcome.outcome))
}

/// The method by which a kind takes another version.
fn enable_method(place: &Place) -> Result<&'static str, Problem> {
    match place.service.kind.as_str() {
        "generic" => Ok("enable_code"),
        "php" => Ok("update_php_configuration"),
        "java" => Ok("update_java_configuration"),
        _ => Err(Problem::NotFound),
    }
}

/// Returns a directory for one request; it goes with the value.
pub(super) fn scratch(visit: &Visit) -> Result<tempfile::TempDir, Failure> {
    let uploads = visit.site.options.state_dir.join("uploads");
    let made = tempfile::Builder::new().prefix("request-").tempdir_in(&uploads);
    made.map_err(|error| Failure::said(format!("cannot make a directory in {}: {error}", uploads.display())))
}

/// Returns a file as an answer; it may be removed then.
pub(super) async fn sent(path: &Path, name: &str) -> Result<Response, Failure> {
    let answer = Response::file(path, "attachment", name).await;
    answer.map_err(|error| Failure::said(format!("cannot read {}: {error}", path.display())))
}

/// Browsers send a name, and old ones a whole path.
pub(super) fn file_name(text: &str) -> &str {
    text.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or("file")
}
