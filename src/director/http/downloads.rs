//! Files for anyone (`docs/reference/director-api.md` §3.1).

use std::path::Path;
use std::sync::Arc;

use super::call::Call;
use crate::director::error::Failure;
use crate::director::state::Director;
use crate::rpc::Response;

const TARBALL: &str = "ConPaaS.tar.gz";

pub(crate) async fn tarball(director: Arc<Director>, _: Call) -> Result<Response, Failure> {
    let path = director.config.conf_dir.join(TARBALL);
    send(&path, TARBALL).await?.ok_or_else(|| Failure::NotFound("There is no ConPaaS.tar.gz on this director.".into()))
}

/// A file of the user data; what is not there is empty, as upstream answers.
pub(crate) async fn data(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let name = call.arguments.first().map(String::as_str).unwrap_or_default();
    let is_plain =
        name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) && !name.starts_with('.');
    if !is_plain {
        return Ok(Response::text(""));
    }
    let sent = send(&director.config.userdata_dir.join(name), name).await?;
    Ok(sent.unwrap_or_else(|| Response::text("")))
}

async fn send(path: &Path, name: &str) -> Result<Option<Response>, Failure> {
    let is_file = tokio::fs::symlink_metadata(path).await.is_ok_and(|metadata| metadata.is_file());
    if !is_file {
        return Ok(None);
    }
    match Response::file(path, "attachment", name).await {
        Ok(response) => Ok(Some(response)),
        Err(error) => Err(Failure::Internal(format!("cannot read {}: {error}", path.display()))),
    }
}
