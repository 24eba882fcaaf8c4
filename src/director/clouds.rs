//! The clouds of this director.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::error::Failure;
use crate::api;
use crate::cloud::ec2::Ec2Cloud;
use crate::cloud::local::lxc::{LxcCloud, LxcSettings};
use crate::cloud::local::process::{ProcessCloud, ProcessSettings};
use crate::cloud::openstack::OpenStackCloud;
use crate::cloud::timeout::{CloudTimeouts, TimeoutCloud};
use crate::cloud::{Cloud, CloudError};
use crate::config::{CloudConfig, DirectorConfig, DriverConfig};
use crate::model::CloudName;
use crate::pki::key_fingerprint;

/// All clouds, the default one first.
pub(crate) struct Clouds {
    order: Vec<CloudName>,
    clouds: BTreeMap<CloudName, Arc<dyn Cloud>>,
    ports: BTreeMap<CloudName, (u16, u16)>,
}

impl Clouds {
    /// Makes all clouds of the configuration; touches neither the machine nor
    /// the network yet. `authority_pem` tells this director from all others.
    pub(crate) fn new(config: &DirectorConfig, authority_pem: &str) -> Result<Self, CloudError> {
        let director = director_id(authority_pem);
        let mut clouds = Clouds { order: Vec::new(), clouds: BTreeMap::new(), ports: BTreeMap::new() };
        for cloud in &config.clouds {
            let timeouts = CloudTimeouts::usual(config.node_start_timeout);
            let made: Arc<dyn Cloud> = Arc::new(TimeoutCloud::new(make(config, cloud, &director)?, timeouts));
            clouds.order.push(cloud.name.clone());
            clouds.clouds.insert(cloud.name.clone(), made);
            let ports = match &cloud.driver {
                DriverConfig::Lxc(_) | DriverConfig::Ec2(_) | DriverConfig::OpenStack(_) => {
                    (api::MANAGER_PORT, api::AGENT_PORT)
                }
                DriverConfig::Process(process) => (process.manager_port, process.agent_port),
            };
            clouds.ports.insert(cloud.name.clone(), ports);
        }
        Ok(clouds)
    }

    /// Names, the default cloud first.
    pub(crate) fn names(&self) -> impl Iterator<Item = &CloudName> {
        self.order.iter()
    }

    /// All clouds, the default one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<dyn Cloud>> {
        self.order.iter().filter_map(|name| self.clouds.get(name))
    }

    /// The cloud that a record names.
    pub(crate) fn get(&self, name: &CloudName) -> Result<&Arc<dyn Cloud>, CloudError> {
        self.clouds.get(name).ok_or_else(|| CloudError::Failed {
            cloud: name.clone(),
            action: "be used".to_owned(),
            reason: "director.cfg does not name it any more".to_owned(),
        })
    }

    /// The cloud that a caller names.
    pub(crate) fn named(&self, text: &str) -> Result<CloudName, Failure> {
        let known = CloudName::from_caller(text).ok().filter(|name| self.clouds.contains_key(name));
        known.ok_or_else(|| {
            let names: Vec<String> = self.order.iter().map(|name| format!("'{name}'")).collect();
            Failure::Application(format!("Unknown cloud: {text}. Available clouds: [{}]", names.join(", ")))
        })
    }

    /// The ports of managers and of agents in a cloud.
    pub(crate) fn ports(&self, name: &CloudName) -> (u16, u16) {
        self.ports.get(name).copied().unwrap_or((api::MANAGER_PORT, api::AGENT_PORT))
    }
}

fn make(config: &DirectorConfig, cloud: &CloudConfig, director: &str) -> Result<Arc<dyn Cloud>, CloudError> {
    match &cloud.driver {
        DriverConfig::Lxc(lxc) => {
            let program = program(&cloud.name, lxc.program.as_ref())?;
            Ok(Arc::new(LxcCloud::new(LxcSettings::configured(config, &cloud.name, lxc, program))?))
        }
        DriverConfig::Process(process) => Ok(Arc::new(ProcessCloud::new(ProcessSettings {
            name: cloud.name.clone(),
            state_directory: process.state_dir.clone(),
            program: program(&cloud.name, process.program.as_ref())?,
            first_address: process.network.first_host(),
            last_address: process.network.last_host(),
            manager_port: process.manager_port,
            agent_port: process.agent_port,
            context: process.context,
        })?)),
        DriverConfig::Ec2(ec2) => Ok(Arc::new(Ec2Cloud::new(&cloud.name, ec2, director)?)),
        DriverConfig::OpenStack(openstack) => Ok(Arc::new(OpenStackCloud::new(&cloud.name, openstack, director)?)),
    }
}

/// By this a director finds in a cloud what is its own. It follows from the
/// key of its authority, which stays when the certificate is renewed: a
/// director with another authority is another one.
fn director_id(authority_pem: &str) -> String {
    const DIGITS: usize = 32;
    let mut id = key_fingerprint(authority_pem).unwrap_or_default();
    id.truncate(DIGITS);
    id
}

/// The program that nodes run: the configured one, else this very one.
fn program(cloud: &CloudName, configured: Option<&PathBuf>) -> Result<PathBuf, CloudError> {
    match configured {
        Some(path) => Ok(path.clone()),
        None => std::env::current_exe().map_err(|error| CloudError::Failed {
            cloud: cloud.clone(),
            action: "find this program's own file".to_owned(),
            reason: error.to_string(),
        }),
    }
}
