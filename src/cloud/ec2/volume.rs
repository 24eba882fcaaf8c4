//! Volumes.

use std::time::Duration;

use super::account::{Account, own_tag};
use super::ids::{InstanceId, VolumeId};
use super::query::{Params, QueryError};
use super::responses::{Attachment, DescribeSubnets, DescribeVolumes, DescribeZones, Done, Volume};
use crate::cloud::remote::{OF_VOLUME, PACE};
use crate::cloud::{CloudError, CloudVolume, VolumeSpec};
use crate::model::{NodeTag, VolumeTag};
use crate::task::poll::until;

/// Volumes that are there: those that end are not.
const THERE: [&str; 4] = ["creating", "available", "in-use", "error"];
/// How long EC2 may take to make, attach or detach a volume.
const LIMIT: Duration = Duration::from_secs(120);
/// A node that ends lets its volumes go last.
const RELEASE_LIMIT: Duration = Duration::from_secs(300);
const MAX_PAGES: usize = 100;

impl Account {
    pub(crate) async fn ensure_volume(&self, spec: &VolumeSpec) -> Result<CloudVolume, CloudError> {
        let action = format!("make volume {} ({})", spec.tag, spec.name);
        let explain = |error: QueryError| self.explain(&action, &error);
        let id = match self.volume(&spec.tag).await.map_err(explain)? {
            Some(volume) => volume.volume_id,
            None => self.create_volume(spec, &action).await?,
        };
        let settled = until(PACE, LIMIT, || async {
            let volume = self.describe_volume(&id).await?;
            Ok(volume.filter(|volume| volume.status != "creating"))
        });
        match settled.await.map_err(explain)? {
            Some(volume) if volume.status == "error" => {
                Err(self.failed(&action, format!("volume {id} is in state error")))
            }
            Some(volume) => Ok(view(&volume, spec.tag.clone())),
            None => Err(self.failed(&action, format!("volume {id} is not there after {} s", LIMIT.as_secs()))),
        }
    }

    pub(crate) async fn attach_volume(
        &self,
        volume: &VolumeTag,
        node: &NodeTag,
        device: &str,
    ) -> Result<(), CloudError> {
        let action = format!("attach volume {volume} to node {node} as {device}");
        let explain = |error: QueryError| self.explain(&action, &error);
        let instance = self.instances(node).await.map_err(explain)?.into_iter().next();
        let Some(instance) = instance.map(|instance| instance.instance_id) else {
            return Err(CloudError::NoNode { cloud: self.name.clone(), vmid: node.to_string() });
        };
        let Some(found) = self.volume(volume).await.map_err(explain)? else {
            return Err(CloudError::NoVolume { cloud: self.name.clone(), volume_id: volume.to_string() });
        };
        let id = &found.volume_id;
        let device = format!("/dev/{}", device.strip_prefix("/dev/").unwrap_or(device));
        match in_use(&found).filter(|place| place.status != "detaching") {
            Some(place) if place.instance_id == instance && place.device == device => {}
            Some(place) => {
                let reason = format!("it is attached to {} as {}", place.instance_id, place.device);
                return Err(self.failed(&action, reason));
            }
            None => {
                self.wait_until_free(id, LIMIT, &action).await?;
                self.attach(id, &instance, &device).await.map_err(explain)?;
            }
        }
        let attached = until(PACE, LIMIT, || async {
            let volume = self.describe_volume(id).await?;
            Ok(volume.filter(|volume| in_use(volume).is_some_and(|place| place.status == "attached")))
        });
        match attached.await.map_err(explain)? {
            Some(_) => Ok(()),
            None => Err(self.failed(&action, format!("it is not attached after {} s", LIMIT.as_secs()))),
        }
    }

