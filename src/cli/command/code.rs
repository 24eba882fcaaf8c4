//! Code versions and keys of services that run a user's program.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::wait;
use crate::cli::output::printer::Reply;
use crate::cli::output::table::{Row, shown, table};
use crate::client::error::Failure;
use crate::client::lookup::FoundService;
use crate::client::session::{Session, taken, understood};
use crate::client::upload;
use crate::model::State;
use crate::rpc::RpcCall;
use crate::sys::file;

/// Uploads an SSH key.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn upload_key(session: &Session, found: &FoundService, path: &Path) -> Result<Reply, Failure> {
    let call = upload::with_file(RpcCall::upload(found.service.0, "upload_authorized_key"), "key", path)?;
    let answer = session.manager(found.application, call).await?;
    Ok(Reply::line(format!("{}.", shown(&answer["outcome"])), answer))
}

/// Lists the SSH keys.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn list_keys(session: &Session, found: &FoundService) -> Result<Reply, Failure> {
    let mut answer = session.manager(found.application, RpcCall::get(found.service.0, "list_authorized_keys")).await?;
    let keys: Vec<String> = understood("list_authorized_keys", taken(&mut answer, "authorizedKeys"))?;
    let value = Value::from(keys.clone());
    Ok(Reply::lines(&keys, value))
}

/// Uploads an archive as a new code version.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn upload_code(session: &Session, found: &FoundService, path: &Path) -> Result<Reply, Failure> {
    if !upload::is_readable(path) {
        let name = path.display();
        return Err(Failure::said(format!("Cannot upload code: filename '{name}' not found or access is denied")));
    }
    let call = upload::with_file(RpcCall::upload(found.service.0, "upload_code_version"), "code", path)?;
    let answer = session.manager(found.application, call).await?;
    Ok(Reply::line(format!("Code version '{}' uploaded.", shown(&answer["codeVersionId"])), answer))
}

/// The table of code versions; a star marks the one that runs.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn list_codes(session: &Session, found: &FoundService) -> Result<Reply, Failure> {
    let versions = versions(session, found).await?;
    let mut rows = versions.clone();
    for row in &mut rows {
        let mark = if is_current(row) { "      *" } else { "" };
        row.insert("current".to_owned(), Value::from(mark));
    }
    let text = table(&["current", "codeVersionId", "filename", "description"], &rows);
    Ok(Reply::line(text, versions.into_iter().map(Value::Object).collect()))
}

/// Writes a code version, or the one that runs, into the working directory
/// under the name that it was uploaded with.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn download_code(
    session: &Session,
    found: &FoundService,
    version: Option<&str>,
) -> Result<Reply, Failure> {
    let versions = versions(session, found).await?;
    let id = |row: &Row| row.get("codeVersionId").and_then(Value::as_str).unwrap_or_default().to_owned();
    let wanted = match version {
        Some(version) => versions.iter().find(|row| id(row) == version),
        None => versions.iter().find(|row| is_current(row)),
    };
    let wanted = wanted.ok_or_else(|| match version {
        Some(version) => Failure::said(format!("Invalid code version '{version}'")),
        None => Failure::said("There is no code version currently enabled."),
    })?;
    let call = RpcCall::get(found.service.0, "download_code_version").param("codeVersionId", id(wanted));
    let answer = session.manager_file(found.application, call).await?;
    if answer.filename.is_none()
        && let Ok(Value::Object(reply)) = serde_json::from_slice(&answer.body)
        && let Some(error) = reply.get("error").filter(|error| !error.is_null())
    {
        return Err(Failure::said(shown(error)));
    }
    // The name was chosen by whoever uploaded it: only its last part is a file here.
    let name = wanted.get("filename").and_then(Value::as_str).unwrap_or_default();
    let name = Path::new(name).file_name().map(PathBuf::from);
    let name = name.ok_or_else(|| Failure::said("the code version has no file name to write it to"))?;
    file::write_atomic(&Path::new(".").join(&name), &answer.body, 0o644)?;
    let text = format!("File '{}' written.", name.display());
    Ok(Reply::line(text, json!({ "filename": name, "size": answer.body.len() })))
}

/// Deletes a code version.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn delete_code(session: &Session, found: &FoundService, version: &str) -> Result<Reply, Failure> {
    let call = RpcCall::post(found.service.0, "delete_code_version").param("codeVersionId", version);
    session.manager(found.application, call).await?;
    Ok(Reply::done(format!("Code version '{version}' deleted.")))
}

/// Makes a code version the one that runs; `method` is the kind's own.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn enable_code(
    session: &Session,
    found: &FoundService,
    method: &str,
    version: &str,
) -> Result<Reply, Failure> {
    let call = RpcCall::post(found.service.0, method).param("codeVersionId", version);
    session.manager(found.application, call).await?;
    let words = format!("Enabling code version '{version}'... ");
    wait::for_service(session, found, &words, &[State::Init, State::Stopped, State::Running]).await
}

async fn versions(session: &Session, found: &FoundService) -> Result<Vec<Row>, Failure> {
    let mut answer = session.manager(found.application, RpcCall::get(found.service.0, "list_code_versions")).await?;
    understood("list_code_versions", taken(&mut answer, "codeVersions"))
}

fn is_current(version: &Row) -> bool {
    version.contains_key("current")
}
