//! `conpaas director check --fix` for OpenStack: makes what the section names
//! and is not there, as far as a program can know what it should be: the
//! security group and its rules, the key pair, the image from a file.

use std::path::Path;

use super::call::{Call, CallError, Service};
use super::check::{closed, shown};
use super::names::quoted;
use super::project::Project;
use super::requests::{
    CreateImage, CreateKeyPair, CreateSecurityGroup, CreateSecurityRule, Named, NewSecurityGroup, NewSecurityRule,
};
use super::responses::{Image, KeyPairMade, SecurityGroup, SecurityGroupMade};
use crate::cloud::{RepairOptions, firewall_ports};
use crate::model::Finding;
use crate::sys::{chain, file};

/// What is done, and what could not be.
type Repaired = Result<Vec<Finding>, CallError>;

impl Project {
    pub(crate) async fn repair(&self, options: &RepairOptions<'_>) -> Vec<Finding> {
        let project = self.hasty();
        if let Err(error) = project.session.log_in().await {
            return vec![project.trouble(&error)];
        }
        let mut findings = Vec::new();
        let repaired = [
            project.repair_group().await,
            project.repair_key(options.key_directory).await,
            project.repair_image(options.image).await,
        ];
        for repaired in repaired {
            findings.extend(repaired.unwrap_or_else(|error| vec![project.trouble(&error)]));
        }
        findings
    }

    async fn repair_group(&self) -> Repaired {
        let name = &self.config.security_group;
        let mut findings = Vec::new();
        let group = match self.group().await? {
            Some(group) => group,
            None => {
                let body =
                    CreateSecurityGroup { security_group: NewSecurityGroup { name, description: "Nodes of ConPaaS" } };
                let call = Call::post("create_security_group", Service::Network, "security-groups", &body);
                let made: SecurityGroupMade = self.session.fetch(&call).await?;
                findings.push(Finding::good(format!("security group '{name}' is made")));
                SecurityGroup { id: made.security_group.id, name: name.clone(), security_group_rules: Vec::new() }
            }
        };
        let missing =
            closed(&group, &[firewall_ports::OWN.as_slice(), firewall_ports::OF_SERVICES.as_slice()].concat());
        for port in &missing {
            let body = CreateSecurityRule { security_group_rule: NewSecurityRule::letting_in(&group.id, *port) };
            let call = Call::post("create_rule", Service::Network, "security-group-rules", &body);
            match self.session.done(&call).await {
                // It is there already.
                Err(error) if error.status() == Some(409) && !error.to_string().contains("uota") => {}
                outcome => outcome?,
            }
        }
        if !missing.is_empty() {
            findings.push(Finding::good(format!(
                "security group '{}' now lets in TCP {}",
                group.name,
                shown(&missing)
            )));
        }
        Ok(findings)
    }

    /// Nova makes the key and gives it out once; it lies beside `director.cfg` then.
    async fn repair_key(&self, directory: &Path) -> Repaired {
        if self.has_key().await? {
            return Ok(Vec::new());
        }
        let name = &self.config.key_name;
        let path = directory.join(format!("{}-{}.pem", self.name, file_name(name)));
        if path.exists() {
            let text = format!("there is no key pair '{name}', but {} is there", path.display());
            return Ok(vec![Finding::bad(text, "import its public key into nova, or move the file away")]);
        }
        let body = CreateKeyPair { keypair: Named { name } };
        let call = Call::post("create_key_pair", Service::Compute, "os-keypairs", &body);
        let made: KeyPairMade = self.session.fetch(&call).await?;
        let kept = match made.keypair.private_key {
            Some(key) => file::write_atomic(&path, key.as_bytes(), 0o600).map_err(|error| chain(&error)),
            None => Err("nova did not give out its private key".to_owned()),
        };
        Ok(vec![match kept {
            Ok(()) => Finding::good(format!("key pair '{name}' is made; its private key is {}", path.display())),
            Err(reason) => {
                // Nobody could log in with it.
                let call = Call::delete("delete_key_pair", Service::Compute, format!("os-keypairs/{}", quoted(name)));
                self.session.done(&call).await?;
                Finding::bad(format!("no key pair '{name}' was made: {reason}"), "see to the directory, then try again")
            }
        }])
    }

    async fn repair_image(&self, image: Option<&Path>) -> Repaired {
        let (name, Some(path)) = (&self.config.image_id, image) else { return Ok(Vec::new()) };
        if self.image(name).await?.is_some_and(|image| image.status == "active") {
            return Ok(Vec::new());
        }
        let cannot = |error: &dyn std::fmt::Display| {
            let text = format!("cannot read the image {}: {error}", path.display());
            Ok(vec![Finding::bad(text, "name the file of an image with --image")])
        };
        let (file, format) = match open(path).await {
            Ok(opened) => opened,
            Err(error) => return cannot(&error),
        };
        let body = CreateImage { name, disk_format: format, container_format: "bare", visibility: "private" };
        let call = Call::post("create_image", Service::Image, "images", &body);
        let made: Image = self.session.fetch(&call).await?;
        if let Err(error) = self.session.upload(&format!("images/{}/file", made.id), file).await {
            // Half an image is in the way of the next attempt.
            let call = Call::delete("delete_image", Service::Image, format!("images/{}", made.id));
            self.session.done(&call).await?;
            return Err(error);
        }
        let (id, path) = (&made.id, path.display());
        Ok(vec![Finding::good(format!("image {name} is uploaded from {path} as {format} ({id})"))])
    }
}

/// The file, and what glance calls its format: qcow2 begins with its name.
async fn open(path: &Path) -> std::io::Result<(tokio::fs::File, &'static str)> {
    use tokio::io::{AsyncReadExt, AsyncSeekExt};
    let mut file = tokio::fs::File::open(path).await?;
    let mut magic = Vec::new();
    (&mut file).take(4).read_to_end(&mut magic).await?;
    file.rewind().await?;
    Ok((file, if magic == *b"QFI\xfb" { "qcow2" } else { "raw" }))
}

fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
}
