//! Manifests (`docs/reference/director-api.md` §3.5).

use std::sync::Arc;

use super::call::Call;
use crate::api::{ManifestView, OperationStatus};
use crate::director::error::Failure;
use crate::director::manifest::{self, NewManifest};
use crate::director::state::Director;
use crate::rpc::Response;
use crate::store::director::manifest::ManifestEnd;
use crate::task::poll::{self, Pace};

/// Clients of ConPaaS 2.0 that name no thread wait until all is made, as long as a request may take.
const PACE: Pace = Pace::growing(std::time::Duration::from_millis(20), std::time::Duration::from_secs(1), 8);
const LIMIT: std::time::Duration = std::time::Duration::from_secs(3600);

/// Answers when the manifest is recorded if the caller asks for a thread, else when it is carried out.
pub(crate) async fn upload(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let text = call.required("manifest")?;
    let cloud = match call.form.filled("cloud") {
        None | Some("None") => director.clouds.named("default")?,
        Some(name) => director.clouds.named(name)?,
    };
    let new = NewManifest { text, cloud, files: &call.form.files };
    let accepted = manifest::accept(&director, call.user(), new).await?;
    let Some(id) = accepted.id else { return Ok(Response::json_pretty(&ManifestView::default())) };
    let aid = Some(accepted.aid);
    if call.form.filled("thread").is_some() {
        return Ok(Response::json_pretty(&ManifestView { aid, operation_id: Some(id) }));
    }
    let look = || async {
        let end = manifest::find_end(&director, call.user(), &id).await?;
        Ok::<_, Failure>(end.filter(|end| !end.is_under_way))
    };
    match poll::until(PACE, LIMIT, look).await? {
        Some(ManifestEnd { failure: Some(reason), .. }) => Err(Failure::Application(reason)),
        _ => Ok(Response::json_pretty(&ManifestView { aid, operation_id: None })),
    }
}

/// Answers with the manifest of an application.
pub(crate) async fn download(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let manifest = manifest::export(&director, call.user(), call.application_argument()).await?;
    Ok(Response::json_line(&manifest))
}

/// Returns how far a manifest is, as the answer to a question after an operation.
pub(super) fn progress(end: ManifestEnd) -> (OperationStatus, Option<String>, Option<String>) {
    match end {
        ManifestEnd { is_under_way: true, words, .. } => (OperationStatus::Running, None, Some(words)),
        ManifestEnd { failure: Some(reason), words, .. } => (OperationStatus::Failed, Some(reason), Some(words)),
        ManifestEnd { words, .. } => (OperationStatus::Done, None, Some(words)),
    }
}
