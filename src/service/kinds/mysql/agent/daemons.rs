//! The programs of a node: MariaDB, haproxy and garbd, computed from what is wanted.

use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::super::ports;
use super::memory::Memory;
use super::place::Place;
use super::tls::TlsFiles;
use super::wanted::{Cluster, Member, Wanted};
use crate::service::error::MethodError;
use crate::supervise::daemon::{
    CONFIGURATION, CommandLine, ConfigurationFile, Daemon, DaemonSignal, Launch, OutputLimits, Pauses, Probe,
    Readiness, Reload, Scheduling, Stop, Style,
};
use crate::sys::fingerprint::fingerprint;
use crate::sys::{self, program};
use crate::template::{TemplateError, Templates};

/// The name of the daemon that has the data.
pub(super) const MYSQLD: &str = "mysqld";
/// The name of the daemon that passes connections on.
pub(super) const HAPROXY: &str = "haproxy";
/// The name of the daemon that votes.
pub(super) const GARBD: &str = "garbd";

const FILES: Templates = Templates {
    escape: plain_word,
    files: &[
        ("galera.cnf", include_str!("galera.cnf")),
        ("start", include_str!("start.sh")),
        ("accounts.sql", include_str!("accounts.sql")),
        ("haproxy.cfg", include_str!("haproxy.cfg")),
    ],
};
const CHECK_LIMIT: Duration = Duration::from_secs(30);
const READY_LIMIT: Duration = Duration::from_secs(60);
/// A member is ready when it has all data, however much that is, and when enough others are there.
const PATIENCE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Pages that are not on the disk yet are written when a server ends; callers wait a minute for that.
const GRACE: Duration = Duration::from_secs(45);
/// A member is never given up: what hinders it may pass.
const FOR_EVER: u32 = u32::MAX;
/// The number by which the program that starts a member is told to start it anew.
const BEGIN: &str = "CONPAAS_BEGIN";
/// Tells programs apart that talk by TLS; of one without data the value tells certificates apart.
const TLS: &str = "CONPAAS_TLS";

/// What the files of a member are filled with.
#[derive(Serialize)]
struct MemberValues<'a> {
    directory: &'a Path,
    run: &'a Path,
    my_ip: String,
    port: u16,
    cluster_port: u16,
    provider: PathBuf,
    account: &'a str,
    cluster: &'a str,
    members: Vec<String>,
    others: Vec<String>,
    health_port: u16,
    is_alone: &'a str,
    restored: u64,
    has_backup: &'a str,
    memory: Memory,
    variables: Vec<Variable<'a>>,
    tls: Option<TlsValues>,
}

/// Where the certificates are that the files name.
#[derive(Serialize)]
struct TlsValues {
    node: PathBuf,
    authority: PathBuf,
}

#[derive(Serialize)]
struct Variable<'a> {
    name: &'a str,
    value: &'a str,
}

/// What the file of a balancer is filled with.
#[derive(Serialize)]
struct BalancerValues {
    my_ip: String,
    ports: [u16; 2],
    health_port: u16,
    nodes: Vec<String>,
}

/// Returns the daemons of a node.
///
/// # Errors
/// Returns an error if a program is missing, or a value cannot be written in its file.
pub(super) fn of(wanted: &Wanted, place: &Place) -> Result<Vec<Daemon>, MethodError> {
    let mut daemons = Vec::new();
    if let Some(wanted) = &wanted.member {
        daemons.push(member(wanted, place, Memory::of_this_node())?);
    }
    if let Some(nodes) = &wanted.balancer {
        daemons.push(balancer(nodes, place)?);
    }
    if let Some(cluster) = &wanted.arbitrator {
        daemons.push(arbitrator(cluster, place)?);
    }
    Ok(daemons)
}

