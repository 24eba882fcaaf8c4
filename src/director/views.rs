//! Rows as the wire shows them.

use chrono::{Local, TimeZone};

use super::node::request::Wish;
use super::volume::shown_name;
use crate::api::{
    self, ApplicationView, KeptVolumeView, NodeView, OwnedVolumeView, ResourceView, ServiceAndApplication, ServiceView,
    UserView, VolumeState,
};
use crate::model::{CloudName, State};
use crate::store::director::application::Application;
use crate::store::director::node::Node;
use crate::store::director::service::Service;
use crate::store::director::user::User;
use crate::store::director::volume::{Phase, Placed, Volume};

pub(crate) fn user(user: &User, typed_password: Option<&str>) -> UserView {
    let details = &user.details;
    UserView {
        username: details.username.clone(),
        fname: details.fname.clone(),
        lname: details.lname.clone(),
        email: details.email.clone(),
        affiliation: details.affiliation.clone(),
        password: typed_password.map(super::password::md5_hex),
        uid: user.uid,
        credit: details.credit,
        created: details.created.clone(),
        uuid: Some(details.uuid.clone()),
        openid: details.openid.clone(),
        administrator: false,
    }
}

pub(crate) fn application(application: &Application, manager: Option<&Node>) -> ApplicationView {
    let place = manager.and_then(|node| node.place.as_ref());
    ApplicationView {
        aid: application.aid,
        name: application.name.clone(),
        uid: application.uid,
        status: application.status,
        manager: place.map(|place| place.ip.to_string()),
        vmid: place.map(|place| place.vmid.clone()),
        cloud: manager.map(|node| node.wanted.cloud.to_string()),
        manager_port: place.map(|place| place.port).filter(|port| *port != api::MANAGER_PORT),
        reason: application.reason.clone(),
    }
}

pub(crate) fn service(service: &Service, application: ApplicationView) -> ServiceAndApplication {
    ServiceAndApplication {
        service: ServiceView {
            rec_id: service.rec_id,
            sid: service.sid,
            name: service.name.clone(),
            kind: service.kind.clone(),
            state: State::Init,
            created: service.created.clone(),
            cloud: None,
            subnet: None,
            application_id: service.aid,
        },
        application,
    }
}

pub(crate) fn resource(node: &Node, app_name: String) -> Option<ResourceView> {
    let place = node.place.as_ref()?;
    let created = Local.timestamp_opt(node.wanted.created, 0).earliest()?;
    Some(ResourceView {
        rid: node.rid,
        vmid: place.vmid.clone(),
        app_id: node.wanted.aid,
        app_name,
        service_id: node.wanted.sid,
        charged: node.charged,
        ip: place.ip.to_string(),
        role: node.wanted.role,
        cloud: node.wanted.cloud.shown().to_owned(),
        created: created.format("%Y-%m-%d %H:%M:%S%.6f").to_string(),
    })
}

/// A kept volume as managers see it.
pub(crate) fn kept_volume(volume: &Volume) -> Option<KeptVolumeView> {
    Some(KeptVolumeView {
        volume_id: volume.volume_id.clone()?,
        name: shown_name(&volume.wanted.name).to_owned(),
        size: volume.wanted.size_mb,
        cloud: volume.wanted.cloud.to_string(),
        service_id: volume.sid,
    })
}

/// A volume as its owner sees it.
pub(crate) fn volume(placed: &Placed) -> OwnedVolumeView {
    let volume = &placed.volume;
    let state = match volume.phase {
        Phase::Making => VolumeState::Making,
        Phase::Ready | Phase::Removing if volume.is_kept => VolumeState::Kept,
        Phase::Ready | Phase::Removing if volume.attached_to.is_some() => VolumeState::Attached,
        Phase::Ready | Phase::Removing => VolumeState::Detached,
    };
    OwnedVolumeView {
        app_id: volume.wanted.aid,
        app_name: placed.application.clone(),
        service_id: placed.sid,
        name: shown_name(&volume.wanted.name).to_owned(),
        volume_id: volume.volume_id.clone(),
        size: volume.wanted.size_mb,
        cloud: volume.wanted.cloud.shown().to_owned(),
        state,
        vmid: placed.vmid.clone(),
    }
}

