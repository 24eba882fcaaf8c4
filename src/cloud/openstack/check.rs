//! `conpaas director check` for OpenStack: everything that the section names,
//! as the project sees it.

use std::collections::BTreeMap;

use super::call::{Call, CallError, Service};
use super::error_text;
use super::names::quoted;
use super::project::Project;
use super::responses::{Flavor, Image, Limits, Ports, SecurityGroup, Volumes};
use crate::cloud::{CloudError, firewall_ports};
use crate::config::Floating;
use crate::model::Finding;

const BYTES_PER_GB: u64 = 1 << 30;
const REPAIR_HINT: &str = "'conpaas director check --fix' makes it";

impl Project {
    pub(crate) async fn check(&self) -> Vec<Finding> {
        self.hasty().look().await
    }

    async fn look(&self) -> Vec<Finding> {
        // Without this nothing below would say more.
        if let Err(error) = self.session.log_in().await {
            return vec![self.trouble(&error)];
        }
        let config = &self.config;
        let mut findings = vec![Finding::good(format!(
            "keystone at {} knows '{}' in '{}'",
            config.auth_url, config.user, config.project
        ))];
        if config.auth_url.starts_with("http://") && !is_here(&config.auth_url) {
            let text = "the password and the nodes' tokens go to keystone unencrypted".to_owned();
            findings.push(Finding::warning(text, "write HOST as https://… where the cloud can do that"));
        }
        match self.session.missing_services().await {
            Ok(missing) if missing.is_empty() => {}
            Ok(missing) => {
                let text = format!("the catalog has no {}", missing.join(", "));
                findings.push(Finding::bad(text, "check REGION, or have the service added"));
                return findings;
            }
            Err(error) => return vec![self.trouble(&error)],
        }
        let (image, flavor) = tokio::join!(self.check_image(), self.check_flavor());
        findings.extend([image.0, flavor.0]);
        if let (Some(image), Some(flavor)) = (image.1, flavor.1) {
            findings.extend(misfit(&image, &flavor));
        }
        let (network, pool, key, group, room, volumes) = tokio::join!(
            self.check_network(),
            self.check_pool(),
            self.check_key(),
            self.check_group(),
            self.check_room(),
            self.check_volumes(),
        );
        findings.extend(network);
        findings.extend(pool);
        findings.push(key);
        findings.extend(group);
        findings.extend(room);
        findings.extend(volumes);
        findings
    }

    async fn check_image(&self) -> (Finding, Option<Image>) {
        let wanted = &self.config.image_id;
        match self.image(wanted).await {
            Err(error) => (self.trouble(&error), None),
            Ok(None) => {
                let remedy = "'conpaas director check --fix --image FILE' uploads one, or set IMAGE_ID";
                (Finding::bad(error_text::not_valid(wanted, "IMAGE_ID"), remedy), None)
            }
            Ok(Some(image)) if image.status != "active" => {
                let text = format!("image {wanted} is {}", image.status);
                (Finding::bad(text, "wait until it is active, or set IMAGE_ID"), None)
            }
            Ok(Some(image)) => {
                let size_mb = image.size.unwrap_or_default() >> 20;
                (Finding::good(format!("image {wanted} is there ({size_mb} MB)")), Some(image))
            }
        }
    }

    async fn check_flavor(&self) -> (Finding, Option<Flavor>) {
        let wanted = &self.config.size_id;
        match self.flavors().await {
            Err(error) => (self.trouble(&error), None),
            Ok(flavors) => {
                let by_id = flavors.iter().find(|flavor| flavor.id == *wanted);
                match by_id.or_else(|| flavors.iter().find(|flavor| flavor.name == *wanted)) {
                    Some(flavor) => {
                        let size = format!("{} MB, {} CPU, {} GB disk", flavor.ram, flavor.vcpus, flavor.disk);
                        (Finding::good(format!("size {wanted} is there ({size})")), Some(flavor.clone()))
                    }
                    None => {
                        let names: Vec<&str> = flavors.iter().map(|flavor| flavor.name.as_str()).collect();
                        let remedy = format!("set SIZE_ID to one of {}", names.join(", "));
                        (Finding::bad(error_text::not_valid(wanted, "SIZE_ID"), &remedy), None)
                    }
                }
            }
        }
    }

