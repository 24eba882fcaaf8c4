//! Startup scripts, volumes, settings of PHP, passwords and dumps of databases.

use serde::de::IgnoredAny;
use tokio::fs::File;

use super::code::{file_name, scratch, sent};
use crate::client::error::Failure;
use crate::client::upload::with_file;
use crate::frontend::outcome::{Done, Problem};
use crate::frontend::visit::{Place, Visit};
use crate::rpc::RpcCall;
use crate::sys;

type Outcome = Result<Done, Problem>;

/// The account of a cluster of databases.
const DATABASE_USER: &str = "mysqldb";

pub(super) async fn startup(visit: &Visit) -> Outcome {
    let place = visit.place().await?;
    // Browsers end lines as no shell does.
    let script = visit.form.get("script").unwrap_or_default().replace("\r\n", "\n");
    let scratch = scratch(visit)?;
    let path = scratch.path().join("startup.sh");
    let written = path.clone();
    sys::blocking(move || sys::file::write_atomic(&written, script.as_bytes(), 0o600)).await.map_err(Failure::from)?;
    visit.client.upload_startup_script(&place.found, &path).await?;
    Ok(saved(visit, &place))
}

pub(super) async fn create_volume(visit: &Visit) -> Outcome {
    let place = visit.place().await?;
    let size = visit.required("size")?.parse::<i64>().map_err(|_| Problem::Form(visit.t.size_wrong.to_owned()))?;
    let (name, node) = (visit.required("name")?, visit.required("node")?);
    let own = visit.client.nodes(&place.found).await?;
    if !own.values().flatten().any(|id| id == node) {
        return Err(Problem::NotFound);
    }
    visit.client.create_volume(place.found.application, name, size, node).await?;
    Ok(Done::at(format!("{}/settings", place.path())))
}

pub(super) async fn delete_volume(visit: &Visit) -> Outcome {
    let place = visit.place().await?;
    let name = visit.argument(2);
    let volumes = visit.client.volumes(&place.found).await?;
    if !volumes.iter().any(|volume| volume.vol_name == name) {
        return Err(Problem::NotFound);
    }
    visit.client.delete_volume(place.found.application, name).await?;
    Ok(Done::at(format!("{}/settings", place.path())))
}

pub(super) async fn create_shared_volume(visit: &Visit) -> Outcome {
    let place = of_kind(visit, "xtreemfs").await?;
    let call = RpcCall::post(place.found.service.0, "createVolume").param("volumeName", visit.required("name")?);
    visit.client.manager::<IgnoredAny>(place.found.application, call).await?;
    Ok(saved(visit, &place))
}

pub(super) async fn php(visit: &Visit) -> Outcome {
    let place = of_kind(visit, "php").await?;
    visit.client.set_php_value(&place.found, visit.required("key")?, visit.field("value")).await?;
    Ok(saved(visit, &place))
}

pub(super) async fn password(visit: &Visit) -> Outcome {
    let place = of_kind(visit, "mysql").await?;
    let password = visit.typed("password");
    if password.is_empty() || password != visit.typed("again") {
        return Err(Problem::Form(visit.t.passwords_differ.to_owned()));
    }
    let call = RpcCall::post(place.found.service.0, "set_password").param("user", DATABASE_USER);
    visit.client.manager::<IgnoredAny>(place.found.application, call.param("password", password)).await?;
    Ok(saved(visit, &place))
}

pub(super) async fn load_dump(visit: &Visit) -> Outcome {
    let place = of_kind(visit, "mysql").await?;
    let file = visit.form.files.get("dump").filter(|file| !file.filename.is_empty());
    let file = file.ok_or_else(|| Problem::Form(visit.t.file_missing.to_owned()))?;
    let call = RpcCall::upload(place.found.service.0, "load_dump");
    let call = with_file(call, "mysqldump_file", file.path())?;
    visit.client.manager::<IgnoredAny>(place.found.application, call).await?;
    Ok(Done::said(format!("{}/settings", place.path()), visit.t.dump_loaded))
}

/// Fetches the dump whole before it is sent on, so that what breaks off is an error and no half file.
pub(super) async fn dump(visit: &Visit) -> Outcome {
    let place = of_kind(visit, "mysql").await?;
    let scratch = scratch(visit)?;
    let path = scratch.path().join("dump");
    let mut file = File::create(&path)
        .await
        .map_err(|error| Failure::said(format!("cannot write {}: {error}", path.display())))?;
    let call = RpcCall::get(place.found.service.0, "sqldump").param("form", "file");
    visit.client.manager_stream(place.found.application, call, &mut file).await?;
    Ok(Done::Answer(sent(&path, file_name(&format!("{}.sql", place.service.name))).await?))
}

async fn of_kind(visit: &Visit, kind: &str) -> Result<Place, Problem> {
    let place = visit.place().await?;
    if place.service.kind == kind { Ok(place) } else { Err(Problem::NotFound) }
}

fn saved(visit: &Visit, place: &Place) -> Done {
    Done::said(format!("{}/settings", place.path()), visit.t.saved)
}