/// A node as managers see it, with the volumes that were made for it.
pub(crate) fn node(node: &Node) -> Option<NodeView> {
    let wish = Wish::parse(&node.wanted.request).unwrap_or_default();
    let place = node.place.as_ref()?;
    Some(NodeView {
        id: node_id(&node.wanted.cloud, &place.vmid),
        vmid: place.vmid.clone(),
        ip: place.ip.to_string(),
        private_ip: place.private_ip.to_string(),
        cloud_name: node.wanted.cloud.to_string(),
        weight_backend: 100,
        role: wish.role,
        volumes: wish.attached,
        port: Some(place.port).filter(|port| *port != api::AGENT_PORT),
    })
}

/// Cloud and the cloud's own id in one, as ConPaaS 2.0 writes it; ids of local
/// clouds that are not the default one begin with their cloud already.
fn node_id(cloud: &CloudName, vmid: &str) -> String {
    let has_cloud = vmid.strip_prefix(cloud.as_str()).is_some_and(|rest| rest.starts_with('-'));
    if has_cloud { vmid.to_owned() } else { format!("{cloud}{vmid}") }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::model::NodeRole;
    use crate::store::director::node::{Phase, Place};
    use crate::store::director::sample::{Sample, new_user};

    fn node_at(role: NodeRole, port: u16) -> Node {
        let place = Place {
            vmid: "v1".into(),
            ip: Ipv4Addr::new(10, 0, 0, 2),
            private_ip: Ipv4Addr::new(192, 168, 0, 2),
            port,
        };
        let mut wanted = Sample::new(0).new_node("n1", role);
        wanted.request = r#"{"role": "master"}"#.into();
        Node { rid: 7, phase: Phase::Up, wanted, place: Some(place), charged: 2, up_since: 0 }
    }

    #[test]
    fn ports_are_told_where_they_are_not_the_usual_ones() {
        let sample = Sample::new(0);
        for (port, told) in [(api::MANAGER_PORT, None), (4430, Some(4430))] {
            let view = application(&sample.application(), Some(&node_at(NodeRole::Manager, port)));
            assert_eq!((view.manager_port, view.manager.as_deref()), (told, Some("10.0.0.2")));
        }
        for (port, told) in [(api::AGENT_PORT, None), (5556, Some(5556))] {
            assert_eq!(node(&node_at(NodeRole::Agent, port)).expect("it has a place").port, told);
        }
        let view = application(&sample.application(), None);
        assert_eq!((view.status, view.manager, view.vmid, view.cloud), (State::Init, None, None, None));
    }

    #[test]
    fn a_node_has_its_role_in_its_service_and_a_resource_its_program() {
        let row = node_at(NodeRole::Agent, api::AGENT_PORT);
        let view = node(&row).expect("it has a place");
        assert_eq!(
            (view.id.as_str(), view.role.as_str(), view.private_ip.as_str()),
            ("iaasv1", "master", "192.168.0.2")
        );
        let view = resource(&row, "app".into()).expect("it has a place");
        assert_eq!((view.role, view.cloud.as_str(), view.charged), (NodeRole::Agent, "default", 2));
        let unplaced = Node { place: None, ..row };
        assert!(node(&unplaced).is_none() && resource(&unplaced, "app".into()).is_none());
    }

    #[test]
    fn the_id_of_a_node_names_its_cloud_once() {
        let two: CloudName = "cloud2".parse().expect("a name");
        for (cloud, vmid, id) in [
            (&two, "cloud2-i-00000003", "cloud2-i-00000003"),
            (&two, "i-0abc", "cloud2i-0abc"),
            (&two, "cloud22-i-1", "cloud2cloud22-i-1"),
            (&CloudName::default_cloud(), "i-00000003", "iaasi-00000003"),
        ] {
            assert_eq!(node_id(cloud, vmid), id);
        }
    }

    #[test]
    fn no_password_is_shown_but_the_md5_of_the_one_that_was_typed() {
        let stored = User { uid: crate::model::UserId(1), details: new_user("alice", 5) };
        assert_eq!(super::user(&stored, None).password, None);
        let typed = super::user(&stored, Some("secret")).password;
        assert_eq!(typed.as_deref(), Some("5ebe2294ecd0e0f08eab7690d2a6ee69"));
    }
}
