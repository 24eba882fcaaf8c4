//! Whether users and nodes can call the director where its configuration says that it is.
//!
//! Looked at when a director is set up, when it starts and by the check: what is found later is found by nodes,
//! which ask for minutes before they give up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

use crate::cloud::local::lxc::{LxcSettings, check_conflicts};
use crate::config::{CloudConfig, DirectorConfig, DirectorUrl, DriverConfig};
use crate::model::{Ipv4Network, check_host_name};

/// Why a director cannot be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HostError {
    /// It never can.
    #[error("{0}")]
    Impossible(String),
    /// Nobody knows the name at this moment.
    #[error(
        "this machine does not know the host name '{name}' of DIRECTOR_URL: put it into /etc/hosts or DNS, or run \
         'conpaas director init --hostname' with the machine's address"
    )]
    Unknown {
        /// The host name.
        name: String,
    },
}

/// Looks whether the host of `DIRECTOR_URL` and `LISTEN` fit the clouds. May ask the resolver: blocking.
///
/// # Errors
/// In words that name both sides and the remedy.
pub(crate) fn check_host(config: &DirectorConfig) -> Result<(), HostError> {
    let Some(url) = &config.director_url else { return Ok(()) };
    check_text(config, url).map_err(HostError::Impossible)?;
    let addresses: Vec<IpAddr> = match (url.host(), url.port()).to_socket_addrs() {
        Ok(addresses) => addresses.map(|address: SocketAddr| address.ip()).collect(),
        Err(_) => return Err(HostError::Unknown { name: url.host().to_owned() }),
    };
    check_addresses(config, url.host(), &addresses).map_err(HostError::Impossible)
}

/// Whether nodes can find the director even while this machine's resolver cannot: those of containers are told
/// its address, and remote ones have a resolver of their own.
pub(crate) fn is_found_without_resolver(config: &DirectorConfig) -> bool {
    config.clouds.iter().all(|cloud| match &cloud.driver {
        DriverConfig::Process(_) => false,
        DriverConfig::Lxc(_) | DriverConfig::Ec2(_) | DriverConfig::OpenStack(_) => true,
    })
}

/// Looks whether the networks of containers fit this machine. Blocking.
///
/// # Errors
/// The first that does not, in words that name both sides and the remedy.
pub(crate) fn check_networks(config: &DirectorConfig) -> Result<(), String> {
    for (cloud, lxc) in config.clouds.iter().filter_map(containers) {
        let settings = LxcSettings::configured(config, &cloud.name, lxc, "/".into());
        check_conflicts(&settings).map_err(|reason| format!("[{}] {reason}", cloud.name))?;
    }
    Ok(())
}

fn containers(cloud: &CloudConfig) -> Option<(&CloudConfig, &crate::config::LxcConfig)> {
    match &cloud.driver {
        DriverConfig::Lxc(lxc) => Some((cloud, lxc)),
        DriverConfig::Process(_) | DriverConfig::Ec2(_) | DriverConfig::OpenStack(_) => None,
    }
}

/// The cloud whose nodes cannot call the director by the loopback interface. Processes of this machine can; where
/// there are some, only containers are known to call by the same name.
fn away(config: &DirectorConfig) -> Option<&CloudConfig> {
    let has_processes = config.clouds.iter().any(|cloud| matches!(cloud.driver, DriverConfig::Process(_)));
    config.clouds.iter().find(|cloud| match &cloud.driver {
        DriverConfig::Lxc(_) => true,
        DriverConfig::Process(_) => false,
        DriverConfig::Ec2(_) | DriverConfig::OpenStack(_) => !has_processes,
    })
}

fn check_text(config: &DirectorConfig, url: &DirectorUrl) -> Result<(), String> {
    let host = url.host();
    check_host_name(host)?;
    let Some(away) = away(config) else { return Ok(()) };
    let small = host.trim_end_matches('.').to_ascii_lowercase();
    if small == "localhost" || small.ends_with(".localhost") {
        return Err(format!(
            "for a node of cloud [{}], '{host}' is the node itself: name the director as other machines do",
            away.name
        ));
    }
    let is_container = matches!(away.driver, DriverConfig::Lxc(_));
    if is_container && config.listen.ip().is_loopback() {
        return Err(format!(
            "LISTEN {} is reached from this machine alone, and nodes of cloud [{}] call the director: set LISTEN to 0.0.0.0:{}",
            config.listen,
            away.name,
            config.listen.port()
        ));
    }
    Ok(())
}

