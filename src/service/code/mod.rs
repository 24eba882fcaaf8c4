//! Code versions: the part that all kinds with user code share.

mod git;
mod keys;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::context::{ServiceContext, now};
use super::method::{Call, MethodError, Reply};
use crate::api::params::bad;
use crate::archive;
use crate::node::Level;
use crate::rpc::{RpcCall, Upload};
use crate::store::manager::{self as store, CodeRow};
use crate::sys::{self, file, random};

pub(crate) use git::repository_head;
pub(crate) use keys::{list_authorized_keys, upload_authorized_key};

/// The id of the version that a new service has.
pub(crate) const DEFAULT_VERSION: &str = "code-default";

/// A code version as agents take it.
pub(crate) struct Deployment {
    /// `tar` or `zip`.
    pub filetype: String,
    /// The id.
    pub version: String,
    /// The archive.
    pub path: PathBuf,
    _removed_with_this: Option<tempfile::TempPath>,
}

impl Deployment {
    /// Returns the call by which an agent takes it.
    #[must_use]
    pub(crate) fn call(&self) -> RpcCall {
        RpcCall::upload(0, "update_code")
            .param("filetype", self.filetype.as_str())
            .param("codeVersionId", self.version.as_str())
            .file("file", &self.path, &self.version)
    }
}

/// Gives a new service its first code version: `content` under `filename`.
///
/// # Errors
/// It cannot be kept.
pub(crate) async fn add_default(
    service: &ServiceContext,
    filename: &str,
    filetype: &str,
    content: Vec<u8>,
) -> Result<(), MethodError> {
    let directory = service.code_repository();
    let code = CodeRow {
        id: DEFAULT_VERSION.to_owned(),
        filename: filename.to_owned(),
        description: "Initial version".to_owned(),
        filetype: filetype.to_owned(),
        time: now(),
    };
    sys::blocking(move || {
        file::ensure_directory(&directory)?;
        file::write_atomic(&directory.join(DEFAULT_VERSION), &content, 0o600)
    })
    .await?;
    let sid = service.sid;
    let outcome = service.store.write(move |tx| {
        store::insert_code(tx, sid, &code)?;
        store::set_active_code(tx, sid, DEFAULT_VERSION)
    });
    Ok(outcome.await?)
}

/// `list_code_versions`, newest first.
///
/// # Errors
/// A parameter is left, or the database fails.
pub(crate) async fn list(service: &ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let active = service.row().await?.active_code;
    let versions = all(service).await?.into_iter().map(|code| {
        let mut shown = json!({
            "codeVersionId": code.id, "filename": code.filename, "description": code.description, "time": code.time
        });
        if let (true, Some(fields)) = (active.as_deref() == Some(&code.id), shown.as_object_mut()) {
            fields.insert("current".to_owned(), true.into());
        }
        shown
    });
    Ok(Reply::Value(json!({ "codeVersions": versions.collect::<Vec<_>>() })))
}

/// `upload_code_version`: checks the archive and keeps it.
///
/// # Errors
/// It is no archive that agents would unpack, or cannot be kept.
pub(crate) async fn upload(service: &ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let upload = call.file("code")?;
    let description = call.params.string_or("description", "")?;
    call.finish()?;
    let filename = shown_name(&upload.filename);
    let (id, filetype) = keep(service, upload).await?;
    let code = CodeRow { id: id.clone(), filename, description, filetype, time: now() };
    let sid = service.sid;
    service.store.write(move |tx| store::insert_code(tx, sid, &code)).await?;
    service.note(Level::Info, &format!("Code version '{id}' uploaded"));
    Ok(Reply::Value(json!({ "codeVersionId": id })))
}

/// `download_code_version`, by default of the active one.
///
/// # Errors
/// No such version, or one that lies in git.
pub(crate) async fn download(service: &ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let named = call.params.optional("codeVersionId");
    let named = match named {
        Some(value) => value,
        None => service.row().await?.active_code.unwrap_or_default().into(),
    };
    call.finish()?;
    let code = one_of(service, &named).await?;
    if code.filetype == "git" {
        return Err(MethodError::refused("ERROR: To download this code, please clone the git repository"));
    }
    Ok(Reply::Download { path: service.code_repository().join(&code.id), filename: code.filename })
}

