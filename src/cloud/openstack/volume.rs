//! Volumes.

use std::time::Duration;

use super::call::{Call, CallError, Service};
use super::error_text;
use super::ids::{ServerId, VolumeId};
use super::project::Project;
use super::requests::{AttachVolume, CreateVolume, NewVolume, VolumeToAttach};
use super::responses::{Messages, Volume, VolumeAttachments, VolumeFound, Volumes};
use crate::cloud::remote::{OF_VOLUME, PACE};
use crate::cloud::{CloudError, CloudVolume, VolumeSpec};
use crate::model::{NodeTag, VolumeTag};
use crate::task::poll::until;

/// How long cinder and nova may take to make, attach, detach or remove a volume.
const LIMIT: Duration = Duration::from_secs(120);
/// How long cinder may take to show what a lost answer was about.
const SHOW_LIMIT: Duration = Duration::from_secs(15);
const MB_PER_GB: u64 = 1024;
const PAGE: usize = 200;
const MAX_PAGES: usize = 100;

impl Project {
    pub(crate) async fn ensure_volume(&self, spec: &VolumeSpec) -> Result<CloudVolume, CloudError> {
        let action = format!("make volume {} ({})", spec.tag, spec.name);
        let explain = |error: CallError| self.explain(&action, &error);
        let id = match self.volume(&spec.tag).await.map_err(explain)? {
            Some(volume) => volume.id,
            None => self.create_volume(spec, &action).await?,
        };
        let settled = self.wait_while(&id, &["creating", "downloading"]).await.map_err(explain)?;
        match settled {
            Some(Some(volume)) if volume.status.starts_with("error") => {
                let reason = self.why(&volume.id).await;
                Err(error_text::fault(
                    &self.name,
                    &action,
                    &reason.unwrap_or_else(|| format!("volume {id} is in error")),
                ))
            }
            Some(Some(volume)) => Ok(view(&volume, spec.tag.clone())),
            Some(None) => Err(self.failed(&action, format!("volume {id} was removed meanwhile"))),
            None => Err(self.failed(&action, format!("volume {id} is not there after {} s", LIMIT.as_secs()))),
        }
    }

    pub(crate) async fn attach_volume(&self, volume: &VolumeTag, node: &NodeTag) -> Result<(), CloudError> {
        let action = format!("attach volume {volume} to node {node}");
        let explain = |error: CallError| self.explain(&action, &error);
        let looks = async { tokio::try_join!(self.servers(Some(node)), self.volume(volume)) };
        let (servers, found) = looks.await.map_err(explain)?;
        let Some(server) = servers.into_iter().next() else {
            return Err(CloudError::NoNode { cloud: self.name.clone(), vmid: node.to_string() });
        };
        let Some(found) = found else {
            return Err(CloudError::NoVolume { cloud: self.name.clone(), volume_id: volume.to_string() });
        };
        // What an earlier call, of which nobody heard the end, has begun.
        let settled = self.wait_while(&found.id, &["creating", "detaching", "attaching"]).await.map_err(explain)?;
        let Some(Some(found)) = settled else {
            return Err(self.failed(&action, format!("volume {} does not become available", found.id)));
        };
        match attached_to(&found) {
            Some(place) if *place == server.id => return Ok(()),
            Some(place) => return Err(self.failed(&action, format!("it is attached to server {place}"))),
            None => {}
        }
        let body = AttachVolume { attachment: VolumeToAttach { volume: &found.id } };
        let path = format!("servers/{}/os-volume_attachments", server.id);
        match self.session.done(&Call::post("attach_volume", Service::Compute, path, &body)).await {
            Ok(()) => {}
            Err(error) if error.is_doubtful() => {}
            Err(error) => return Err(explain(error)),
        }
        self.wait_until_attached(&found.id, &server.id, &action).await
    }

