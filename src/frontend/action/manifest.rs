//! Applications that are made of manifests, and manifests of applications.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::code::file_name;
use crate::frontend::outcome::{Done, Problem};
use crate::frontend::visit::Visit;
use crate::rpc::Response;

type Outcome = Result<Done, Problem>;

/// One node that greets: what a newcomer looks at.
const EXAMPLE: &str = r#"{"Application": "hello", "Services": [{"Type": "helloworld"}]}"#;

pub(super) async fn make(visit: &Visit) -> Outcome {
    let cloud = Some(visit.field("cloud")).filter(|cloud| !cloud.is_empty());
    if let Some(cloud) = cloud {
        crate::client::lookup::check_cloud(&visit.client, cloud).await?;
    }
    made(visit, visit.required("manifest")?, cloud).await
}

pub(super) async fn example(visit: &Visit) -> Outcome {
    made(visit, EXAMPLE, None).await
}

async fn made(visit: &Visit, manifest: &str, cloud: Option<&str>) -> Outcome {
    let (aid, operation) = visit.client.upload_manifest(manifest, cloud, &[], Arc::<AtomicU64>::default()).await?;
    Ok(match operation {
        Some(id) => Done::at(format!("/applications/{aid}/making/{id}")),
        None => Done::at(format!("/applications/{aid}")),
    })
}

pub(super) async fn download(visit: &Visit) -> Outcome {
    let app = visit.application().await?;
    let manifest = visit.client.manifest(app.aid).await?;
    let name = format!("{}.json", file_name(&app.name));
    Ok(Done::Answer(Response::attachment("application/json", &name, manifest.into_bytes())))
}
