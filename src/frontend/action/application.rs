//! What is done to applications.

use crate::frontend::outcome::{Done, Problem};
use crate::frontend::visit::Visit;
use crate::model::VolumeFate;

type Outcome = Result<Done, Problem>;

pub(super) async fn create(visit: &Visit) -> Outcome {
    let made = visit.client.create_application(visit.required("name")?).await?;
    Ok(Done::at(format!("/applications/{}", made.aid)))
}

pub(super) async fn start(visit: &Visit) -> Outcome {
    let app = visit.application().await?;
    let cloud = Some(visit.field("cloud")).filter(|cloud| !cloud.is_empty());
    if let Some(cloud) = cloud {
        crate::client::lookup::check_cloud(&visit.client, cloud).await?;
    }
    visit.client.start_application(app.aid, cloud).await?;
    Ok(Done::at(format!("/applications/{}", app.aid)))
}

pub(super) async fn stop(visit: &Visit) -> Outcome {
    let app = visit.application().await?;
    visit.client.stop_application(app.aid, volume_fate(visit)).await?;
    Ok(Done::at(format!("/applications/{}", app.aid)))
}

pub(super) async fn delete(visit: &Visit) -> Outcome {
    let app = visit.application().await?;
    visit.client.delete_application(app.aid).await?;
    Ok(Done::said("/", crate::frontend::text::fill(visit.t.was_deleted, &[&app.name])))
}

pub(super) async fn rename(visit: &Visit) -> Outcome {
    let app = visit.application().await?;
    visit.client.rename_application(app.aid, visit.required("name")?).await?;
    Ok(Done::at(format!("/applications/{}", app.aid)))
}

pub(super) async fn add_service(visit: &Visit) -> Outcome {
    let app = visit.application().await?;
    let kind = visit.required("kind")?;
    if !visit.client.service_kinds().await?.iter().any(|known| known == kind) {
        return Err(Problem::NotFound);
    }
    let added = visit.client.add_service(kind, app.aid).await?;
    Ok(Done::at(format!("/applications/{}/services/{}", app.aid, added.service.sid)))
}

/// What becomes of volumes, as the question was answered.
pub(super) fn volume_fate(visit: &Visit) -> VolumeFate {
    if visit.field("keep_volumes").is_empty() { VolumeFate::Lost } else { VolumeFate::Kept }
}
