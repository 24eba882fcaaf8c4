//! Volumes for managers (`docs/reference/director-api.md` §3.6).

use std::sync::Arc;

use super::call::Call;
use crate::api::{Done, VolumeIdView};
use crate::director::error::Failure;
use crate::director::node::request::{SIZES_MB, new_volume_tag};
use crate::director::state::Director;
use crate::director::volume;
use crate::rpc::Response;
use crate::store::director::volume::NewVolume;

/// Makes a volume. With `operation_id`, which ConPaaS 2.0 does not have, a repeated call answers the same one.
pub(crate) async fn create(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    call.require_own_application()?;
    let new = new_volume(&director, &call)?;
    let near = call.form.filled("vm_id").map(str::to_owned);
    let made = volume::create(&director, call.asker(), new, near).await?;
    Ok(Response::json_line(&VolumeIdView { volume_id: made.volume_id }))
}

pub(crate) async fn attach(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let found = volume::owned(&director, call.application(), call.required("volume_id")?).await?;
    let device = device(call.form.filled("device_name"))?;
    volume::attach(&director, call.asker(), found, call.required("vm_id")?, device).await?;
    Ok(Response::json_line(&Done {}))
}

pub(crate) async fn detach(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let found = volume::owned(&director, call.application(), call.required("volume_id")?).await?;
    volume::detach(&director, call.asker(), found).await?;
    Ok(Response::json_line(&Done {}))
}

/// Destroys a volume; one that is gone already is fine.
pub(crate) async fn destroy(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    volume::destroy(&director, call.asker(), call.required("volume_id")?.to_owned()).await?;
    Ok(Response::json_line(&Done {}))
}

fn new_volume(director: &Director, call: &Call) -> Result<NewVolume, Failure> {
    let size_mb = size_mb(call.required("size")?)?;
    Ok(NewVolume {
        tag: new_volume_tag(),
        cloud: director.clouds.named(call.form.get("cloud").unwrap_or_default())?,
        uid: call.user(),
        aid: call.application(),
        operation: call.form.filled("operation_id").map(|text| text.chars().take(128).collect()),
        name: call.form.filled("name").unwrap_or("volume").chars().take(128).collect(),
        size_mb,
    })
}

fn size_mb(text: &str) -> Result<u64, Failure> {
    text.trim().parse().ok().filter(|size| SIZES_MB.contains(size)).ok_or_else(|| {
        let max = SIZES_MB.end();
        Failure::Application(format!("\"size\" is not usable: '{text}' is no number of MB from 1 to {max}"))
    })
}

fn device(text: Option<&str>) -> Result<String, Failure> {
    let device = text.unwrap_or("sdb").trim_start_matches("/dev/");
    let is_plain = device.len() <= 16 && device.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_plain || device.is_empty() {
        return Err(Failure::Application(format!("\"device_name\" is not usable: '{device}'")));
    }
    Ok(device.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_numbers_of_mb_within_limits() {
        for (text, size) in [("1", Some(1)), (" 1024 ", Some(1024)), ("16777216", Some(16_777_216))] {
            assert_eq!(size_mb(text).ok(), size);
        }
        for text in ["0", "-1", "1.5", "16777217", "99999999999999999999", "x"] {
            let wanted = format!("\"size\" is not usable: '{text}' is no number of MB from 1 to 16777216");
            assert_eq!(size_mb(text).unwrap_err().to_string(), wanted);
        }
    }

    #[test]
    fn devices_are_short_plain_names() {
        for (text, name) in [(None, "sdb"), (Some("sdc"), "sdc"), (Some("/dev/xvdf"), "xvdf")] {
            assert_eq!(device(text).ok().as_deref(), Some(name));
        }
        for text in ["/dev/", "../sda", "sd a", "/dev/mapper/x", "abcdefghijklmnopq"] {
            assert!(device(Some(text)).is_err(), "{text}");
        }
    }
}