    async fn check_network(&self) -> Vec<Finding> {
        let Some(wanted) = &self.config.network_id else { return Vec::new() };
        let network = match self.network(wanted).await {
            Err(error) => return vec![self.trouble(&error)],
            Ok(None) => return vec![Finding::bad(error_text::not_valid(wanted, "NETWORK_ID"), "set NETWORK_ID")],
            Ok(Some(network)) => network,
        };
        let mut findings = vec![Finding::good(format!("network {wanted} is there"))];
        // Other projects' routers are not shown, nor their ports in a network that they share.
        if matches!(self.config.floating, Floating::ByDirector { .. }) && !network.shared {
            let path = format!("ports?network_id={}&device_owner=network:router_interface", network.id);
            match self.session.fetch::<Ports>(&Call::get("list_ports", Service::Network, path)).await {
                Ok(found) if found.ports.is_empty() => {
                    let text = format!("no router of the project leads out of network {wanted}");
                    findings.push(Finding::warning(text, "floating addresses need one between network and pool"));
                }
                Ok(_) => {}
                Err(error) => findings.push(self.trouble(&error)),
            }
        }
        findings
    }

    async fn check_pool(&self) -> Vec<Finding> {
        let wanted = match &self.config.floating {
            Floating::ByDirector { pool } => pool.as_deref(),
            Floating::ByCloud => return Vec::new(),
        };
        let found = match (self.pool(wanted).await, wanted) {
            (Err(error), _) => self.trouble(&error),
            (Ok(Some(pool)), _) => Finding::good(format!("floating addresses come from pool {}", pool.name)),
            (Ok(None), Some(wanted)) => {
                Finding::bad(error_text::not_valid(wanted, "FLOATING_NETWORK_ID"), "set FLOATING_NETWORK_ID")
            }
            (Ok(None), None) => Finding::bad(
                "the cloud has no pool of floating addresses".to_owned(),
                "have an external network made, or set AUTO_ASSIGN_FLOATING_IP = true",
            ),
        };
        vec![found]
    }

    async fn check_key(&self) -> Finding {
        let key = &self.config.key_name;
        match self.has_key().await {
            Ok(true) => Finding::good(format!("key pair '{key}' is there")),
            Ok(false) => {
                Finding::bad(format!("there is no key pair '{key}'"), &format!("{REPAIR_HINT}, or set KEY_NAME"))
            }
            Err(error) => self.trouble(&error),
        }
    }

    pub(crate) async fn has_key(&self) -> Result<bool, CallError> {
        let path = format!("os-keypairs/{}", quoted(&self.config.key_name));
        let call = Call::get("show_key_pair", Service::Compute, path);
        Ok(self.session.fetch_if_there::<serde::de::IgnoredAny>(&call).await?.is_some())
    }

    async fn check_group(&self) -> Vec<Finding> {
        let group = match self.group().await {
            Err(error) => return vec![self.trouble(&error)],
            Ok(None) => {
                let remedy = format!("{REPAIR_HINT}, or set SECURITY_GROUP_NAME");
                return vec![Finding::bad(error_text::no_group(&self.config), &remedy)];
            }
            Ok(Some(group)) => group,
        };
        let name = &self.config.security_group;
        let mut findings = Vec::new();
        match shown(&closed(&group, &firewall_ports::OWN)) {
            missing if missing.is_empty() => {
                findings.push(Finding::good(format!("security group '{name}' lets in managers and agents")));
            }
            missing => {
                let text = format!(
                    "security group '{name}' does not let in TCP {missing}: managers or agents are not reached"
                );
                findings.push(Finding::bad(text, "'conpaas director check --fix' adds the rules"));
            }
        }
        let missing = shown(&closed(&group, &firewall_ports::OF_SERVICES));
        if !missing.is_empty() {
            let text = format!("security group '{name}' does not let in TCP {missing}, which services may offer");
            findings.push(Finding::warning(text, "'conpaas director check --fix' adds the rules"));
        }
        findings
    }

