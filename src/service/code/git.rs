//! The git repository of a manager or an agent, into which users push code.

use std::path::Path;

use crate::config::NodeBase;
use crate::model::ServiceId;
use crate::service::error::MethodError;
use crate::sys::{self, program};

const REPOSITORY: &str = "/home/git/code";

/// The last revision of the repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GitVersion {
    /// The first seven digits; empty while nothing was pushed.
    pub revision: String,
    /// The first line of its message.
    pub subject: String,
}

/// Returns what was pushed last; nothing if there is no repository, or an empty one.
///
/// # Errors
/// `git` is not there although the repository is.
pub(crate) async fn repository_head(base: &NodeBase) -> Result<GitVersion, MethodError> {
    let repository = base.rooted(REPOSITORY);
    if !repository.exists() {
        return Ok(GitVersion::default());
    }
    let directory = git_directory(&repository);
    // The repository belongs to whoever may push; its configuration must not make git run a program.
    let arguments = [
        "-c",
        "log.showSignature=false",
        directory.as_str(),
        "log",
        "-1",
        "--abbrev=7",
        "--format=%h%n%s",
        "--branches",
    ];
    let text = match program::run("git", &arguments, program::LIMIT).await {
        Ok(text) => text,
        // An empty repository has no branch to show.
        Err(program::ProgramError::Failed { .. }) => String::new(),
        Err(error) => return Err(MethodError::refused(sys::chain(&error))),
    };
    let mut lines = text.lines();
    let revision = lines.next().unwrap_or_default().chars().take(7).collect();
    Ok(GitVersion { revision, subject: lines.next().unwrap_or_default().to_owned() })
}

/// Makes a tar file of the sub-directory of a service in a revision.
///
/// # Errors
/// The repository does not have it.
pub(super) async fn archive(
    base: &NodeBase,
    sid: ServiceId,
    revision: &str,
) -> Result<tempfile::TempPath, MethodError> {
    let output = tempfile::Builder::new()
        .prefix("git-")
        .tempfile_in(base.rooted(&base.var_tmp))
        .map_err(|error| MethodError::refused(format!("cannot make a temporary file: {error}")))?
        .into_temp_path();
    let directory = git_directory(&base.rooted(REPOSITORY));
    let target = format!("--output={}", output.display());
    let tree = format!("{revision}:{sid}");
    let arguments = [directory.as_str(), "archive", "--format=tar", &target, "--end-of-options", &tree];
    let outcome = program::run("git", &arguments, program::LIMIT).await;
    outcome.map_err(|error| MethodError::refused(sys::chain(&error)))?;
    Ok(output)
}

fn git_directory(repository: &Path) -> String {
    format!("--git-dir={}", repository.display())
}
