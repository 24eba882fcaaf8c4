//! Code versions and keys: the sub-commands that every kind of service has
//! that runs a user's program. A kind's group flattens [`CodeCommand`] among
//! its own.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::pushing::{self, Switch};
use super::service_names::{FileOfService, ServiceNames};
use super::wait;
use crate::api::manager::{CodeVersion, CodeVersionId};
use crate::cli::invocation::Invocation;
use crate::cli::output::printer::Reply;
use crate::cli::output::table::table;
use crate::client::error::Failure;
use crate::client::lookup::FoundService;
use crate::client::pack::{Choice, Form, pack};
use crate::client::session::Session;
use crate::client::upload;
use crate::client::wait::Awaited;
use crate::model::State;
use crate::sys::{self, file};

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum CodeCommand {
    /// Upload an SSH key, to push code with git
    UploadKey(FileOfService),
    /// List the SSH keys
    ListKeys(ServiceNames),
    /// Show how code is pushed with git
    GitInfo(ServiceNames),
    /// Say whether what is pushed is enabled at once
    AutoEnable {
        #[command(flatten)]
        names: ServiceNames,
        /// Whether it is
        mode: Switch,
    },
    /// Upload a new code version
    UploadCode(FileOfService),
    /// List uploaded code versions
    ListCodes(ServiceNames),
    /// Download a code version
    DownloadCode {
        /// Code version to download; the enabled one when it is left out
        #[arg(short, long, value_name = "CODE")]
        version: Option<String>,
        #[command(flatten)]
        names: ServiceNames,
    },
    /// Make a code version the one that runs
    EnableCode(CodeOfService),
    /// Delete a code version
    DeleteCode(CodeOfService),
}

/// A code version of a service.
#[derive(Debug, Args)]
pub(crate) struct CodeOfService {
    #[command(flatten)]
    names: ServiceNames,
    /// The code version
    code_version: String,
}

/// A row of `list_codes` for people.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CodeRow<'a> {
    /// A star marks the version that runs.
    current: &'static str,
    code_version_id: &'a str,
    filename: &'a str,
    description: &'a str,
}

/// A file that was written, as `--json` prints it.
#[derive(Serialize)]
struct Written<'a> {
    filename: &'a Path,
    size: u64,
}

impl CodeCommand {
    /// Runs the sub-command for services of `kind`, whose manager enables
    /// code with the method `enable_method`.
    ///
    /// # Errors
    /// In upstream's words.
    pub(crate) async fn run(self, run: &Invocation, kind: &str, enable_method: &str) -> Result<Reply, Failure> {
        let (session, name) = (&run.session, kind);
        let kind = Some(kind);
        match self {
            CodeCommand::UploadKey(file) => {
                upload_key(run, &file.names.find(session, kind).await?, &file.filename).await
            }
            CodeCommand::ListKeys(names) => list_keys(session, &names.find(session, kind).await?).await,
            CodeCommand::GitInfo(names) => pushing::git_info(session, &names.find(session, kind).await?).await,
            CodeCommand::AutoEnable { names, mode } => {
                pushing::auto_enable(session, &names.find(session, kind).await?, mode).await
            }
            CodeCommand::UploadCode(file) => {
                upload_code(run, &file.names.find(session, kind).await?, &file.filename).await
            }
            CodeCommand::ListCodes(names) => list_codes(session, &names.find(session, kind).await?).await,
            CodeCommand::DownloadCode { version, names } => {
                download_code(session, &names.find(session, kind).await?, version.as_deref()).await
            }
            CodeCommand::EnableCode(code) => {
                let found = code.names.find(session, kind).await?;
                let new = NewCode { version: &code.code_version, document_root: None };
                enable(run, &found, name, enable_method, new).await
            }
            CodeCommand::DeleteCode(code) => {
                delete_code(run, &code.names.find(session, kind).await?, name, &code.code_version).await
            }
        }
    }
}