    pub(crate) async fn detach_volume(&self, tag: &VolumeTag) -> Result<(), CloudError> {
        let action = format!("detach volume {tag}");
        match self.volume(tag).await.map_err(|error| self.explain(&action, &error))? {
            Some(volume) => self.detach(&volume, &action).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn remove_volume(&self, tag: &VolumeTag) -> Result<(), CloudError> {
        let action = format!("remove volume {tag}");
        let explain = |error: CallError| self.explain(&action, &error);
        // There is more than one if the answer to an earlier call was lost.
        let found = self.volumes(Some(tag)).await.map_err(explain)?;
        for volume in &found {
            self.detach(volume, &action).await?;
            let call = Call::delete("delete_volume", Service::Volume, format!("volumes/{}", volume.id));
            match self.session.done(&call).await {
                Ok(()) => {}
                Err(error) if error.is_not_found() => continue,
                Err(error) if volume.status == "deleting" && error.status() == Some(400) => {}
                Err(error) => return Err(explain(error)),
            }
            let gone = self.wait_while(&volume.id, &["deleting", "available", "creating"]).await.map_err(explain)?;
            match gone {
                Some(None) => {}
                Some(Some(left)) => {
                    let reason = self.why(&left.id).await.unwrap_or_else(|| format!("it is {}", left.status));
                    return Err(self.failed(&action, reason));
                }
                None => {
                    let limit = LIMIT.as_secs();
                    return Err(self.failed(&action, format!("volume {} is still there after {limit} s", volume.id)));
                }
            }
        }
        Ok(())
    }

    pub(crate) async fn list_volumes(&self) -> Result<Vec<CloudVolume>, CloudError> {
        let found = self.volumes(None).await.map_err(|error| self.explain("list volumes", &error))?;
        let own = found.iter().filter_map(|volume| Some(view(volume, self.own_tag(&volume.metadata, OF_VOLUME)?)));
        Ok(own.collect())
    }

    async fn volume(&self, tag: &VolumeTag) -> Result<Option<Volume>, CallError> {
        let mut found = self.volumes(Some(tag)).await?;
        found.retain(|volume| volume.status != "deleting");
        Ok(found.into_iter().next())
    }

    /// This director's volumes in this cloud, one or all.
    async fn volumes(&self, tag: Option<&VolumeTag>) -> Result<Vec<Volume>, CallError> {
        let mut found: Vec<Volume> = Vec::new();
        let query = format!("volumes/detail?limit={PAGE}");
        let mut page = query.clone();
        for _ in 0..MAX_PAGES {
            let answer: Volumes = self.session.fetch(&Call::get("list_volumes", Service::Volume, page)).await?;
            let last = answer.volumes.last().map(|volume| volume.id.clone());
            found.extend(answer.volumes);
            match last {
                Some(last) if !answer.volumes_links.is_empty() => page = format!("{query}&marker={last}"),
                _ => break,
            }
        }
        found.retain(|volume| {
            let own: Option<VolumeTag> = self.own_tag(&volume.metadata, OF_VOLUME);
            own.is_some_and(|own| tag.is_none_or(|tag| own == *tag))
        });
        Ok(found)
    }

    async fn create_volume(&self, spec: &VolumeSpec, action: &str) -> Result<VolumeId, CloudError> {
        let volume = NewVolume {
            name: &spec.name,
            size_gb: spec.size_mb.div_ceil(MB_PER_GB),
            metadata: self.metadata(&[(OF_VOLUME, spec.tag.as_str())]),
        };
        let body = CreateVolume { volume };
        let call = Call::post("create_volume", Service::Volume, "volumes", &body);
        match self.session.fetch::<VolumeFound>(&call).await {
            Ok(made) => Ok(made.volume.id),
            Err(error) if error.is_doubtful() => {
                let shown = until(PACE, SHOW_LIMIT, || self.volume(&spec.tag)).await;
                match shown.map_err(|error| self.explain(action, &error))? {
                    Some(volume) => Ok(volume.id),
                    None => Err(self.explain(action, &error)),
                }
            }
            Err(error) => Err(self.explain(action, &error)),
        }
    }

    async fn wait_until_attached(&self, id: &VolumeId, server: &ServerId, action: &str) -> Result<(), CloudError> {
        let attached = until(PACE, LIMIT, || async {
            let volume = self.show_volume(id).await?;
            Ok(match &volume {
                None => Some(false),
                Some(volume) if attached_to(volume) == Some(server) && volume.status == "in-use" => Some(true),
                // Nova has let it go again if it does not hold it any more.
                Some(volume) if volume.status == "available" && !self.is_held(server, id).await? => Some(false),
                Some(volume) if volume.status.starts_with("error") => Some(false),
                Some(_) => None,
            })
        });
        match attached.await.map_err(|error| self.explain(action, &error))? {
            Some(true) => Ok(()),
            Some(false) => {
                Err(self.failed(action, format!("nova could not attach volume {id}: see nova-compute's log")))
            }
            None => Err(self.failed(action, format!("volume {id} is not attached after {} s", LIMIT.as_secs()))),
        }
    }

    async fn is_held(&self, server: &ServerId, id: &VolumeId) -> Result<bool, CallError> {
        let path = format!("servers/{server}/os-volume_attachments");
        let call = Call::get("list_attachments", Service::Compute, path);
        let held = self.session.fetch_if_there::<VolumeAttachments>(&call).await?;
        Ok(held.is_some_and(|held| held.volume_attachments.iter().any(|attachment| attachment.volume_id == *id)))
    }

    async fn detach(&self, volume: &Volume, action: &str) -> Result<(), CloudError> {
        let explain = |error: CallError| self.explain(action, &error);
        let settled = self.wait_while(&volume.id, &["attaching", "detaching"]).await.map_err(explain)?;
        let Some(Some(volume)) = settled else { return Ok(()) };
        let Some(server) = attached_to(&volume) else { return Ok(()) };
        let path = format!("servers/{server}/os-volume_attachments/{}", volume.id);
        match self.session.done(&Call::delete("detach_volume", Service::Compute, path)).await {
            Ok(()) => {}
            // It went meanwhile, as when its node is ending.
            Err(error) if error.is_not_found() || matches!(error.status(), Some(400 | 409)) => {}
            Err(error) => return Err(explain(error)),
        }
        let free = until(PACE, LIMIT, || async {
            let volume = self.show_volume(&volume.id).await?;
            Ok(volume.as_ref().is_none_or(|volume| attached_to(volume).is_none()).then_some(()))
        });
        match free.await.map_err(explain)? {
            Some(()) => Ok(()),
            None => Err(CloudError::VolumeBusy { volume_id: volume.id.to_string() }),
        }
    }

    /// The volume when it is in none of these states any more; `Some(None)` if
    /// it is gone, `None` if that takes too long.
    async fn wait_while(&self, id: &VolumeId, states: &[&str]) -> Result<Option<Option<Volume>>, CallError> {
        until(PACE, LIMIT, || async {
            let volume = self.show_volume(id).await?;
            let is_settled = volume.as_ref().is_none_or(|volume| !states.contains(&volume.status.as_str()));
            Ok(is_settled.then_some(volume))
        })
        .await
    }

    async fn show_volume(&self, id: &VolumeId) -> Result<Option<Volume>, CallError> {
        let call = Call::get("show_volume", Service::Volume, format!("volumes/{id}"));
        Ok(self.session.fetch_if_there::<VolumeFound>(&call).await?.map(|found| found.volume))
    }

    /// Cinder's own words on the last thing that it could not do with a volume.
    async fn why(&self, id: &VolumeId) -> Option<String> {
        let path = format!("messages?resource_uuid={id}&limit=1");
        let found: Messages = self.session.fetch(&Call::get("list_messages", Service::Volume, path)).await.ok()?;
        found.messages.into_iter().next().map(|message| message.user_message)
    }
}

/// The server that a volume is attached to, or about to be free of.
fn attached_to(volume: &Volume) -> Option<&ServerId> {
    volume.attachments.iter().map(|attachment| &attachment.server_id).find(|server| !server.is_empty())
}

fn view(volume: &Volume, tag: VolumeTag) -> CloudVolume {
    CloudVolume { tag, volume_id: volume.id.to_string(), attached_to: attached_to(volume).map(ToString::to_string) }
}