fn member(wanted: &Member, place: &Place, memory: Memory) -> Result<Daemon, MethodError> {
    installed("mariadbd")?;
    let files = member_files(wanted, place, memory)?;
    let words = ["start", "galera.cnf"].map(|file| format!("{CONFIGURATION}/{file}"));
    let mut environment = vec![(BEGIN.to_owned(), format!("{}.{}", wanted.restored.number, wanted.n_begins))];
    if wanted.cluster.tls {
        // Its servers start anew when the members begin to talk by it.
        environment.push((TLS.to_owned(), "yes".to_owned()));
    }
    let launch = launch(PathBuf::from("/bin/sh"), words.into(), environment, place.home.user());
    Ok(Daemon {
        name: name(MYSQLD),
        launch,
        configuration: files,
        check: None,
        readiness: Readiness { probe: Probe::UnixSocket(place.socket()), limit: PATIENCE },
        // Who the others are matters at the next start; they know each other while they run.
        reload: Reload::Command(CommandLine { program: "/bin/true".into(), arguments: Vec::new(), limit: CHECK_LIMIT }),
        stop: Stop { signal: DaemonSignal::Term, grace: GRACE },
        // A member that comes back late leaves the others without a third vote.
        pauses: Pauses { longest: Duration::from_secs(3), well_after: Duration::from_secs(20), ..Pauses::default() },
        n_tries: FOR_EVER,
    })
}

fn member_files(wanted: &Member, place: &Place, memory: Memory) -> Result<Vec<ConfigurationFile>, MethodError> {
    let Cluster { name, members, tls } = &wanted.cluster;
    let files = TlsFiles::of(place);
    let is_alone = members.iter().all(|member| *member == place.my_ip);
    let values = MemberValues {
        directory: &wanted.directory,
        run: &place.run,
        my_ip: place.my_ip.to_string(),
        port: ports::MYSQL,
        cluster_port: ports::CLUSTER,
        provider: provider(),
        account: &place.home.account,
        cluster: name,
        members: members.iter().map(ToString::to_string).collect(),
        others: members.iter().filter(|member| **member != place.my_ip).map(ToString::to_string).collect(),
        health_port: ports::HEALTH,
        is_alone: if is_alone { "yes" } else { "no" },
        restored: wanted.restored.number,
        has_backup: if wanted.restored.at == place.my_ip.to_string() { "yes" } else { "no" },
        memory,
        variables: wanted.variables.iter().map(|(name, value)| Variable { name, value }).collect(),
        tls: tls.then_some(TlsValues { node: files.node, authority: files.authority }),
    };
    ["galera.cnf", "start", "accounts.sql"].into_iter().map(|file| rendered(file, &values, place.home.user())).collect()
}

fn balancer(nodes: &[SocketAddrV4], place: &Place) -> Result<Daemon, MethodError> {
    let program = installed("haproxy")?;
    let values = BalancerValues {
        my_ip: place.my_ip.to_string(),
        ports: [ports::BALANCER, ports::MYSQL],
        health_port: ports::HEALTH,
        nodes: nodes.iter().map(ToString::to_string).collect(),
    };
    let file = format!("{CONFIGURATION}/haproxy.cfg");
    let check_words = ["-c", "-q", "-f", &file].map(str::to_owned).into();
    let check = CommandLine { program: program.clone(), arguments: check_words, limit: CHECK_LIMIT };
    let words = ["-W", "-db", "-f", &file].map(str::to_owned).into();
    Ok(Daemon {
        name: name(HAPROXY),
        launch: launch(program, words, Vec::new(), place.home.user()),
        configuration: vec![rendered("haproxy.cfg", &values, place.home.user())?],
        check: Some(check),
        readiness: Readiness { probe: Probe::Tcp((place.my_ip, ports::BALANCER).into()), limit: READY_LIMIT },
        // Connections that are open stay with the old process.
        reload: Reload::Signal(DaemonSignal::Usr2),
        stop: Stop { signal: DaemonSignal::Term, grace: Duration::from_secs(5) },
        pauses: Pauses::default(),
        n_tries: FOR_EVER,
    })
}

fn arbitrator(cluster: &Cluster, place: &Place) -> Result<Daemon, MethodError> {
    let program = installed("garbd")?;
    let members: Vec<String> = cluster.members.iter().map(|ip| format!("{ip}:{}", ports::CLUSTER)).collect();
    let mut options = format!("gmcast.listen_addr=tcp://{}:{}", place.my_ip, ports::CLUSTER);
    let mut environment = Vec::new();
    if cluster.tls {
        let TlsFiles { node, authority } = TlsFiles::of(place);
        let (node_file, authority) = (node.display(), authority.display());
        options.push_str(&format!(
            ";socket.ssl=yes;socket.ssl_key={node_file};socket.ssl_cert={node_file};socket.ssl_ca={authority}"
        ));
        // It reads its certificate when it starts.
        let read = std::fs::read(&node).unwrap_or_default();
        environment.push((TLS.to_owned(), fingerprint(&read, 8)));
    }
    let words =
        ["-a", &format!("gcomm://{}", members.join(",")), "-g", &cluster.name, "-n", "arbitrator", "-o", &options]
            .map(str::to_owned)
            .into();
    Ok(Daemon {
        name: name(GARBD),
        launch: launch(program, words, environment, place.home.user()),
        configuration: Vec::new(),
        check: None,
        readiness: Readiness { probe: Probe::Tcp((place.my_ip, ports::CLUSTER).into()), limit: READY_LIMIT },
        reload: Reload::Restart,
        stop: Stop { signal: DaemonSignal::Term, grace: Duration::from_secs(5) },
        pauses: Pauses::default(),
        n_tries: FOR_EVER,
    })
}

