//! What is done to services.

use super::application::volume_fate;
use crate::frontend::outcome::{Done, Problem};
use crate::frontend::page::Change;
use crate::frontend::visit::Visit;

type Outcome = Result<Done, Problem>;

pub(super) async fn start(visit: &Visit) -> Outcome {
    let place = visit.place().await?;
    visit.client.start_service(&place.found, None, None).await?;
    Ok(Done::at(place.path()))
}

pub(super) async fn stop(visit: &Visit) -> Outcome {
    let place = visit.place().await?;
    visit.client.stop_service(&place.found, Some(volume_fate(visit))).await?;
    Ok(Done::at(place.path()))
}

pub(super) async fn remove(visit: &Visit) -> Outcome {
    let place = visit.place().await?;
    visit.client.remove_service(&place.found).await?;
    Ok(Done::at(format!("/applications/{}", place.found.application)))
}

pub(super) async fn rename(visit: &Visit) -> Outcome {
    let place = visit.place().await?;
    visit.client.rename_service(&place.found, visit.required("name")?).await?;
    Ok(Done::at(place.path()))
}

/// A name that is left out stays as it is.
pub(super) async fn publish(visit: &Visit) -> Outcome {
    let place = visit.place().await?;
    let name = visit.field("name");
    let wish = [("name", name)];
    visit.client.publish(&place.found, if name.is_empty() { &[] } else { &wish }).await?;
    Ok(Done::said(place.path(), visit.t.is_published))
}

pub(super) async fn unpublish(visit: &Visit) -> Outcome {
    let place = visit.place().await?;
    visit.client.unpublish(&place.found).await?;
    Ok(Done::said(place.path(), visit.t.is_unpublished))
}

pub(super) async fn scale(visit: &Visit) -> Outcome {
    let place = visit.place().await?;
    let change = Change::read(visit, &place)?;
    if change.is_more {
        visit.client.add_nodes(&place.found, &change.counts, None).await?;
    } else {
        visit.client.remove_nodes(&place.found, &change.counts).await?;
    }
    Ok(Done::at(place.path()))
}

pub(super) async fn execute(visit: &Visit) -> Outcome {
    let place = visit.place().await?;
    let script = visit.required("script")?;
    if !["run", "interrupt", "cleanup"].contains(&script) {
        return Err(Problem::NotFound);
    }
    visit.client.execute_script(&place.found, script, visit.field("parameters")).await?;
    Ok(Done::at(place.path()))
}
