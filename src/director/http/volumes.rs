//! Volumes for managers, and for their owners (`docs/reference/director-api.md` §3.5 and §3.6).

use std::sync::Arc;

use super::call::Call;
use crate::api::{Done, VolumeIdView, texts};
use crate::director::error::Failure;
use crate::director::node::request::{SIZES_MB, new_volume_tag, unusable};
use crate::director::state::Director;
use crate::director::{kept_volume, views, volume};
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

/// Makes a volume larger (ours); one that is so already is fine.
pub(crate) async fn grow(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let found = volume::owned(&director, call.application(), call.required("volume_id")?).await?;
    volume::grow(&director, call.asker(), found, size_mb(call.required("size")?)?).await?;
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

/// Keeps a volume for the next start of a service, and detaches it.
pub(crate) async fn keep(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let sid = call.required("service_id")?;
    let sid = sid.trim().parse().map_err(|_| unusable("service_id", format!("'{sid}' is no id")))?;
    kept_volume::keep(&director, call.asker(), call.required("volume_id")?.to_owned(), sid).await?;
    Ok(Response::json_line(&Done {}))
}

/// Takes the word of a manager that a node uses a kept volume again.
pub(crate) async fn use_again(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    kept_volume::use_again(&director, call.asker(), call.required("volume_id")?.to_owned()).await?;
    Ok(Response::json_line(&Done {}))
}

/// Answers the kept volumes of a manager's application.
pub(crate) async fn kept(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let found = kept_volume::of_application(&director, call.asker()).await?;
    Ok(Response::json_line(&found.iter().filter_map(views::kept_volume).collect::<Vec<_>>()))
}

/// Answers all volumes of a user.
pub(crate) async fn list(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let found = kept_volume::of_user(&director, call.user()).await?;
    Ok(Response::json_line(&found.iter().map(views::volume).collect::<Vec<_>>()))
}

/// Deletes a kept volume of a user.
pub(crate) async fn delete_kept(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let shown = call.required("app_id")?;
    let aid = shown.trim().parse().map_err(|_| Failure::Application(texts::application_id_not_found(shown)))?;
    kept_volume::delete(&director, call.user(), aid, call.required("name")?).await?;
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
