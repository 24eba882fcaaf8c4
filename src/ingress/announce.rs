//! Names of the local network: avahi makes each known for as long as its service serves.
//!
//! A name that another machine has already is told, and tried again after some minutes.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::place::Place;
use crate::api::{IngressSite, SiteState, Troubles};
use crate::supervise::daemon::{
    Daemon, DaemonSignal, Launch, OutputLimits, Pauses, Probe, Readiness, Reload, Scheduling, Stop, Style,
};
use crate::sys::{address, file, program};

/// Where avahi listens to programs of its machine.
const AVAHI: &str = "/run/avahi-daemon/socket";
const LIMIT: Duration = Duration::from_secs(5);
const GRACE: Duration = Duration::from_secs(2);
/// It says little.
const MAX_SAID_BYTES: u64 = 16 * 1024;
/// A name may be free again after that.
const AGAIN: Duration = Duration::from_secs(300);

/// Names that other machines have, by their services, and since when that is known.
#[derive(Default)]
pub(super) struct Conflicts(BTreeMap<i64, Instant>);

impl Conflicts {
    /// Looks which of the sites' names avahi calls another machine's. Returns whether there are new ones. Blocking.
    pub(super) fn look(&mut self, place: &Place, sites: &[IngressSite]) -> bool {
        self.0.retain(|_, since| since.elapsed() < AGAIN);
        let mut is_any_new = false;
        for site in sites.iter().filter(|site| is_local(site)) {
            let said = place.daemons().join(name(site)).join("stderr");
            let is_lost = || {
                let said = file::read_tail(&said, MAX_SAID_BYTES);
                said.is_ok_and(|text| text.to_ascii_lowercase().contains("collision"))
            };
            if !self.0.contains_key(&site.number) && is_lost() {
                self.0.insert(site.number, Instant::now());
                is_any_new = true;
            }
        }
        is_any_new
    }

    /// Returns what keeps names from being found.
    pub(super) fn troubles(&self, sites: &[IngressSite]) -> Troubles {
        let own = sites.iter().filter(|site| is_local(site) && self.0.contains_key(&site.number));
        let text = |site: &IngressSite| {
            let name = site.name.as_deref().unwrap_or_default();
            (site.number, format!("another machine of the network has the name {name}"))
        };
        own.map(text).collect()
    }
}

/// Computes what makes the names of these sites known. Blocking.
pub(super) fn of(place: &Place, sites: &[IngressSite], wanted: Option<Ipv4Addr>, conflicts: &Conflicts) -> Vec<Daemon> {
    let Some(program) = program::find("avahi-publish").filter(|_| Path::new(AVAHI).exists()) else { return Vec::new() };
    let Some(address) = wanted.or_else(first_address) else { return Vec::new() };
    let serves = |site: &&IngressSite| is_local(site) && site.state == SiteState::Running;
    let free = sites.iter().filter(serves).filter(|site| !conflicts.0.contains_key(&site.number));
    free.map(|site| daemon(place, &program, site, address)).collect()
}

fn is_local(site: &IngressSite) -> bool {
    site.name.as_ref().is_some_and(|name| name.ends_with(".local"))
}

fn name(site: &IngressSite) -> String {
    format!("name-{}", site.number)
}

/// A bridge leads to containers, where no visitor is.
fn first_address() -> Option<Ipv4Addr> {
    let is_bridge = |interface: &str| Path::new("/sys/class/net").join(interface).join("bridge").exists();
    address::own().ok()?.into_iter().filter(|own| !is_bridge(&own.interface)).find_map(|own| match own.address {
        IpAddr::V4(address) if !address.is_loopback() && !address.is_link_local() => Some(address),
        _ => None,
    })
}

fn daemon(place: &Place, program: &Path, site: &IngressSite, address: Ipv4Addr) -> Daemon {
    let name_of_site = site.name.clone().unwrap_or_default();
    Daemon {
        name: name(site).parse().expect("it is a name of a daemon"),
        launch: Launch {
            program: program.to_owned(),
            arguments: vec!["-a".into(), "-R".into(), name_of_site, address.to_string()],
            environment: Vec::new(),
            user: None,
            directory: place.directory().to_owned(),
            style: Style::Foreground,
            scheduling: Scheduling::Usual,
            output: OutputLimits::default(),
        },
        configuration: Vec::new(),
        check: None,
        readiness: Readiness { probe: Probe::UnixSocket(PathBuf::from(AVAHI)), limit: LIMIT },
        reload: Reload::Restart,
        stop: Stop { signal: DaemonSignal::Term, grace: GRACE },
        pauses: Pauses::default(),
        n_tries: u32::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ApplicationId, ServiceId};

    #[test]
    fn a_name_that_another_machine_has_is_told_until_it_is_tried_again() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::of_test(directory.path());
        let site = IngressSite {
            number: 7,
            app_id: ApplicationId(1),
            service_id: ServiceId(1),
            protocol: "http".to_owned(),
            port: 8001,
            name: Some("blog.local".to_owned()),
            servers: Vec::new(),
            state: SiteState::Running,
            force_https: false,
            auth: None,
        };
        let sites = [site];
        let mut conflicts = Conflicts::default();
        assert!(!conflicts.look(&place, &sites) && conflicts.troubles(&sites).is_empty());
        let said = place.daemons().join("name-7");
        std::fs::create_dir_all(&said).unwrap();
        std::fs::write(said.join("stderr"), "Name collision, picking new name 'blog-2.local'.\n").unwrap();
        assert!(conflicts.look(&place, &sites) && !conflicts.look(&place, &sites));
        assert!(conflicts.troubles(&sites)[&7].contains("blog.local"));
        assert!(of(&place, &sites, Some(Ipv4Addr::LOCALHOST), &conflicts).is_empty());
        assert!(conflicts.troubles(&[]).is_empty());
    }
}
