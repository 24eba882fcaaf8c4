//! The code versions that a manager keeps for a service: records in its store, files in its code repository.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::git;
use crate::api::manager::{CodeVersion, CodeVersionId, CodeVersions};
use crate::api::params::{bad, python_str};
use crate::api::python::{Texts, dict_order, python_type};
use crate::archive::{self, ArchiveError, ArchiveLimits, Contents};
use crate::model::CodeFormat;
use crate::node::Level;
use crate::rpc::{RpcCall, Upload};
use crate::service::call::Call;
use crate::service::context::{ServiceContext, now};
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::store::StoreError;
use crate::store::manager::{self as store, CodeRow};
use crate::sys::{self, file, random};

/// The id of the version that a new service has.
pub(crate) const DEFAULT_VERSION: &str = "code-default";

/// A code version as agents take it.
pub(crate) struct Deployment {
    /// A tar or a zip archive, never git.
    format: CodeFormat,
    /// The id.
    pub version: String,
    /// The archive.
    pub path: PathBuf,
    _removed_with_this: Option<tempfile::TempPath>,
}

impl Deployment {
    /// Returns the call of `method` by which an agent takes it.
    #[must_use]
    pub(crate) fn call(&self, method: &str) -> RpcCall {
        RpcCall::upload(0, method)
            .param("filetype", self.format.as_str())
            .param("codeVersionId", self.version.as_str())
            .file("file", &self.path, &self.version)
    }
}

/// How a kind looks at code that is uploaded.
pub(crate) struct Inspection {
    /// Files at the top whose beginnings are kept for the look.
    pub scripts: &'static [&'static str],
    /// Refuses code, or returns one sentence for each thing that may surprise its user. Blocking.
    pub look: fn(&UploadedCode<'_>) -> Result<Vec<String>, MethodError>,
}

/// Code that is uploaded: an archive that agents would unpack.
pub(crate) struct UploadedCode<'a> {
    /// The name that its user gave it.
    pub filename: &'a str,
    /// Whether it is a tar or a zip archive.
    pub format: CodeFormat,
    /// What is in it.
    pub contents: &'a Contents,
    /// How much of archives is read.
    pub limits: &'a ArchiveLimits,
    archive: &'a Path,
    beside: &'a Path,
}

impl UploadedCode<'_> {
    /// Unpacks it for a look; it is gone when what is returned is dropped. Blocking.
    ///
    /// # Errors
    /// The disk is full.
    pub(crate) fn unpack(&self) -> Result<archive::Staged, MethodError> {
        archive::stage(self.archive, self.beside, self.limits).map_err(MethodError::invalid)
    }
}

