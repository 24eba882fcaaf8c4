//! The programs of a web node: nginx, php-fpm, Tomcat and the store of sessions, computed from what is wanted.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::hooks;
use super::java_front::JavaFront;
use super::memory::JavaMemory;
use super::place::{GRACE, Place};
use super::tomcat;
use super::wanted::Wanted;
use crate::api::web::{HttpProxy, Php, Server, SessionStore};
use crate::service::error::MethodError;
use crate::supervise::daemon::{
    CONFIGURATION, CommandLine, ConfigurationFile, Daemon, DaemonSignal, Launch, Pauses, Probe, Readiness, Reload,
    Scheduling, Stop,
};
use crate::sys::fingerprint::fingerprint;
use crate::sys::{self, program};
use crate::template::{TemplateError, Templates};

/// The name of the daemon that serves visitors and static files.
pub(super) const NGINX: &str = "nginx";
/// The name of the daemon that runs PHP.
pub(super) const PHP_FPM: &str = "php-fpm";
/// The name of the daemon that keeps sessions.
pub(super) const SESSIONS: &str = "sessions";

const NGINX_FILES: Templates = Templates {
    escape: plain_word,
    files: &[
        ("nginx.conf", include_str!("nginx.conf")),
        ("proxy.conf", include_str!("proxy.conf")),
        ("php-locations.conf", include_str!("php-locations.conf")),
        ("php-fastcgi.conf", include_str!("php-fastcgi.conf")),
        ("java-upstreams.conf", include_str!("java-upstreams.conf")),
        ("java-locations.conf", include_str!("java-locations.conf")),
        ("java-proxy.conf", include_str!("java-proxy.conf")),
        ("static.conf", include_str!("static.conf")),
    ],
};
const PHP_FILES: Templates = Templates {
    escape: ini_value,
    files: &[("fpm.conf", include_str!("fpm.conf")), ("php.ini", include_str!("php.ini"))],
};
const SESSION_FILES: Templates =
    Templates { escape: plain_word, files: &[("sessions.conf", include_str!("sessions.conf"))] };
const CHECK_LIMIT: Duration = Duration::from_secs(30);
const READY_LIMIT: Duration = Duration::from_secs(60);
/// A request may take as long as the longest script, and this many seconds more.
const BEYOND_SCRIPT: u64 = 10;
const N_TRIES: u32 = 10;
/// More processors than that do not make visitors of a node wait less, and each takes memory.
const MAX_WORKERS: usize = 4;

/// What `nginx.conf` is filled with.
#[derive(Serialize)]
struct NginxValues<'a> {
    digest: String,
    n_workers: usize,
    run: &'a Path,
    temporary: PathBuf,
    cache: &'a Path,
    www: &'a Path,
    my_ip: String,
    /// Stands before ports: nothing, or the node's address where nodes share a machine.
    listen: String,
    proxy: u16,
    web: u16,
    document_root: &'a str,
    /// The code version that a proxy serves, and where of the code directory its files are.
    code_version: &'a str,
    served: String,
    backends: Vec<&'a Server>,
    /// Where PHP of this node answers this node alone.
    local_php: Option<PathBuf>,
    servers: Vec<&'a Server>,
    max_body_mb: u32,
    java: Option<JavaFront<'a>>,
    clients: Vec<String>,
    keep_no_connection: PathBuf,
    /// Whether the user adds lines in the block `server`, and in the block `location /`.
    hooks: [bool; 2],
}

/// What `fpm.conf` and `php.ini` are filled with.
#[derive(Serialize)]
struct PhpValues<'a> {
    run: &'a Path,
    cache: &'a Path,
    temporary: PathBuf,
    /// Where it answers others.
    listen: String,
    port: u16,
    clients: String,
    /// Where it answers instead if nobody but this node asks.
    socket: Option<PathBuf>,
    longest: u64,
    values: Vec<PhpValue<'a>>,
    disabled: &'a str,
    sessions: String,
    environment: Vec<PhpValue<'a>>,
}

#[derive(Serialize)]
struct PhpValue<'a> {
    key: &'a str,
    value: &'a str,
}

/// What `sessions.conf` is filled with.
#[derive(Serialize)]
struct SessionValues<'a> {
    listen: String,
    port: u16,
    password: &'a str,
    directory: &'a Path,
}

/// The part of the code that visitors see, such as `/public`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DocumentRoots<'a> {
    /// Of the newest version, which web servers serve.
    pub of_newest: &'a str,
    /// Of the version that the proxy serves.
    pub of_served: &'a str,
}

/// Computes the daemons of a node.
///
/// # Errors
/// Returns an error if a value has no form in the syntax of its file, or a program is not installed.
pub(super) fn of(wanted: &Wanted, place: &Place, roots: DocumentRoots<'_>) -> Result<Vec<Daemon>, MethodError> {
    let mut daemons = Vec::new();
    if wanted.proxy.is_some() || wanted.web.is_some() {
        daemons.push(nginx(wanted, place, roots)?);
    }
    if let Some(php) = &wanted.php {
        daemons.push(php_fpm(php, place)?);
    }
    if let Some(tomcat) = &wanted.tomcat {
        daemons.push(tomcat::daemon(tomcat, place, JavaMemory::of_this_node())?);
    }
    if let Some(store) = &wanted.sessions {
        daemons.push(sessions(store, place)?);
    }
    Ok(daemons)
}