    pub(crate) async fn detach_volume(&self, tag: &VolumeTag) -> Result<(), CloudError> {
        let action = format!("detach volume {tag}");
        match self.volume(tag).await.map_err(|error| self.explain(&action, &error))? {
            Some(volume) => self.detach(&volume, LIMIT, &action).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn remove_volume(&self, tag: &VolumeTag) -> Result<(), CloudError> {
        let action = format!("remove volume {tag}");
        let Some(volume) = self.volume(tag).await.map_err(|error| self.explain(&action, &error))? else {
            return Ok(());
        };
        self.detach(&volume, RELEASE_LIMIT, &action).await?;
        match self.query.call::<Done>("DeleteVolume", &Params::new().set("VolumeId", &volume.volume_id)).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(self.explain(&action, &error)),
        }
    }

    pub(crate) async fn list_volumes(&self) -> Result<Vec<CloudVolume>, CloudError> {
        let params = self.own().filter("tag-key", &[OF_VOLUME]).filter("status", &THERE);
        let volumes = self.describe_volumes(params).await.map_err(|error| self.explain("list volumes", &error))?;
        let view = |volume: &Volume| Some(view(volume, own_tag(&volume.tag_set, OF_VOLUME)?));
        Ok(volumes.iter().filter_map(view).collect())
    }

    async fn volume(&self, tag: &VolumeTag) -> Result<Option<Volume>, QueryError> {
        let params = self.own().filter(&format!("tag:{OF_VOLUME}"), &[tag.as_str()]).filter("status", &THERE);
        Ok(self.describe_volumes(params).await?.into_iter().next())
    }

    async fn create_volume(&self, spec: &VolumeSpec, action: &str) -> Result<VolumeId, CloudError> {
        let zone = self.zone(spec.node.as_ref()).await.map_err(|error| self.explain(action, &error))?;
        let zone = zone.ok_or_else(|| self.failed(action, "there is no zone to make it in"))?;
        let params = Params::new()
            .set("AvailabilityZone", zone)
            .set("Size", spec.size_mb.div_ceil(1024).to_string())
            .set("ClientToken", self.client_token(&spec.tag))
            .tags("volume", &self.tags(&spec.name, &[(OF_VOLUME, spec.tag.as_str())]));
        let made: Volume =
            self.query.call("CreateVolume", &params).await.map_err(|error| self.explain(action, &error))?;
        Ok(made.volume_id)
    }

    /// The zone of the node that a volume is for; else that of the subnet, else any.
    async fn zone(&self, node: Option<&NodeTag>) -> Result<Option<String>, QueryError> {
        if let Some(node) = node {
            let instance = self.instances(node).await?.into_iter().next();
            let zone = instance.and_then(|instance| instance.placement).map(|placement| placement.availability_zone);
            if let Some(zone) = zone.filter(|zone| !zone.is_empty()) {
                return Ok(Some(zone));
            }
        }
        if let Some(subnet) = &self.config.subnet_id {
            let params = Params::new().set("SubnetId.1", subnet);
            let found: DescribeSubnets = self.query.call("DescribeSubnets", &params).await?;
            return Ok(found.subnet_set.items.into_iter().next().map(|subnet| subnet.availability_zone));
        }
        let zones: DescribeZones = self.query.call("DescribeAvailabilityZones", &Params::new()).await?;
        let usable = zones.availability_zone_info.items.into_iter().find(|zone| zone.zone_state == "available");
        Ok(usable.map(|zone| zone.zone_name))
    }

    /// Has it attached; how far that is has to be looked at.
    async fn attach(&self, id: &VolumeId, instance: &InstanceId, device: &str) -> Result<(), QueryError> {
        let params = Params::new().set("VolumeId", id).set("InstanceId", instance).set("Device", device);
        let outcome: Result<Attachment, QueryError> = self.query.call("AttachVolume", &params).await;
        let Err(error) = outcome else { return Ok(()) };
        // The call before this one may have done it, and its answer was lost.
        if ["VolumeInUse", "IncorrectState"].contains(&error.code()) {
            let now = self.describe_volume(id).await?;
            if now.as_ref().and_then(in_use).is_some_and(|at| at.instance_id == *instance && at.device == device) {
                return Ok(());
            }
        }
        Err(error)
    }

    async fn detach(&self, volume: &Volume, limit: Duration, action: &str) -> Result<(), CloudError> {
        let Some(place) = in_use(volume) else { return Ok(()) };
        if place.status != "detaching" {
            let params = Params::new().set("VolumeId", &volume.volume_id).set("InstanceId", &place.instance_id);
            match self.query.call::<Attachment>("DetachVolume", &params).await {
                Ok(_) => {}
                // It went meanwhile, as when its node is ending.
                Err(error) if error.is_not_found() || error.code() == "IncorrectState" => {}
                Err(error) => return Err(self.explain(action, &error)),
            }
        }
        self.wait_until_free(&volume.volume_id, limit, action).await
    }

    async fn wait_until_free(&self, id: &VolumeId, limit: Duration, action: &str) -> Result<(), CloudError> {
        let free = until(PACE, limit, || async {
            let volume = self.describe_volume(id).await?;
            // One that is gone is free too.
            Ok(match volume.as_ref().and_then(in_use).map(|place| place.status.as_str()) {
                None => Some(true),
                Some("busy") => Some(false),
                Some(_) => None,
            })
        });
        match free.await.map_err(|error| self.explain(action, &error))? {
            Some(true) => Ok(()),
            Some(false) | None => Err(CloudError::VolumeBusy { volume_id: id.to_string() }),
        }
    }

    async fn describe_volume(&self, id: &VolumeId) -> Result<Option<Volume>, QueryError> {
        match self.describe_volumes(Params::new().set("VolumeId.1", id)).await {
            Ok(found) => Ok(found.into_iter().next()),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn describe_volumes(&self, params: Params) -> Result<Vec<Volume>, QueryError> {
        let mut found = Vec::new();
        let mut page = params.clone();
        for _ in 0..MAX_PAGES {
            let answer: DescribeVolumes = self.query.call("DescribeVolumes", &page).await?;
            found.extend(answer.volume_set.items);
            match answer.next_token.filter(|token| !token.is_empty()) {
                Some(token) => page = params.clone().set("NextToken", token),
                None => break,
            }
        }
        Ok(found)
    }
}

/// Where a volume is attached, or about to be, or not yet free of.
fn in_use(volume: &Volume) -> Option<&Attachment> {
    volume.attachment_set.items.iter().find(|place| place.status != "detached")
}

fn view(volume: &Volume, tag: VolumeTag) -> CloudVolume {
    CloudVolume {
        tag,
        volume_id: volume.volume_id.to_string(),
        attached_to: in_use(volume).map(|place| place.instance_id.to_string()),
    }
}