/// Stores the first code version of a new service: `content` under `filename`.
///
/// # Errors
/// It cannot be kept.
pub(crate) async fn add_default(
    service: &ServiceContext,
    filename: &str,
    format: CodeFormat,
    content: Vec<u8>,
) -> Result<(), MethodError> {
    let directory = service.code_repository();
    let code = CodeRow {
        id: DEFAULT_VERSION.to_owned(),
        filename: filename.to_owned(),
        description: "Initial version".to_owned(),
        format,
        time: now(),
        notes: Vec::new(),
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
pub(crate) async fn list(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    list_with(service, call, |_| None).await
}

/// The same; `document_root` says of the settings that a version was left with which directory visitors saw.
///
/// # Errors
/// As [`list`].
pub(crate) async fn list_with(
    service: ServiceContext,
    call: Call,
    document_root: fn(String) -> Option<String>,
) -> Result<Reply, MethodError> {
    call.finish()?;
    let active = service.row().await?.active_code;
    let sid = service.sid;
    let read = move |tx: &store::Transaction<'_>| {
        Ok::<_, StoreError>((store::list_codes(tx, sid)?, store::enabled_codes(tx, sid)?))
    };
    let (codes, mut enabled) = service.store.read(read).await?;
    let versions = codes.into_iter().map(|code| {
        let enabled = enabled.remove(&code.id);
        let current = active.as_deref() == Some(&code.id);
        CodeVersion {
            current,
            came_after: enabled.as_ref().and_then(|row| row.came_after.clone()),
            document_root: enabled.and_then(|row| row.last_settings).filter(|_| !current).and_then(document_root),
            id: code.id,
            filename: code.filename,
            description: code.description,
            time: code.time,
            notes: code.notes,
        }
    });
    Ok(Reply::of(&CodeVersions { versions: versions.collect() }))
}

/// `upload_code_version`: checks the archive and keeps it.
///
/// # Errors
/// It is no archive that agents would unpack, its kind refuses it, or it cannot be kept.
pub(crate) async fn upload(
    service: ServiceContext,
    mut call: Call,
    inspection: &'static Inspection,
) -> Result<Reply, MethodError> {
    let upload = call.file("code")?;
    let description = call.params.string_or("description", "")?;
    call.finish()?;
    let filename = shown_name(&upload.filename);
    let (id, format, notes) = keep(&service, upload, inspection).await?;
    let code = CodeRow { id: id.clone(), filename, description, format, time: now(), notes: notes.clone() };
    let sid = service.sid;
    service.store.write(move |tx| store::insert_code(tx, sid, &code)).await?;
    service.note(Level::Info, &format!("Code version '{id}' uploaded"));
    for note in &notes {
        service.note(Level::Warning, &format!("Code version '{id}': {note}"));
    }
    Ok(Reply::of(&CodeVersionId { id, notes }))
}

/// `download_code_version`, by default of the active one.
///
/// # Errors
/// No such version, or one that lies in git.
pub(crate) async fn download(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let code = match call.params.optional("codeVersionId") {
        Some(named) => one_of(&service, &named).await?,
        None => one_of(&service, &service.row().await?.active_code.unwrap_or_default().into()).await?,
    };
    call.finish()?;
    if code.format == CodeFormat::Git {
        return Err(MethodError::refused("ERROR: To download this code, please clone the git repository"));
    }
    Ok(Reply::Download { path: service.code_repository().join(&code.id), filename: code.filename })
}

/// `delete_code_version`.
///
/// # Errors
/// No such version, or the active one.
pub(crate) async fn delete(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let code = take_version(&service, &mut call).await?;
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
pub(super) async fn take_version(service: &ServiceContext, call: &mut Call) -> Result<CodeRow, MethodError> {
    let named = call.params.required("codeVersionId")?;
    one_of(service, &named).await
}

/// Takes the parameter `codeVersionId`, which may be left out.
///
/// # Errors
/// Returns an error if it names none of the service's versions.
pub(crate) async fn take_optional_version(
    service: &ServiceContext,
    call: &mut Call,
) -> Result<Option<CodeRow>, MethodError> {
    match call.params.optional("codeVersionId").filter(|named| !named.is_null()) {
        Some(named) => Ok(Some(one_of(service, &named).await?)),
        None => Ok(None),
    }
}

/// Returns the active code version, or the named one, as agents take it.
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
    if code.format == CodeFormat::Git {
        if code.filename.is_empty() {
            return Err(MethodError::refused("nothing was pushed to the git repository yet"));
        }
        let archive = git::archive(&service.config.base, service.sid, &code.filename).await?;
        let path = archive.to_path_buf();
        return Ok(Deployment { format: CodeFormat::Tar, version, path, _removed_with_this: Some(archive) });
    }
    let path = service.code_repository().join(&code.id);
    Ok(Deployment { format: code.format, version, path, _removed_with_this: None })
}

/// Removes files of the code repository that no version needs: those of
/// uploads that a crash broke off.
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
    if named.is_array() || named.is_object() {
        return Err(bad("codeVersionId", &format!("unhashable type: '{}'", python_type(named, Texts::Unicode))).into());
    }
    versions.reverse(); // as they came
    let shown: Vec<String> = dict_order(versions, |code| &code.id)
        .into_iter()
        .map(|code| format!("'{0}': CodeVersion(id={0}, filename={1})", code.id, code.filename))
        .collect();
    let named = python_str(named);
    Err(bad("codeVersionId", &format!("'{named}' must be one of {{{}}}", shown.join(", "))).into())
}

/// Checks an upload and puts it into the repository; returns its id, its format and what may surprise of it.
async fn keep(
    service: &ServiceContext,
    upload: Upload,
    inspection: &'static Inspection,
) -> Result<(String, CodeFormat, Vec<String>), MethodError> {
    let directory = service.code_repository();
    let id = format!("code-{}", random::alphanumeric(6));
    let place = directory.join(&id);
    let limits = service.config.base.archive.clone();
    sys::blocking(move || {
        let name = shown_name(&upload.filename);
        let refused = |error: ArchiveError| MethodError::invalid(format!("{error}; this was '{name}'"));
        let contents = archive::validate(upload.path(), &limits, inspection.scripts).map_err(refused)?;
        let code = UploadedCode {
            filename: &name,
            format: format_of(upload.path()),
            contents: &contents,
            archive: upload.path(),
            beside: &place,
            limits: &limits,
        };
        let notes = (inspection.look)(&code)?;
        file::ensure_directory(&directory)?;
        let kept = std::fs::copy(upload.path(), &place).and_then(|_| std::fs::File::open(&place)?.sync_all());
        if let Err(error) = kept {
            let _best_effort = file::ensure_absent(&place);
            return Err(MethodError::refused(format!("cannot keep the code version: {error}")));
        }
        Ok((id, code.format, notes))
    })
    .await
}

fn format_of(path: &Path) -> CodeFormat {
    use std::io::Read;
    let mut head = [0; 2];
    let is_zip = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && &head == b"PK";
    if is_zip { CodeFormat::Zip } else { CodeFormat::Tar }
}

/// Returns the last part of the name that a client gave, without anything that would spoil a terminal.
fn shown_name(filename: &str) -> String {
    let last = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars().filter(|c| !c.is_control()).take(255).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_known_by_its_first_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("code");
        for (content, format) in
            [(&b"PK\x03\x04"[..], CodeFormat::Zip), (b"bin/", CodeFormat::Tar), (b"P", CodeFormat::Tar)]
        {
            std::fs::write(&path, content).unwrap();
            assert_eq!(format_of(&path), format, "{content:?}");
        }
    }

    #[test]
    fn a_name_is_shown_without_directories_and_control_characters() {
        assert_eq!(shown_name("../../etc/a.tar"), "a.tar");
        assert_eq!(shown_name("C:\\code\\b\u{1b}[2J.zip"), "b[2J.zip");
        assert_eq!(shown_name(&"x".repeat(300)).len(), 255);
    }
}