fn nginx(wanted: &Wanted, place: &Place, roots: DocumentRoots<'_>) -> Result<Daemon, MethodError> {
    let proxy = wanted.proxy.as_ref();
    let code_version = proxy.map_or("", |proxy| proxy.code_version.as_str());
    let hooks = hooks::of(proxy, place);
    let of_others = |proxy: &&HttpProxy| !wanted.serves_own_files(place.my_ip) && !proxy.web_list.is_empty();
    let mut values = NginxValues {
        digest: String::new(),
        n_workers: std::thread::available_parallelism().map_or(1, |n_processors| n_processors.get().min(MAX_WORKERS)),
        run: &place.run,
        temporary: place.cache.join("tmp"),
        cache: &place.cache,
        www: &place.www,
        my_ip: place.my_ip.to_string(),
        listen: if place.account.is_some() { String::new() } else { format!("{}:", place.my_ip) },
        proxy: proxy.map_or(0, |proxy| proxy.port),
        web: wanted.web.unwrap_or_default(),
        document_root: roots.of_newest,
        code_version,
        served: if code_version.is_empty() {
            "current".to_owned()
        } else {
            format!("{code_version}{}", roots.of_served)
        },
        backends: proxy.map(|proxy| proxy.fpm_list.iter().filter(has_weight).collect()).unwrap_or_default(),
        local_php: wanted.php.as_ref().and_then(|php| local_socket(php, place)),
        servers: proxy
            .filter(of_others)
            .map(|proxy| proxy.web_list.iter().filter(has_weight).collect())
            .unwrap_or_default(),
        max_body_mb: proxy.map_or(0, |proxy| proxy.max_body_mb),
        java: proxy.and_then(|proxy| JavaFront::of(proxy, wanted.wars.get(&proxy.code_version))),
        clients: wanted.web_clients.iter().map(ToString::to_string).collect(),
        keep_no_connection: place.mark(),
        hooks: hooks.each_ref().map(|hook| !hook.content.is_empty()),
    };
    let rendered =
        |values: &NginxValues<'_>| NGINX_FILES.render("nginx.conf", values).map_err(|error| not_filled(&error));
    let added: String = hooks.iter().map(|hook| hook.content.as_str()).collect();
    values.digest = fingerprint(&(rendered(&values)? + &added), 8);
    let content = rendered(&values)?;
    let program = installed("nginx")?;
    let file = format!("{CONFIGURATION}/nginx.conf");
    let arguments = |more: &[&str]| {
        let words = ["-e", "stderr", "-c", &file].into_iter().chain(more.iter().copied());
        words.map(str::to_owned).collect::<Vec<String>>()
    };
    let port = proxy.map_or(values.web, |proxy| proxy.port);
    // Before that an old worker may still pass requests on to a server that is about to leave.
    let probe = Probe::Http(format!("http://{}:{port}/-/health/{}", place.my_ip, values.digest));
    let check = CommandLine { program: program.clone(), arguments: arguments(&["-t", "-q"]), limit: CHECK_LIMIT };
    let launch = place.launch(program, arguments(&[]), Vec::new());
    let used = hooks.into_iter().filter(|hook| !hook.content.is_empty());
    let files = std::iter::once(place.file("nginx.conf", content)).chain(used).collect();
    Ok(daemon(NGINX, launch, files, Some(check), probe, Reload::Signal(DaemonSignal::Hup)))
}

fn php_fpm(php: &Php, place: &Place) -> Result<Daemon, MethodError> {
    let is_setting = |key: &&String| key.as_str() != "disable_functions";
    let value = |key: &str| php.configuration.get(key).map_or("", String::as_str);
    let script_seconds: u64 = value("max_execution_time").parse().unwrap_or_default();
    let longest = script_seconds.saturating_add(BEYOND_SCRIPT).clamp(120, 320);
    let own = [Ipv4Addr::LOCALHOST, place.my_ip].into_iter();
    let clients: BTreeSet<Ipv4Addr> = own.chain(php.proxies.iter().copied()).collect();
    let clients: Vec<String> = clients.iter().map(ToString::to_string).collect();
    let values = PhpValues {
        run: &place.run,
        cache: &place.cache,
        temporary: place.cache.join("tmp"),
        listen: place.my_ip.to_string(),
        port: php.port,
        clients: clients.join(","),
        socket: local_socket(php, place),
        longest,
        values: php.configuration.keys().filter(is_setting).map(|key| PhpValue { key, value: value(key) }).collect(),
        disabled: value("disable_functions"),
        sessions: php.sessions.as_ref().map(save_path).unwrap_or_default(),
        environment: php.environment.0.iter().map(|(key, value)| PhpValue { key, value }).collect(),
    };
    let rendered = |name| PHP_FILES.render(name, &values).map_err(|error| not_filled(&error));
    let files =
        vec![place.file("fpm.conf", rendered("fpm.conf")?), place.file("ini/90-conpaas.ini", rendered("php.ini")?)];
    let program = newest_php_fpm()?;
    let file = format!("{CONFIGURATION}/fpm.conf");
    let mut words = vec!["-F".to_owned(), "-y".to_owned(), file.clone()];
    if place.account.is_none() && nix::unistd::geteuid().is_root() {
        words.push("--allow-to-run-as-root".to_owned());
    }
    let environment = vec![("PHP_INI_SCAN_DIR".to_owned(), format!(":{CONFIGURATION}/ini"))];
    let check_words = words.iter().cloned().chain(["-t".to_owned()]).collect();
    let check = CommandLine { program: program.clone(), arguments: check_words, limit: CHECK_LIMIT };
    let mut launch = place.launch(program, words, environment);
    // Each answer wakes the main process, for words that the script may have left: not in place of the next answer.
    launch.scheduling = Scheduling::Batch;
    let probe = local_socket(php, place).map_or(Probe::Tcp((place.my_ip, php.port).into()), Probe::UnixSocket);
    Ok(daemon(PHP_FPM, launch, files, Some(check), probe, Reload::Signal(DaemonSignal::Usr2)))
}

