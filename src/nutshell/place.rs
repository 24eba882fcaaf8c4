//! Where everything of one nutshell is.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::error::NutshellError;
use crate::model::Ipv4Network;

/// What a nutshell's nodes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NutshellCloud {
    /// Containers.
    Lxc,
    /// Plain processes.
    Process,
    /// Servers of an OpenStack that is there already.
    OpenStack,
}

impl NutshellCloud {
    /// The `DRIVER` of the configuration.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            NutshellCloud::Lxc => "lxc",
            NutshellCloud::Process => "process",
            NutshellCloud::OpenStack => "openstack",
        }
    }
}

/// What people choose.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// What nodes are.
    pub cloud: NutshellCloud,
    /// A network namespace that everything stays in.
    pub netns: Option<String>,
    /// The containers' root file system.
    pub image: PathBuf,
    /// The options of the director's cloud (`KEY = VALUE` lines), for one that cannot be guessed.
    pub section: Option<PathBuf>,
    /// Where to keep everything; `None` for the usual place.
    pub state_dir: Option<PathBuf>,
    /// The nodes' network; `None` for the cloud's default.
    pub network: Option<Ipv4Network>,
    /// The director's port.
    pub port: u16,
}

/// Where everything of one nutshell is, and the program that all of it is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// What people chose.
    pub settings: Settings,
    /// Holds everything.
    pub directory: PathBuf,
    /// This program's file.
    pub program: PathBuf,
}

impl Place {
    /// Finds the place for `settings`.
    ///
    /// # Errors
    /// The caller may not do this, or has no home.
    pub(crate) fn find(settings: Settings) -> Result<Self, NutshellError> {
        let is_root = nix::unistd::geteuid().is_root();
        match (settings.cloud, is_root) {
            (NutshellCloud::Lxc, false) => return Err(NutshellError::NotRoot),
            (NutshellCloud::Process | NutshellCloud::OpenStack, _) if settings.netns.is_some() => {
                return Err(NutshellError::NamespaceForProcesses);
            }
            _ => {}
        }
        if let Some(name) = &settings.netns {
            check_namespace_name(name)?;
        }
        let name = match &settings.netns {
            Some(netns) => format!("{}-{netns}", settings.cloud.as_str()),
            None => settings.cloud.as_str().to_owned(),
        };
        let directory = match &settings.state_dir {
            Some(directory) => std::path::absolute(directory).unwrap_or_else(|_| directory.clone()),
            None if is_root => Path::new("/var/lib/conpaas/nutshell").join(name),
            None => home()?.join(".local/share/conpaas/nutshell").join(name),
        };
        let program = std::env::current_exe().map_err(|source| {
            crate::sys::file::FileError::new("find this program", Path::new("/proc/self/exe"), source)
        })?;
        Ok(Place { settings, directory, program })
    }

    /// `director.cfg`.
    #[must_use]
    pub(crate) fn director_cfg(&self) -> PathBuf {
        self.directory.join("director.cfg")
    }

    /// The director's certificates.
    #[must_use]
    pub(crate) fn cert_dir(&self) -> PathBuf {
        self.directory.join("certs")
    }

    /// `HOME` of the nutshell's user.
    #[must_use]
    pub(crate) fn home(&self) -> PathBuf {
        self.directory.join("home")
    }

    /// The nodes' network.
    #[must_use]
    pub(crate) fn network(&self) -> Ipv4Network {
        let default = match self.settings.cloud {
            NutshellCloud::Lxc => "172.16.0.0/24",
            NutshellCloud::Process => "127.77.0.0/24",
            // The public network of images/nutshell-openstack.
            NutshellCloud::OpenStack => "203.0.113.0/24",
        };
        self.settings.network.unwrap_or_else(|| default.parse().expect("both defaults are networks"))
    }

    /// The director's address, the same for nodes and for people.
    #[must_use]
    pub(crate) fn director_ip(&self) -> Ipv4Addr {
        match self.settings.cloud {
            NutshellCloud::Lxc | NutshellCloud::OpenStack => self.network().first_host(),
            NutshellCloud::Process => Ipv4Addr::LOCALHOST,
        }
    }

    /// Where pages are served: at the director's address, at the port after its own.
    #[must_use]
    pub(crate) fn pages_listen(&self) -> SocketAddr {
        let address = match self.settings.cloud {
            NutshellCloud::Lxc | NutshellCloud::OpenStack => Ipv4Addr::UNSPECIFIED,
            NutshellCloud::Process => self.director_ip(),
        };
        (address, self.settings.port.wrapping_add(1)).into()
    }

    /// The options that name this nutshell on the command line, each with a blank before it.
    #[must_use]
    pub(crate) fn options(&self) -> String {
        let mut text = String::new();
        if self.settings.cloud != NutshellCloud::Lxc {
            text += &format!(" --cloud {}", self.settings.cloud.as_str());
        }
        if let Some(netns) = &self.settings.netns {
            text += &format!(" --netns {netns}");
        }
        if let Some(directory) = &self.settings.state_dir {
            text += &format!(" --state-dir {}", directory.display());
        }
        text
    }

    /// What the programs of the nutshell find in their environment: enough
    /// to find other programs, and nothing of the caller's own settings.
    #[must_use]
    pub(crate) fn environment(&self) -> Vec<(OsString, OsString)> {
        let kept = ["PATH", "TERM", "LANG", "LC_ALL", "TZ", "NO_COLOR", "RUST_BACKTRACE", "TMPDIR"];
        let mut environment: Vec<(OsString, OsString)> =
            kept.iter().filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?))).collect();
        environment.push(("HOME".into(), self.home().into()));
        environment
    }
}

fn home() -> Result<PathBuf, NutshellError> {
    std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from).ok_or(NutshellError::NoHome)
}

fn check_namespace_name(name: &str) -> Result<(), NutshellError> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=32).contains(&name.len()) && !name.starts_with('-') && name.chars().all(is_good) {
        return Ok(());
    }
    Err(NutshellError::NamespaceName(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(cloud: NutshellCloud, netns: Option<&str>) -> Settings {
        Settings {
            cloud,
            netns: netns.map(str::to_owned),
            image: PathBuf::from("/i"),
            section: None,
            state_dir: Some(PathBuf::from("/s")),
            network: None,
            port: 5555,
        }
    }

    #[test]
    fn a_namespace_is_only_for_containers_and_has_a_plain_name() {
        let error = Place::find(settings(NutshellCloud::Process, Some("a"))).unwrap_err();
        assert!(matches!(error, NutshellError::NamespaceForProcesses), "{error}");
        for name in ["", "a/b", "-a", "a b", ".."] {
            assert!(check_namespace_name(name).is_err(), "{name}");
        }
        assert!(check_namespace_name("lab-1").is_ok());
    }

    #[test]
    fn a_place_names_itself_as_people_type_it() {
        let place = Place::find(settings(NutshellCloud::Process, None)).unwrap();
        assert_eq!(place.options(), " --cloud process --state-dir /s");
        assert_eq!(place.director_ip(), Ipv4Addr::LOCALHOST);
        assert!(place.environment().contains(&("HOME".into(), "/s/home".into())));
    }
}
