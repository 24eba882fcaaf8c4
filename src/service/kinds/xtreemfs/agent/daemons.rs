//! The programs of a node: master, server with data, copy of the metadata, and the agent's own mount.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::super::ports;
use super::place::{self, Place};
use super::wanted::{Server, Wanted};
use crate::api::xtreemfs::{MasterWish, VolumeWish};
use crate::service::error::MethodError;
use crate::service::shared_mount::{self, SharedMount};
use crate::supervise::daemon::{
    CONFIGURATION, ConfigurationFile, Daemon, DaemonSignal, Launch, OutputLimits, Pauses, Probe, Readiness, Reload,
    Scheduling, Stop, Style,
};
use crate::sys::{self, program};
use crate::template::Templates;

/// The daemon with the metadata.
pub(super) const MASTER: &str = "mfsmaster";
/// The daemon with data.
pub(super) const SERVER: &str = "mfschunkserver";
/// The daemon with a copy of the metadata.
pub(super) const LOGGER: &str = "mfsmetalogger";
/// The daemon by which the agent makes volumes.
pub(super) const ADMIN: &str = "mfsmount";

const FILES: Templates = Templates {
    escape: plain_word,
    files: &[
        ("mfsmaster.cfg", include_str!("mfsmaster.cfg")),
        ("mfsexports.cfg", include_str!("mfsexports.cfg")),
        ("mfschunkserver.cfg", include_str!("mfschunkserver.cfg")),
        ("mfshdd.cfg", include_str!("mfshdd.cfg")),
        ("mfsmetalogger.cfg", include_str!("mfsmetalogger.cfg")),
        ("mfsfirst.cfg", include_str!("mfsfirst.cfg")),
    ],
};
/// Reading metadata of many files takes a small machine minutes.
const READY_LIMIT: Duration = Duration::from_secs(300);
/// All metadata is written when a master ends.
const GRACE: Duration = Duration::from_secs(60);
/// What hinders a server may pass.
const FOR_EVER: u32 = u32::MAX;

/// What the files of a master are filled with.
#[derive(Serialize)]
struct MasterValues<'a> {
    metadata: PathBuf,
    configuration: PathBuf,
    account: &'a str,
    auth_code: &'a str,
    admin_password: &'a str,
    my_ip: Ipv4Addr,
    logger_port: u16,
    server_port: u16,
    client_port: u16,
    volumes: Vec<&'a VolumeWish>,
}

/// What the files of a server with data are filled with.
#[derive(Serialize)]
struct ServerValues<'a> {
    state: PathBuf,
    chunks: PathBuf,
    configuration: PathBuf,
    account: &'a str,
    master: Ipv4Addr,
    auth_code: &'a str,
    my_ip: Ipv4Addr,
    server_port: u16,
    data_port: u16,
    labels: &'a str,
    mark: &'a str,
}

/// What the file of a copy of the metadata is filled with.
#[derive(Serialize)]
struct LoggerValues<'a> {
    metadata: PathBuf,
    account: &'a str,
    master: Ipv4Addr,
    my_ip: Ipv4Addr,
    logger_port: u16,
}

/// What the file is filled with by which metadata is written for the first time.
#[derive(Serialize)]
struct FirstValues<'a> {
    metadata: &'a Path,
    account: &'a str,
}

/// Returns the daemons of a node.
///
/// # Errors
/// Returns an error if a program is missing, or a value cannot be written in its file.
pub(super) fn of(wanted: &Wanted, place: &Place) -> Result<Vec<Daemon>, MethodError> {
    let mut daemons = Vec::new();
    if let (Some(wish), Some(directory)) = (&wanted.master, &wanted.metadata) {
        daemons.push(master(wish, directory, place)?);
        daemons.push(admin(wish, place)?);
    }
    if let (Some(server), Some(directory)) = (&wanted.server, &wanted.data) {
        daemons.push(data_server(server, directory, place)?);
    }
    if let (Some(master), Some(directory)) = (wanted.logger, &wanted.metadata) {
        daemons.push(logger(master, directory, place)?);
    }
    Ok(daemons)
}

