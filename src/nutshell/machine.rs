//! What the nutshell's clouds of containers have on this machine, and what
//! must be gone after the director has ended, whatever it left.

use super::error::NutshellError;
use super::place::Place;
use crate::cloud::local::lxc::{LxcCloud, LxcSettings};
use crate::cloud::{Cloud, CloudError};
use crate::config::{CloudConfig, DirectorConfig, DriverConfig};

/// Removes containers, mounts, loop devices and bridges that are still
/// there; volumes keep their data. Goes on after a failure and returns all of them.
pub(crate) async fn clear(place: &Place) -> Result<Vec<String>, NutshellError> {
    let mut failures = Vec::new();
    for cloud in clouds(place)? {
        failures.extend(clear_cloud(&cloud).await);
    }
    Ok(failures)
}

async fn clear_cloud(cloud: &LxcCloud) -> Vec<String> {
    let mut outcomes: Vec<Result<(), CloudError>> = Vec::new();
    match cloud.list_nodes().await {
        Ok(nodes) => {
            for node in nodes {
                outcomes.push(cloud.remove_node(&node.tag).await);
            }
        }
        Err(error) => outcomes.push(Err(error)),
    }
    match cloud.list_volumes().await {
        Ok(volumes) => {
            for volume in volumes {
                outcomes.push(cloud.detach_volume(&volume.tag).await);
            }
        }
        Err(error) => outcomes.push(Err(error)),
    }
    outcomes.push(cloud.remove_network().await);
    outcomes.into_iter().filter_map(|outcome| outcome.err().map(|error| error.to_string())).collect()
}

fn clouds(place: &Place) -> Result<Vec<LxcCloud>, NutshellError> {
    if !place.director_cfg().exists() {
        return Ok(Vec::new());
    }
    let config = DirectorConfig::read(&place.director_cfg())?;
    let made = config.clouds.iter().filter_map(|cloud| settings(place, &config, cloud));
    Ok(made.map(LxcCloud::new).collect::<Result<_, _>>()?)
}

fn settings(place: &Place, director: &DirectorConfig, cloud: &CloudConfig) -> Option<LxcSettings> {
    let DriverConfig::Lxc(lxc) = &cloud.driver else { return None };
    let program = lxc.program.clone().unwrap_or_else(|| place.program.clone());
    Some(LxcSettings::configured(director, &cloud.name, lxc, program))
}