fn name(name: &str) -> crate::supervise::daemon::DaemonName {
    name.parse().expect("the names above are names of daemons")
}

fn launch(
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    user: Option<String>,
) -> Launch {
    Launch {
        program,
        arguments,
        environment,
        user,
        directory: PathBuf::from("/"),
        style: Style::Foreground,
        scheduling: Scheduling::Usual,
        output: OutputLimits::default(),
    }
}

fn rendered(file: &str, values: &impl Serialize, owner: Option<String>) -> Result<ConfigurationFile, MethodError> {
    let content = FILES.render(file, values).map_err(|error| not_filled(&error))?;
    Ok(ConfigurationFile { path: file.into(), content, mode: 0o640, owner })
}

/// Debian's place for the library depends on nothing but the package.
fn provider() -> PathBuf {
    PathBuf::from("/usr/lib/galera/libgalera_smm.so")
}

fn installed(name: &str) -> Result<PathBuf, MethodError> {
    program::find(name).ok_or_else(|| {
        MethodError::refused(format!(
            "{name} is not installed in this node: its image was built without the kind mysql"
        ))
    })
}

fn not_filled(error: &TemplateError) -> MethodError {
    MethodError::refused(sys::chain(error))
}

/// Words that mean themselves in any of these files; no other is written.
fn plain_word(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._:-+".contains(c);
    (!text.is_empty() && text.chars().all(is_plain)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;

    use super::*;

    fn place() -> Place {
        Place::sample(Ipv4Addr::new(10, 0, 0, 2))
    }

    fn wanted(members: &[u8]) -> Member {
        let members = members.iter().map(|last| Ipv4Addr::new(10, 0, 0, *last)).collect();
        Member {
            cluster: Cluster { name: "s1".to_owned(), members, tls: true },
            variables: BTreeMap::from([("wait_timeout".to_owned(), "600".to_owned())]),
            directory: "/media/mysql-1/mysql".into(),
            restored: crate::api::mysql::Restored::default(),
            n_begins: 0,
        }
    }

    fn file(name: &str, members: &[u8]) -> String {
        let files = member_files(&wanted(members), &place(), Memory::of(512)).unwrap();
        files.into_iter().find(|file| file.path == Path::new(name)).unwrap().content
    }

    #[test]
    fn the_configuration_of_a_member_is_as_it_was_looked_at() {
        assert_eq!(file("galera.cnf", &[2, 3, 4]), include_str!("galera.golden.cnf"));
        let balancer = BalancerValues {
            my_ip: "10.0.0.9".to_owned(),
            ports: [ports::BALANCER, ports::MYSQL],
            health_port: ports::HEALTH,
            nodes: vec!["10.0.0.2:3306".to_owned(), "10.0.0.3:3306".to_owned()],
        };
        let text = rendered("haproxy.cfg", &balancer, None).unwrap().content;
        assert_eq!(text, include_str!("haproxy.golden.cfg"));
    }

    #[test]
    fn only_a_member_that_has_no_others_begins_by_itself() {
        assert!(file("start", &[2]).contains("\nis_alone=yes\n"));
        let of_two = file("start", &[2, 3]);
        assert!(of_two.contains("\nis_alone=no\n") && of_two.contains("for other in 10.0.0.3 ; do"), "{of_two}");
    }

    #[test]
    fn a_value_that_means_something_else_in_a_file_is_not_written() {
        for value in ["1\ninit_file = /etc/shadow", "1; x", "a b", "", "$(id)", "`id`", "'", "\0"] {
            let mut member = wanted(&[2]);
            member.variables.insert("wait_timeout".to_owned(), value.to_owned());
            assert!(member_files(&member, &place(), Memory::of(512)).is_err(), "{value:?}");
        }
    }
}