/// Returns the file by which a master writes the first state of metadata in a directory.
///
/// # Errors
/// Returns an error if a value cannot be written in it.
pub(super) fn first_state(metadata: &Path, place: &Place) -> Result<String, MethodError> {
    let values = FirstValues { metadata, account: &place.home.account };
    FILES.render("mfsfirst.cfg", &values).map_err(|error| MethodError::refused(sys::chain(&error)))
}

fn master(wish: &MasterWish, directory: &Path, place: &Place) -> Result<Daemon, MethodError> {
    let values = MasterValues {
        metadata: place::metadata(directory),
        configuration: current(place, MASTER),
        account: &place.home.account,
        auth_code: &wish.auth_code,
        admin_password: &wish.admin_password,
        my_ip: place.my_ip,
        logger_port: ports::LOGGERS,
        server_port: ports::SERVERS,
        client_port: ports::CLIENTS,
        volumes: wish.volumes.iter().filter(|volume| !volume.is_leaving).collect(),
    };
    let mut files = rendered(&["mfsmaster.cfg", "mfsexports.cfg"], &values, place)?;
    files.push(file("mfstopology.cfg", String::new(), place));
    Ok(Daemon {
        // After a crash the log of changes is gone through once more, which does nothing where all is well.
        launch: launch(installed(MASTER)?, &["-f", "-a", "-c", &configured("mfsmaster.cfg"), "start"], place),
        readiness: Readiness { probe: Probe::Tcp((place.my_ip, ports::CLIENTS).into()), limit: READY_LIMIT },
        stop: Stop { signal: DaemonSignal::Term, grace: GRACE },
        ..daemon(MASTER, files, place)?
    })
}

fn data_server(wanted: &Server, directory: &Path, place: &Place) -> Result<Daemon, MethodError> {
    let values = ServerValues {
        state: place::state(directory),
        chunks: place::chunks(directory),
        configuration: current(place, SERVER),
        account: &place.home.account,
        master: wanted.master,
        auth_code: &wanted.auth_code,
        my_ip: place.my_ip,
        server_port: ports::SERVERS,
        data_port: ports::DATA,
        labels: &wanted.labels,
        mark: if wanted.is_leaving { "*" } else { "" },
    };
    let files = rendered(&["mfschunkserver.cfg", "mfshdd.cfg"], &values, place)?;
    Ok(Daemon {
        launch: launch(installed(SERVER)?, &["-f", "-c", &configured("mfschunkserver.cfg"), "start"], place),
        readiness: Readiness { probe: Probe::Tcp((place.my_ip, ports::DATA).into()), limit: READY_LIMIT },
        ..daemon(SERVER, files, place)?
    })
}

fn logger(master: Ipv4Addr, directory: &Path, place: &Place) -> Result<Daemon, MethodError> {
    let values = LoggerValues {
        metadata: place::metadata(directory),
        account: &place.home.account,
        master,
        my_ip: place.my_ip,
        logger_port: ports::LOGGERS,
    };
    let files = rendered(&["mfsmetalogger.cfg"], &values, place)?;
    daemon_with(LOGGER, &["-f", "-c", &configured("mfsmetalogger.cfg"), "start"], files, place)
}

/// The mount by which the agent makes volumes; it sees all of them.
fn admin(wish: &MasterWish, place: &Place) -> Result<Daemon, MethodError> {
    shared_mount::daemon(
        ADMIN,
        &SharedMount {
            host: place.my_ip,
            volume: String::new(),
            password: wish.admin_password.clone(),
            path: place.admin.clone(),
        },
    )
}

fn daemon_with(
    name: &'static str,
    words: &[&str],
    files: Vec<ConfigurationFile>,
    place: &Place,
) -> Result<Daemon, MethodError> {
    Ok(Daemon { launch: launch(installed(name)?, words, place), ..daemon(name, files, place)? })
}

