//! The agent's part of a rollout: code is taken from its manager and unpacked beside the old code.

use std::path::{Path, PathBuf};

use super::git;
use crate::archive;
use crate::config::{AgentConfig, ArchiveLimits};
use crate::model::CodeFormat;
use crate::rpc::Upload;
use crate::service::call::Call;
use crate::service::error::MethodError;
use crate::sys;

/// A code version that a call of `update_code` brought, not unpacked yet.
///
/// # Guarantees
/// An archive that cannot be unpacked leaves the old code in place.
#[derive(Debug)]
pub(crate) struct ReceivedCode {
    archive: Archive,
    limits: ArchiveLimits,
}

#[derive(Debug)]
enum Archive {
    Uploaded(Upload),
    OfGit(tempfile::TempPath),
}

impl ReceivedCode {
    /// Takes all parameters of `update_code`.
    ///
    /// # Errors
    /// One is missing or wrong, or git does not have the revision.
    pub(crate) async fn take(config: &AgentConfig, call: Call) -> Result<Self, MethodError> {
        Ok(ReceivedCode::take_version(config, call).await?.1)
    }

    /// Takes all parameters, and returns the version's id, too.
    ///
    /// # Errors
    /// As [`ReceivedCode::take`].
    pub(crate) async fn take_version(config: &AgentConfig, mut call: Call) -> Result<(String, Self), MethodError> {
        let formats = CodeFormat::ALL.map(|format| (format.as_str(), format));
        let format = call.params.choice("filetype", &formats)?;
        let version = call.params.string("codeVersionId")?;
        let upload = call.optional_file("file");
        let revision = call.params.string_or("revision", "")?;
        call.finish()?;
        tracing::info!(target: "conpaas.core.agent", "Updating code to version '{version}'");
        let archive = match (upload, format) {
            (_, CodeFormat::Git) if revision.is_empty() => {
                return Err(MethodError::refused("The 'git' filetype requires the 'revision' parameter"));
            }
            (_, CodeFormat::Git) => Archive::OfGit(git::archive(&config.base, config.service_id, &revision).await?),
            (None, format) => {
                return Err(MethodError::refused(format!("The '{format}' filetype requires an uploaded file")));
            }
            (Some(upload), _) => Archive::Uploaded(upload),
        };
        Ok((version, ReceivedCode { archive, limits: config.base.archive.clone() }))
    }

    /// Unpacks it beside `code`, the place of the old code; [`archive::Staged::replace`] then puts it there.
    ///
    /// # Errors
    /// It is no archive that is unpacked.
    pub(crate) async fn stage(&self, code: &Path) -> Result<archive::Staged, MethodError> {
        let (path, code, limits) = (self.path(), code.to_owned(), self.limits.clone());
        let staged = sys::blocking(move || archive::stage(&path, &code, &limits)).await;
        staged.map_err(MethodError::invalid)
    }

    fn path(&self) -> PathBuf {
        match &self.archive {
            Archive::Uploaded(upload) => upload.path().to_owned(),
            Archive::OfGit(path) => path.to_path_buf(),
        }
    }
}
