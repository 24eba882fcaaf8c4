//! The git repository of a manager or an agent, into which users push code.

use crate::config::NodeBase;
use crate::model::ServiceId;
use crate::service::error::MethodError;
use crate::service::git::{git, git_into, place};
use crate::sys::{self, program};

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
    let repository = base.rooted(place::REPOSITORY);
    if !repository.exists() {
        return Ok(GitVersion::default());
    }
    let words = ["-c", "log.showSignature=false", "log", "-1", "--abbrev=7", "--format=%h%n%s", "--branches"];
    let text = match git(base, &words, program::LIMIT).await {
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
        .map_err(|error| MethodError::refused(format!("cannot make a temporary file: {error}")))?;
    let stdout = output.reopen();
    let stdout = stdout.map_err(|error| MethodError::refused(format!("cannot open a temporary file: {error}")))?;
    let tree = format!("{revision}:{sid}");
    let words = ["archive", "--format=tar", "--end-of-options", &tree];
    git_into(base, &words, stdout, program::LIMIT).await.map_err(MethodError::refused)?;
    Ok(output.into_temp_path())
}
