//! Rows as the wire shows them.

use chrono::{Local, TimeZone};

use super::node::request::Wish;
use crate::api::{self, ApplicationView, NodeView, ResourceView, ServiceAndApplication, ServiceView, UserView};
use crate::store::director::application::Application;
use crate::store::director::node::Node;
use crate::store::director::service::Service;
use crate::store::director::user::User;

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
            state: "INIT".to_owned(),
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

/// A node as managers see it, with the volumes that were made for it.
pub(crate) fn node(node: &Node) -> Option<NodeView> {
    let wish = Wish::parse(&node.wanted.request).unwrap_or_default();
    let place = node.place.as_ref()?;
    Some(NodeView {
        id: format!("{}{}", node.wanted.cloud, place.vmid),
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