/// Returns where PHP answers a proxy in the same node, if that is the only one: without a network requests take less time. A
/// node that shares its root with others has no such place, since names of sockets are short.
pub(super) fn local_socket(php: &Php, place: &Place) -> Option<PathBuf> {
    let is_alone = place.account.is_some() && php.proxies == [place.my_ip];
    is_alone.then(|| place.run.join("fpm.sock"))
}

fn sessions(store: &SessionStore, place: &Place) -> Result<Daemon, MethodError> {
    let directory = place.cache.join("sessions");
    let values = SessionValues {
        listen: place.my_ip.to_string(),
        port: store.port,
        password: &store.password,
        directory: &directory,
    };
    let content = SESSION_FILES.render("sessions.conf", &values).map_err(|error| not_filled(&error))?;
    let program = ["valkey-server", "redis-server"].into_iter().find_map(program::find);
    let program = program.ok_or_else(|| missing("redis-server or valkey-server"))?;
    let launch = place.launch(program, vec![format!("{CONFIGURATION}/sessions.conf")], Vec::new());
    let probe = Probe::Tcp((place.my_ip, store.port).into());
    let files = vec![place.file("sessions.conf", content)];
    let stop = Stop { signal: DaemonSignal::Term, grace: GRACE };
    Ok(Daemon { stop, ..daemon(SESSIONS, launch, files, None, probe, Reload::Restart) })
}

/// Returns a daemon that ends with its last request when it is told to quit.
fn daemon(
    name: &str,
    launch: Launch,
    configuration: Vec<ConfigurationFile>,
    check: Option<CommandLine>,
    probe: Probe,
    reload: Reload,
) -> Daemon {
    Daemon {
        name: name.parse().expect("the names above are names of daemons"),
        launch,
        configuration,
        check,
        readiness: Readiness { probe, limit: READY_LIMIT },
        reload,
        stop: Stop { signal: DaemonSignal::Quit, grace: GRACE },
        pauses: Pauses::default(),
        n_tries: N_TRIES,
    }
}

/// Where PHP finds the store: a store that hangs ends a request with an error, not with a wait.
fn save_path(store: &SessionStore) -> String {
    let SessionStore { ip, port, password, prefix } = store;
    format!("tcp://{ip}:{port}?auth={password}&prefix={prefix}&timeout=1&read_timeout=2")
}

/// A server without weight gets no requests.
fn has_weight(server: &&Server) -> bool {
    server.weight > 0
}

fn installed(name: &str) -> Result<PathBuf, MethodError> {
    program::find(name).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> MethodError {
    MethodError::refused(format!("{name} is not installed in this node: its image was built without the kind php"))
}

/// Debian names the program by its version.
fn newest_php_fpm() -> Result<PathBuf, MethodError> {
    let entries = std::fs::read_dir("/usr/sbin").into_iter().flatten().flatten();
    let version = |path: &Path| {
        let digits = path.file_name()?.to_str()?.strip_prefix("php-fpm")?;
        let (major, minor) = digits.split_once('.')?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    };
    let found = entries.map(|entry| entry.path()).filter_map(|path| Some((version(&path)?, path)));
    found.max().map(|(_, path)| path).ok_or_else(|| missing("php-fpm"))
}

fn not_filled(error: &TemplateError) -> MethodError {
    MethodError::refused(sys::chain(error))
}

/// Words that mean themselves in any of these files; no other is written.
fn plain_word(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._:-@".contains(c);
    text.chars().all(is_plain).then(|| text.to_owned())
}

/// A value of a php.ini: quoted, for there is no way to escape inside.
fn ini_value(text: &str) -> Option<String> {
    let is_sayable = |c: char| !c.is_control() && !"\"\\$".contains(c);
    match plain_word(text) {
        Some(word) if !word.is_empty() => Some(word),
        _ => text.chars().all(is_sayable).then(|| format!("\"{text}\"")),
    }
}