/// `delete_code_version`.
///
/// # Errors
/// No such version, or the active one.
pub(crate) async fn delete(service: &ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let code = take_version(service, &mut call).await?;
    call.finish()?;
    if service.row().await?.active_code.as_deref() == Some(&code.id) {
        return Err(MethodError::invalid("Cannot remove the active code version"));
    }
    let (sid, id) = (service.sid, code.id.clone());
    service.store.write(move |tx| store::delete_code(tx, sid, &id)).await?;
    let path = service.code_repository().join(&code.id);
    sys::blocking(move || file::ensure_absent(&path)).await?;
    Ok(Reply::nothing())
}

/// Takes the parameter `codeVersionId`, which must name one of the service's versions.
///
/// # Errors
/// It is missing or none of them.
pub(crate) async fn take_version(service: &ServiceContext, call: &mut Call) -> Result<CodeRow, MethodError> {
    let named = call.params.required("codeVersionId")?;
    one_of(service, &named).await
}

/// The active code version, or the named one, as agents take it.
///
/// # Errors
/// There is none, or git cannot give it.
pub(crate) async fn deployment(service: &ServiceContext, version: Option<&str>) -> Result<Deployment, MethodError> {
    let version = match version {
        Some(version) => version.to_owned(),
        None => service.row().await?.active_code.unwrap_or_default(),
    };
    let (sid, id) = (service.sid, version.clone());
    let code = service.store.read(move |tx| store::find_code(tx, sid, &id)).await?;
    let code = code.ok_or_else(|| MethodError::refused(format!("there is no code version '{version}'")))?;
    if code.filetype == "git" {
        let archive = git::archive(service, &code.filename).await?;
        let path = archive.to_path_buf();
        return Ok(Deployment { filetype: "tar".to_owned(), version, path, _removed_with_this: Some(archive) });
    }
    let path = service.code_repository().join(&code.id);
    Ok(Deployment { filetype: code.filetype, version, path, _removed_with_this: None })
}

/// Removes files of the code repository that no version needs: those of
/// uploads that a crash broke off.
///
/// # Errors
/// The database fails.
pub(crate) async fn remove_leftovers(service: &ServiceContext) -> Result<(), MethodError> {
    let known: Vec<String> = all(service).await?.into_iter().map(|code| code.id).collect();
    let directory = service.code_repository();
    sys::blocking(move || {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            if !known.iter().any(|id| entry.file_name() == id.as_str()) {
                let _tried_again_at_the_next_start = file::ensure_absent(&entry.path());
            }
        }
    })
    .await;
    Ok(())
}

async fn all(service: &ServiceContext) -> Result<Vec<CodeRow>, MethodError> {
    let sid = service.sid;
    Ok(service.store.read(move |tx| store::list_codes(tx, sid)).await?)
}

async fn one_of(service: &ServiceContext, named: &Value) -> Result<CodeRow, MethodError> {
    let mut versions = all(service).await?;
    if let Some(index) = versions.iter().position(|code| named == code.id.as_str()) {
        return Ok(versions.swap_remove(index));
    }
    let shown: Vec<String> = versions
        .iter()
        .map(|code| format!("'{0}': CodeVersion(id={0}, filename={1})", code.id, code.filename))
        .collect();
    let named = named.as_str().map_or_else(|| named.to_string(), str::to_owned);
    Err(bad("codeVersionId", &format!("'{named}' must be one of {{{}}}", shown.join(", "))).into())
}

/// Checks an upload and puts it into the repository; gives id and file type.
async fn keep(service: &ServiceContext, upload: Upload) -> Result<(String, String), MethodError> {
    let directory = service.code_repository();
    let id = format!("code-{}", random::alphanumeric(6));
    let place = directory.join(&id);
    let limits = service.config.base.archive.clone();
    sys::blocking(move || {
        archive::validate(upload.path(), &limits).map_err(MethodError::invalid)?;
        file::ensure_directory(&directory)?;
        let kept = std::fs::copy(upload.path(), &place).and_then(|_| std::fs::File::open(&place)?.sync_all());
        if let Err(error) = kept {
            let _best_effort = file::ensure_absent(&place);
            return Err(MethodError::refused(format!("cannot keep the code version: {error}")));
        }
        Ok((id, filetype(&place).to_owned()))
    })
    .await
}

fn filetype(path: &Path) -> &'static str {
    use std::io::Read;
    let mut head = [0; 2];
    let is_zip = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && &head == b"PK";
    if is_zip { "zip" } else { "tar" }
}

/// The last part of the name that a client gave, without anything that would spoil a terminal.
fn shown_name(filename: &str) -> String {
    let last = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars().filter(|c| !c.is_control()).take(255).collect()
}
