//! `conpaas director check` for EC2: everything that the section names, as the
//! account sees it.

use super::Account;
use super::error_text;
use super::query::{Params, QueryError};
use super::responses::{
    DescribeImages, DescribeInstanceTypes, DescribeKeyPairs, DescribeRegions, DescribeSubnets, Permission,
};
use crate::cloud::{CloudError, firewall_ports};
use crate::model::Finding;

impl Account {
    pub(crate) async fn check(&self) -> Vec<Finding> {
        let region = &self.config.region;
        let unknown = || vec![Finding::bad(format!("Unknown EC2 region: {region}"), "set REGION")];
        let known: Result<DescribeRegions, _> =
            self.query.call("DescribeRegions", &Params::new().set("RegionName.1", region)).await;
        match known {
            Ok(found) if found.region_info.items.is_empty() => return unknown(),
            Ok(_) => {}
            Err(error) if error.code() == "InvalidParameterValue" => return unknown(),
            // Without this nothing below would say more.
            Err(error) => return vec![self.trouble(&error)],
        }
        let mut findings = vec![Finding::good(format!("{} answers and knows the access key", self.config.endpoint))];
        let architecture = self.check_image(&mut findings).await;
        self.check_size(architecture.as_deref(), &mut findings).await;
        self.check_key(&mut findings).await;
        self.check_group(&mut findings).await;
        if let Some(subnet) = &self.config.subnet_id {
            let params = Params::new().set("SubnetId.1", subnet);
            findings.push(match self.query.call::<DescribeSubnets>("DescribeSubnets", &params).await {
                Ok(_) => Finding::good(format!("subnet {subnet} is there")),
                Err(error) => self.trouble(&error),
            });
        }
        findings
    }

    /// Returns the image's architecture.
    async fn check_image(&self, findings: &mut Vec<Finding>) -> Option<String> {
        let image = &self.config.image_id;
        let params = Params::new().set("ImageId.1", image);
        match self.query.call::<DescribeImages>("DescribeImages", &params).await {
            Err(error) => findings.push(self.trouble(&error)),
            Ok(found) => match found.images_set.items.into_iter().next() {
                None => {
                    let text = format!("there is no image {image} in {}", self.config.region);
                    findings.push(Finding::bad(text, "set IMAGE_ID"));
                }
                Some(found) if !["", "available"].contains(&found.image_state.as_str()) => {
                    let text = format!("image {image} is {}", found.image_state);
                    findings.push(Finding::bad(text, "wait until it is available, or set IMAGE_ID"));
                }
                Some(found) => {
                    findings.push(Finding::good(format!("image {image} is there ({})", found.architecture)));
                    return Some(found.architecture).filter(|architecture| !architecture.is_empty());
                }
            },
        }
        None
    }

    async fn check_size(&self, architecture: Option<&str>, findings: &mut Vec<Finding>) {
        let size = &self.config.size_id;
        let params = Params::new().set("InstanceType.1", size);
        let found = match self.query.call::<DescribeInstanceTypes>("DescribeInstanceTypes", &params).await {
            Err(error) if error_text::is_about_size(&error) => None,
            Err(error) => return findings.push(self.trouble(&error)),
            Ok(found) => found.instance_type_set.items.into_iter().next(),
        };
        let Some(found) = found else {
            return findings
                .push(Finding::bad(format!("Requested size not found. '{size}' is not offered here"), "set SIZE_ID"));
        };
        let runs: Vec<String> =
            found.processor_info.map(|processor| processor.supported_architectures.items).unwrap_or_default();
        findings.push(match architecture {
            Some(wanted) if !runs.is_empty() && !runs.iter().any(|runs| runs == wanted) => {
                let text = format!("the image is for {wanted}, but {size} runs {}", runs.join(" and "));
                Finding::bad(text, "set IMAGE_ID or SIZE_ID")
            }
            _ => Finding::good(format!("size {size} is offered")),
        });
    }

    async fn check_key(&self, findings: &mut Vec<Finding>) {
        let key = &self.config.key_name;
        let params = Params::new().set("KeyName.1", key);
        findings.push(match self.query.call::<DescribeKeyPairs>("DescribeKeyPairs", &params).await {
            Ok(found) if !found.key_set.items.is_empty() => Finding::good(format!("key pair '{key}' is there")),
            Ok(_) => Finding::bad(format!("there is no key pair '{key}'"), "make it, or set KEY_NAME"),
            Err(error) => self.trouble(&error),
        });
    }

    async fn check_group(&self, findings: &mut Vec<Finding>) {
        let group = match self.group().await {
            Err(error) => return findings.push(self.trouble(&error)),
            Ok(found) => found.security_group_info.items.into_iter().next(),
        };
        let Some(group) = group else {
            let remedy = "make it, or set SECURITY_GROUP_NAME";
            return findings.push(Finding::bad(error_text::no_group(&self.config), remedy));
        };
        let permissions = &group.ip_permissions.items;
        let name = &self.config.security_group;
        let missing = closed(permissions, &firewall_ports::OWN);
        findings.push(if missing.is_empty() {
            Finding::good(format!("security group '{name}' lets in managers and agents"))
        } else {
            let text =
                format!("security group '{name}' does not let in TCP {missing}: managers or agents are not reached");
            Finding::bad(text, "add rules for these ports")
        });
        let missing = closed(permissions, &firewall_ports::OF_SERVICES);
        if !missing.is_empty() {
            let text = format!("security group '{name}' does not let in TCP {missing}, which services may offer");
            findings.push(Finding::warning(text, "add rules for those that your users need"));
        }
    }

    /// What the report says of the cloud already is left out.
    fn trouble(&self, error: &QueryError) -> Finding {
        let text = match self.explain("be looked at", error) {
            CloudError::Failed { reason, .. } => reason,
            other => other.to_string(),
        };
        Finding::bad(text, "mend what it says, then check again")
    }
}

/// Ports that no rule lets in, as a list for people.
fn closed(permissions: &[Permission], ports: &[u16]) -> String {
    let is_open = |port: u16| permissions.iter().any(|permission| permission.lets_in(port));
    let closed: Vec<String> = ports.iter().filter(|port| !is_open(**port)).map(ToString::to_string).collect();
    closed.join(", ")
}