fn check_addresses(config: &DirectorConfig, host: &str, addresses: &[IpAddr]) -> Result<(), String> {
    let ipv4: Vec<Ipv4Addr> = addresses
        .iter()
        .filter_map(|address| match address {
            IpAddr::V4(address) => Some(*address),
            IpAddr::V6(_) => None,
        })
        .collect();
    for address in &ipv4 {
        let is_loopback_of_name = address.is_loopback() && host.parse::<Ipv4Addr>().is_err();
        let is_for_processes = away(config).is_none();
        // Debian gives a machine's own name an address of the loopback interface; containers are told another one.
        if !(address.is_loopback() && (is_for_processes || is_loopback_of_name)) {
            Ipv4Network::check_host(*address).map_err(|reason| format!("{host} cannot be the director's: {reason}"))?;
        }
        for (cloud, lxc) in config.clouds.iter().filter_map(containers) {
            if (lxc.first_address..=lxc.last_address).contains(address) {
                return Err(format!(
                    "the director's address {address} is among those of nodes of cloud [{}], {} to {}: set FIRST_ADDRESS \
                     and LAST_ADDRESS there, or call the director by GATEWAY, {}",
                    cloud.name, lxc.first_address, lxc.last_address, lxc.gateway
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn verdict(url: &str, rest: &str) -> Result<(), HostError> {
        let text = format!("[director]\nDIRECTOR_URL = {url}\n{rest}");
        check_host(&DirectorConfig::parse(Path::new("/x"), &text).unwrap())
    }

    const CONTAINERS: &str = "[iaas]\nDRIVER = lxc\n";
    const PROCESSES: &str = "[iaas]\nDRIVER = process\n";

    #[test]
    fn what_nodes_can_call_is_taken() {
        for (url, rest) in [
            ("https://172.16.0.1:5555", CONTAINERS),
            ("https://192.0.2.1:5555", CONTAINERS),
            ("https://localhost:5555", PROCESSES),
            ("https://127.0.0.1:5555", PROCESSES),
        ] {
            assert_eq!(verdict(url, rest), Ok(()), "{url}");
        }
    }

    #[test]
    fn what_nodes_cannot_call_is_refused_at_once() {
        let table = [
            ("https://localhost:5555", CONTAINERS, "is the node itself"),
            ("https://LOCALHOST.:5555", CONTAINERS, "is the node itself"),
            ("https://127.0.0.1:5555", CONTAINERS, "loopback"),
            ("https://0.0.0.0:5555", CONTAINERS, "cannot be the director's"),
            ("https://255.255.255.255:5555", CONTAINERS, "cannot be the director's"),
            ("https://224.0.0.1:5555", PROCESSES, "multicast"),
            ("https://172.16.0.40:5555", CONTAINERS, "172.16.0.2 to 172.16.0.254"),
            ("https://a..b:5555", PROCESSES, "a..b"),
            ("https://300.1.2.3:5555", PROCESSES, "300.1.2.3"),
        ];
        for (url, rest, words) in table {
            let error = verdict(url, rest).unwrap_err();
            assert!(matches!(error, HostError::Impossible(_)) && error.to_string().contains(words), "{url}: {error}");
        }
        let rest = format!("LISTEN = 127.0.0.1:5555\n{CONTAINERS}");
        assert!(
            verdict("https://172.16.0.1:5555", &rest).unwrap_err().to_string().contains("set LISTEN to 0.0.0.0:5555")
        );
        let unknown = verdict("https://no-such-host.invalid:5555", CONTAINERS);
        assert_eq!(unknown, Err(HostError::Unknown { name: "no-such-host.invalid".to_owned() }));
    }
}