async fn upload_key(run: &Invocation, found: &FoundService, path: &Path) -> Result<Reply, Failure> {
    if upload::is_readable(path) && file::read(path)?.trim_ascii().is_empty() {
        return Err(Failure::said(format!("the key file '{}' is empty", path.display())));
    }
    let done = run.session.upload_authorized_key(found, path).await?;
    pushing::note_how(run, found).await;
    Ok(Reply::line(format!("{}.", done.outcome), &done))
}

async fn list_keys(session: &Session, found: &FoundService) -> Result<Reply, Failure> {
    let keys = session.authorized_keys(found).await?;
    Ok(Reply::lines(&keys, &keys))
}

async fn upload_code(run: &Invocation, found: &FoundService, path: &Path) -> Result<Reply, Failure> {
    if path.is_dir() {
        return upload_directory(run, found, path).await;
    }
    if !upload::is_readable(path) {
        let name = path.display();
        return Err(Failure::said(format!("Cannot upload code: filename '{name}' not found or access is denied")));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(uploaded(&send(run, found, path, &name).await?))
}

/// Packs a directory, and uploads the archive.
async fn upload_directory(run: &Invocation, found: &FoundService, directory: &Path) -> Result<Reply, Failure> {
    let wanted = directory.to_owned();
    let form = Form::of(directory);
    let packed = sys::blocking(move || pack(&wanted, Choice::All, form)).await?;
    run.printer.note(&format!(
        "'{}' is a directory: its {} files are packed as {}.",
        directory.display(),
        packed.n_files,
        packed.name
    ));
    let version = send(run, found, packed.archive.path(), &packed.name).await?;
    Ok(uploaded(&version))
}

/// Uploads an archive under `name`, and tells what may surprise of it.
///
/// # Errors
/// It cannot be read, or the manager refuses it.
pub(crate) async fn send(
    run: &Invocation,
    found: &FoundService,
    path: &Path,
    name: &str,
) -> Result<CodeVersionId, Failure> {
    let progress = run.printer.begin_upload(path);
    let version = progress.while_sending(run.session.upload_code(found, path, name, progress.sent())).await?;
    // The old names say what they always said; the manager's log has the notes as well.
    for note in version.notes.iter().filter(|_| !run.has_old_name) {
        run.printer.note(&format!("Note: {note}."));
    }
    Ok(version)
}

fn uploaded(version: &CodeVersionId) -> Reply {
    Reply::line(format!("Code version '{}' uploaded.", version.id), version)
}

async fn list_codes(session: &Session, found: &FoundService) -> Result<Reply, Failure> {
    let versions = session.code_versions(found).await?;
    let rows: Vec<CodeRow<'_>> = versions.iter().map(row).collect();
    Ok(Reply::line(table(&["current", "codeVersionId", "filename", "description"], &rows), &versions))
}

fn row(version: &CodeVersion) -> CodeRow<'_> {
    CodeRow {
        current: if version.current { "      *" } else { "" },
        code_version_id: &version.id,
        filename: &version.filename,
        description: &version.description,
    }
}

/// Writes a code version, or the one that runs, into the working directory
/// under the name that it was uploaded with.
async fn download_code(session: &Session, found: &FoundService, version: Option<&str>) -> Result<Reply, Failure> {
    let versions = session.code_versions(found).await?;
    let wanted = choose(&versions, version)?;
    let name = file_name(&wanted.filename)?;
    let size = session.download_code(found, &wanted.id, &Path::new(".").join(&name)).await?;
    let text = format!("File '{}' written.", name.display());
    Ok(Reply::line(text, &Written { filename: &name, size }))
}

fn choose<'a>(versions: &'a [CodeVersion], id: Option<&str>) -> Result<&'a CodeVersion, Failure> {
    match id {
        Some(id) => versions
            .iter()
            .find(|version| version.id == id)
            .ok_or_else(|| Failure::said(format!("Invalid code version '{id}'"))),
        None => versions
            .iter()
            .find(|version| version.current)
            .ok_or_else(|| Failure::said("There is no code version currently enabled.")),
    }
}

