//! The script that new nodes of a service run before their agent listens.

use std::path::PathBuf;
use std::sync::Arc;

use super::parameters::take_service;
use crate::api::manager::StartupScript;
use crate::api::texts;
use crate::manager::core::Manager;
use crate::model::ServiceId;
use crate::service::{Call, MethodError, Reply};
use crate::sys::{self, file};

const MAX_BYTES: u64 = 1024 * 1024;

pub(crate) async fn upload_startup_script(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let script = call.file("script")?;
    let row = take_service(&manager, &mut call, "sid").await?.row;
    call.finish()?;
    let bytes = script.read(MAX_BYTES).await.map_err(|error| MethodError::refused(error.to_string()))?;
    if std::str::from_utf8(&bytes).is_err() {
        return Err(MethodError::invalid("A startup script must be a text"));
    }
    let shown = path(&manager, row.sid);
    let path = manager.config.base.rooted(&shown);
    sys::blocking(move || {
        if let Some(directory) = path.parent() {
            file::ensure_directory(directory)?;
        }
        file::write_atomic(&path, &bytes, 0o600)
    })
    .await?;
    Ok(Reply::of(&StartupScript { filename: shown.display().to_string() }))
}

pub(crate) async fn get_startup_script(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let row = take_service(&manager, &mut call, "sid").await?.row;
    call.finish()?;
    let path = manager.config.base.rooted(path(&manager, row.sid));
    match sys::blocking(move || file::read_text(&path)).await {
        Ok(text) => Ok(Reply::of(&text)),
        Err(_) => Err(MethodError::refused(texts::NO_STARTUP_SCRIPT)),
    }
}

pub(super) fn path(manager: &Manager, sid: ServiceId) -> PathBuf {
    manager.config.base.conpaas_home.join(sid.to_string()).join("startup.sh")
}