    /// What the quota leaves.
    async fn check_room(&self) -> Vec<Finding> {
        let call = Call::get("show_limits", Service::Compute, "limits");
        let limits: BTreeMap<String, i64> = match self.session.fetch::<Limits>(&call).await {
            Ok(found) => found.limits.absolute,
            Err(error) => return vec![self.trouble(&error)],
        };
        let mut findings = Vec::new();
        for (what, max, used) in [
            ("servers", "maxTotalInstances", "totalInstancesUsed"),
            ("processors", "maxTotalCores", "totalCoresUsed"),
            ("MB of memory", "maxTotalRAMSize", "totalRAMUsed"),
        ] {
            // Negative is no limit.
            if let (Some(max @ 0..), Some(used)) = (limits.get(max), limits.get(used))
                && used >= max
            {
                let text = format!("the project's quota of {what} is used up ({used} of {max})");
                findings.push(Finding::warning(text, "remove what is not needed, or have it raised"));
            }
        }
        findings
    }

    async fn check_volumes(&self) -> Vec<Finding> {
        match self.session.fetch::<Volumes>(&Call::get("list_volumes", Service::Volume, "volumes/detail?limit=1")).await
        {
            Ok(_) => vec![Finding::good("nova, neutron, glance and cinder answer".to_owned())],
            Err(error) => vec![self.trouble(&error)],
        }
    }

    /// What the report says of the cloud already is left out.
    pub(crate) fn trouble(&self, error: &CallError) -> Finding {
        let text = match self.explain("be looked at", error) {
            CloudError::Failed { reason, .. } => reason,
            other => other.to_string(),
        };
        Finding::bad(text, "mend what it says, then check again")
    }
}

/// What an image wants and a flavor has not.
fn misfit(image: &Image, flavor: &Flavor) -> Option<Finding> {
    if flavor.disk == 0 {
        let text =
            format!("size {} has no disk of its own: most clouds let only administrators use it so", flavor.name);
        return Some(Finding::warning(text, "set SIZE_ID to one with a disk"));
    }
    let size_gb = image.size.unwrap_or_default().div_ceil(BYTES_PER_GB).max(image.min_disk);
    if flavor.disk < size_gb {
        let text = format!("the image needs a disk of {size_gb} GB, size {} has {} GB", flavor.name, flavor.disk);
        return Some(Finding::bad(text, "set SIZE_ID to a larger one"));
    }
    if flavor.ram < image.min_ram {
        let text = format!("the image needs {} MB of memory, size {} has {}", image.min_ram, flavor.name, flavor.ram);
        return Some(Finding::bad(text, "set SIZE_ID to a larger one"));
    }
    None
}

/// Ports that no rule lets in.
pub(crate) fn closed(group: &SecurityGroup, ports: &[u16]) -> Vec<u16> {
    let is_open = |port: u16| group.security_group_rules.iter().any(|rule| rule.lets_in(port));
    ports.iter().copied().filter(|port| !is_open(*port)).collect()
}

pub(crate) fn shown(ports: &[u16]) -> String {
    ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn is_here(url: &str) -> bool {
    let host = url.trim_start_matches("http://").split(['/', ':']).next().unwrap_or_default();
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_asked_for_each_port() {
        let group: SecurityGroup = serde_json::from_str(
            r#"{"id": "g", "name": "g", "security_group_rules": [
                {"direction": "egress", "ethertype": "IPv4", "protocol": null},
                {"direction": "ingress", "ethertype": "IPv6", "protocol": "tcp"},
                {"direction": "ingress", "ethertype": "IPv4", "remote_group_id": "g"},
                {"direction": "ingress", "ethertype": "IPv4", "protocol": "udp", "port_range_min": 22, "port_range_max": 22},
                {"direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "port_range_min": 80, "port_range_max": 443}]}"#,
        )
        .unwrap();
        assert_eq!(closed(&group, &[22, 80, 443, 5555]), [22, 5555]);
        assert_eq!(shown(&closed(&group, &[22, 80, 443, 5555])), "22, 5555");
    }

    #[test]
    fn an_image_that_does_not_fit_is_told() {
        let image: Image = serde_json::from_str(r#"{"id": "i", "size": 1073741825, "min_ram": 64}"#).unwrap();
        let flavor = |ram, disk| Flavor { id: "f".into(), name: "f".into(), ram, disk, vcpus: 1 };
        assert!(misfit(&image, &flavor(64, 2)).is_none());
        assert!(misfit(&image, &flavor(64, 0)).unwrap().text.contains("no disk of its own"));
        assert!(misfit(&image, &flavor(64, 1)).unwrap().text.contains("a disk of 2 GB, size f has 1 GB"));
        assert!(misfit(&image, &flavor(32, 2)).unwrap().text.contains("64 MB of memory"));
    }
}