/// The name was chosen by whoever uploaded it: only its last part is a file here.
fn file_name(uploaded: &str) -> Result<PathBuf, Failure> {
    let name = Path::new(uploaded).file_name().map(PathBuf::from);
    name.ok_or_else(|| Failure::said("the code version has no file name to write it to"))
}

async fn delete_code(run: &Invocation, found: &FoundService, kind: &str, version: &str) -> Result<Reply, Failure> {
    let deleted = run.session.delete_code(found, version).await;
    deleted.map_err(|failure| unknown_version(run, failure, found, kind, version))?;
    Ok(Reply::done(format!("Code version '{version}' deleted.")))
}

/// The manager's own words show all versions as Python writes them. The old names pass them on.
fn unknown_version(run: &Invocation, failure: Failure, found: &FoundService, kind: &str, version: &str) -> Failure {
    if run.has_old_name
        || !failure.text.starts_with("Parameter 'codeVersionId': '")
        || !failure.text.contains("' must be one of ")
    {
        return failure;
    }
    let (aid, sid) = (found.application, found.service);
    Failure::said(format!(
        "There is no code version '{version}' in service {sid} of application {aid}: \
         'conpaas {kind} list_codes {aid} {sid}' lists those that are there"
    ))
}

/// What is to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewCode<'a> {
    /// The code version.
    pub version: &'a str,
    /// The directory of it that visitors see, where that changes with it.
    pub document_root: Option<&'a str>,
}

/// Makes a code version the one that runs, and waits for it.
///
/// # Errors
/// There is no such version, or the manager refuses it.
pub(crate) async fn enable(
    run: &Invocation,
    found: &FoundService,
    kind: &str,
    method: &str,
    NewCode { version, document_root }: NewCode<'_>,
) -> Result<Reply, Failure> {
    let begun = run.session.enable_code(found, method, version, document_root).await;
    let operation = begun.map_err(|failure| unknown_version(run, failure, found, kind, version))?;
    let words = format!("Enabling code version '{version}'... ");
    let ends = &[State::Init, State::Stopped, State::Running];
    wait::for_service(run, found, &words, Awaited { operation: &operation, ends }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(id: &str, current: bool) -> CodeVersion {
        CodeVersion {
            id: id.to_owned(),
            filename: "a.tar".to_owned(),
            description: String::new(),
            time: 1.0,
            current,
            notes: vec![],
            came_after: None,
            document_root: None,
        }
    }

    #[test]
    fn a_version_is_chosen_by_its_id_or_because_it_runs() {
        let versions = [version("code-1", false), version("code-2", true)];
        assert_eq!(choose(&versions, Some("code-1")).unwrap().id, "code-1");
        assert_eq!(choose(&versions, None).unwrap().id, "code-2");
        assert_eq!(choose(&versions, Some("x")).unwrap_err().text, "Invalid code version 'x'");
        let none = choose(&versions[..1], None).unwrap_err();
        assert_eq!(none.text, "There is no code version currently enabled.");
    }

    #[test]
    fn a_download_cannot_leave_the_working_directory() {
        assert_eq!(file_name("../../evil.tar").unwrap(), Path::new("evil.tar"));
        assert_eq!(file_name("/etc/passwd").unwrap(), Path::new("passwd"));
        for name in ["", "..", "/"] {
            assert!(file_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_star_marks_the_version_that_runs() {
        let versions = [version("code-1", false), version("code-2", true)];
        let rows: Vec<CodeRow<'_>> = versions.iter().map(row).collect();
        let text = table(&["current", "codeVersionId"], &rows);
        assert_eq!(text, "current codeVersionId\n---------------------\n        code-1       \n      * code-2       ");
    }
}
