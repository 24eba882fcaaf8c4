//! Manifests (`docs/reference/director-api.md` §3.5).

use std::sync::Arc;

use super::call::Call;
use crate::api::{ManifestView, OperationStatus};
use crate::director::error::Failure;
use crate::director::manifest::{self, NewManifest};
use crate::director::state::Director;
use crate::rpc::Response;
use crate::store::director::manifest::ManifestEnd;

/// Answers when the manifest is recorded if the caller asks for a thread, else when it is carried out.
pub(crate) async fn upload(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let cloud =
        director.clouds.named(call.form.filled("cloud").filter(|cloud| *cloud != "None").unwrap_or("default"))?;
    let new = NewManifest { text: call.required("manifest")?, cloud, files: &call.form.files };
    let accepted = manifest::accept(&director, call.user(), new).await?;
    let view = match accepted.id {
        None => ManifestView::default(),
        Some(id) if call.form.filled("thread").is_some() => {
            ManifestView { aid: Some(accepted.aid), operation_id: Some(id) }
        }
        Some(id) => {
            manifest::until_end(&director, call.user(), &id).await?;
            ManifestView { aid: Some(accepted.aid), operation_id: None }
        }
    };
    Ok(Response::json_pretty(&view))
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