/// What all of them have in common.
fn daemon(name: &'static str, configuration: Vec<ConfigurationFile>, place: &Place) -> Result<Daemon, MethodError> {
    // It has no port. That it still runs is seen by the supervisor itself.
    let probe = Probe::Command(crate::supervise::daemon::CommandLine {
        program: "/bin/true".into(),
        arguments: Vec::new(),
        limit: Duration::from_secs(10),
    });
    Ok(Daemon {
        name: name.parse().expect("the names above are names of daemons"),
        launch: launch(installed(name)?, &[], place),
        configuration,
        check: None,
        readiness: Readiness { probe, limit: READY_LIMIT },
        reload: Reload::Signal(DaemonSignal::Hup),
        stop: Stop { signal: DaemonSignal::Term, grace: Duration::from_secs(30) },
        pauses: Pauses { longest: Duration::from_secs(3), well_after: Duration::from_secs(20), ..Pauses::default() },
        n_tries: FOR_EVER,
    })
}

fn launch(program: PathBuf, words: &[&str], place: &Place) -> Launch {
    Launch {
        program,
        arguments: words.iter().map(|word| (*word).to_owned()).collect(),
        environment: Vec::new(),
        user: place.home.user(),
        directory: PathBuf::from("/"),
        style: Style::Foreground,
        scheduling: Scheduling::Usual,
        output: OutputLimits::default(),
    }
}

/// The files hold passwords, so they are for the account alone.
fn file(path: &str, content: String, place: &Place) -> ConfigurationFile {
    ConfigurationFile { path: path.into(), content, mode: 0o600, owner: place.home.user() }
}

fn rendered(names: &[&str], values: &impl Serialize, place: &Place) -> Result<Vec<ConfigurationFile>, MethodError> {
    let fill = |name: &&str| {
        let text = FILES.render(name, values).map_err(|error| MethodError::refused(sys::chain(&error)))?;
        Ok(file(name, text, place))
    };
    names.iter().map(fill).collect()
}

/// Where a program finds its files, as one of them names another.
fn current(place: &Place, daemon: &str) -> PathBuf {
    place.daemons.join(daemon).join("current")
}

fn configured(file: &str) -> String {
    format!("{CONFIGURATION}/{file}")
}

fn installed(name: &str) -> Result<PathBuf, MethodError> {
    program::find(name).ok_or_else(|| {
        MethodError::refused(format!(
            "{name} is not installed in this node: its image was built without the kind xtreemfs"
        ))
    })
}

/// Words that mean themselves in any of these files; no other is written.
fn plain_word(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._:-+*".contains(c);
    (text.chars().all(is_plain)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MY_IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    fn place() -> Place {
        Place::sample(MY_IP, Path::new("/var/cache/cpsagent/xtreemfs"))
    }

    fn wish(clients: &str) -> MasterWish {
        let volume = VolumeWish {
            name: "pictures".to_owned(),
            password: "secret".to_owned(),
            clients: clients.to_owned(),
            copies: 2,
            quota_mb: None,
            labels: Vec::new(),
            is_leaving: false,
        };
        let leaving = VolumeWish { name: "old".to_owned(), is_leaving: true, ..volume.clone() };
        MasterWish { auth_code: "code".to_owned(), admin_password: "admin".to_owned(), volumes: vec![volume, leaving] }
    }

    fn exports(clients: &str) -> Result<String, MethodError> {
        let wish = wish(clients);
        let values = MasterValues {
            metadata: "/media/osd-1/xtreemfs/metadata".into(),
            configuration: current(&place(), MASTER),
            account: "mfs",
            auth_code: &wish.auth_code,
            admin_password: &wish.admin_password,
            my_ip: MY_IP,
            logger_port: ports::LOGGERS,
            server_port: ports::SERVERS,
            client_port: ports::CLIENTS,
            volumes: wish.volumes.iter().filter(|volume| !volume.is_leaving).collect(),
        };
        let files = rendered(&["mfsmaster.cfg", "mfsexports.cfg"], &values, &place())?;
        assert!(files.iter().all(|file| file.mode == 0o600), "they hold passwords");
        Ok(files.into_iter().map(|file| file.content).collect())
    }

    #[test]
    fn the_configuration_of_a_master_is_as_it_was_looked_at() {
        assert_eq!(exports("10.0.0.0/24").unwrap(), include_str!("mfsmaster.golden.cfg"));
    }

    #[test]
    fn a_value_that_means_something_else_in_a_file_is_not_written() {
        for clients in ["* / rw", "*\n* / rw,admin", "10.0.0.1,password=", "$(id)", "'", "#"] {
            assert!(exports(clients).is_err(), "{clients:?}");
        }
    }
}
