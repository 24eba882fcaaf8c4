//! `mount_volume` and `unmount_volume`: the methods of every agent whose kind has volumes.
//!
//! A kind lists both in its agent's table, keeps one [`Volumes`], and calls [`Volumes::resume`] when it
//! is resumed.

use super::mount::Volumes;
use crate::model::VolumeName;
use crate::service::call::Call;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::sys;

/// Mounts an attached volume at `/media/<name>`.
///
/// # Errors
/// A parameter is wrong, the volume does not appear, or it cannot be mounted.
pub(crate) async fn mount_volume(volumes: Volumes, mut call: Call) -> Result<Reply, MethodError> {
    let device = call.params.string("dev_name")?;
    let name = call.params.string("vol_name")?;
    let id = call.params.string_or("vol_id", "")?;
    call.finish()?;
    let name: VolumeName = name.parse().map_err(|error| MethodError::refused(format!("{error}")))?;
    let outcome = volumes.mount(&device, Some(id.as_str()).filter(|id| !id.is_empty()), &name).await;
    outcome.map_err(|error| failed("mount", &error))?;
    Ok(Reply::nothing())
}

/// Lets a volume go, after whatever uses it was killed.
///
/// # Errors
/// The name is none, or the volume is still in use.
pub(crate) async fn unmount_volume(volumes: Volumes, mut call: Call) -> Result<Reply, MethodError> {
    let name = call.params.string("vol_name")?;
    call.finish()?;
    let name: VolumeName = name.parse().map_err(|error| MethodError::refused(format!("{error}")))?;
    volumes.unmount(&name).await.map_err(|error| failed("unmount", &error))?;
    Ok(Reply::nothing())
}

fn failed(action: &str, error: &dyn std::error::Error) -> MethodError {
    let text = sys::chain(error);
    tracing::error!(target: "conpaas.core.agent", "Failed to {action} volume: {text}");
    MethodError::refused(format!("Failed to {action} volume: {text}"))
}
