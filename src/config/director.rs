//! `director.cfg`: upstream's keys and ours.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::archive::{self, ArchiveLimits};
use super::cloud::{CloudConfig, cloud_names, read_clouds};
use super::ini::{Document, Key, Section};
use super::openid::{self, OpenIdConfig};
use super::output;
use super::value;
use super::{ConfigError, DirectorUrl};
use crate::sys::file;

/// Everything that a director is told.
#[derive(Debug, Clone)]
pub struct DirectorConfig {
    /// The file it came from.
    pub file: PathBuf,
    /// `CONF_DIR`.
    pub conf_dir: PathBuf,
    /// `CERT_DIR`: `ca_cert.pem`, `ca_key.pem`, `cert.pem`, `key.pem`.
    pub cert_dir: PathBuf,
    /// Prefix of the names of nodes.
    pub deployment_name: String,
    /// Whether the web frontend shows the login of external identity providers.
    pub support_external_idp: bool,
    /// Whether the web frontend shows the login by OpenID.
    pub support_openid: bool,
    /// Sections of external identity providers.
    pub external_idps: Vec<String>,
    /// `<part>_debug_level` by part, in small letters.
    pub debug_levels: BTreeMap<String, u32>,
    /// The most credit that `/new_user` gives.
    pub max_credit: i64,
    /// Who may register.
    pub registration: RegistrationRule,
    /// The SQLite file of `DATABASE_URI`.
    pub database: PathBuf,
    /// `USERDATA_DIR`: files of manifests.
    pub userdata_dir: PathBuf,
    /// Hosts from which the director fetches files that manifests name; in small letters.
    pub manifest_hosts: Vec<String>,
    /// The provider by which users may log in.
    pub openid: Option<OpenIdConfig>,
    /// What nodes are told to call; missing until `conpaas director init`.
    pub director_url: Option<DirectorUrl>,
    /// Whether the log tells details.
    pub is_debug: bool,
    /// Where the director listens.
    pub listen: SocketAddr,
    /// Holds the last recorded time, and the clouds' files where they name no place of their own.
    pub state_dir: PathBuf,
    /// How long a new node may take to answer.
    pub node_start_timeout: Duration,
    /// How long a certificate of a manager or an agent is good.
    pub node_certificate_lifetime: Duration,
    /// How long the one-time token of a new node is good.
    pub node_token_lifetime: Duration,
    /// How long a certificate of a user is good.
    pub user_certificate_lifetime: Duration,
    /// How often credit is charged.
    pub credit_interval: Duration,
    /// How often clouds are compared with the records.
    pub reconcile_interval: Duration,
    /// How long a volume stays that no record names any more.
    pub volume_quarantine: Duration,
    /// What the volumes of a user may have in all, in bytes; `None` is no limit.
    pub user_volumes_bytes: Option<u64>,
    /// Disk that is kept for what frees disk, in bytes.
    pub reserve_bytes: u64,
    /// What a client may ask for.
    pub limits: LimitConfig,
    /// Bounds of archives with code, told to the nodes.
    pub archive: ArchiveLimits,
    /// How many bytes of each stream of the scripts' output nodes keep, told to them.
    pub script_output_bytes: u64,
    /// How often a password may be tried.
    pub login: LoginConfig,
    /// The ports of the machine by which services are published.
    pub published_ports: RangeInclusive<u16>,
    /// Whether new services that are sites are published without being asked for.
    pub publishes_sites: bool,
    /// The clock.
    pub clock: ClockConfig,
    /// The clouds, the default one first.
    pub clouds: Vec<CloudConfig>,
}

/// Who may register by `/new_user`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrationRule {
    /// Everybody who reaches the director.
    Open,
    /// Nobody.
    Closed,
    /// Who knows a line of this file, or has an invitation of an administrator.
    Codes(PathBuf),
    /// Who has an invitation of an administrator.
    Invited,
}

/// What one client may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitConfig {
    /// Connections at the same time.
    pub max_connections: u32,
    /// Bytes of the body of any request.
    pub max_upload_bytes: u64,
    /// Bytes of a body without a certificate.
    pub max_body_bytes: u64,
    /// Time for the TLS handshake and the head of a request.
    pub header_timeout: Duration,
    /// Time for a request's body to arrive, and a second more for each 1000 bytes.
    pub request_timeout: Duration,
}

/// How often a wrong password may be tried for each user from one address; ten times as often for all users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginConfig {
    /// Tries in each minute, in the long run.
    pub attempts_per_minute: u32,
    /// Tries that may come at once.
    pub burst: u32,
}

/// How the clock is judged; see [`crate::clock`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockConfig {
    /// Servers, `host` or `host:port`, the first that answers decides.
    pub time_servers: Vec<String>,
    /// Servers that nodes are told to ask.
    pub node_time_servers: Vec<String>,
    /// Whether it is an error that none answers.
    pub is_server_required: bool,
    /// Whether a wrong clock is set right.
    pub may_step: bool,
    /// How wrong a clock may be.
    pub max_offset: Duration,
}

pub(crate) const CONPAAS_KEYS: &[Key] = &[
    Key::new("CONF_DIR", "/etc/cpsdirector"),
    Key::new("CERT_DIR", "/etc/cpsdirector/certs"),
    Key::new("DEPLOYMENT_NAME", "conpaas"),
    Key::new("SUPPORT_EXTERNAL_IDP", "false"),
    Key::new("SUPPORT_OPENID", "false"),
    Key::unset("EXTERNAL_IDPS"),
    Key::new("MAX_CREDIT", "50"),
    Key::unset("VPN_BASE_NETWORK"),
    Key::unset("VPN_NETMASK"),
    Key::unset("VPN_SERVICE_BITS"),
    Key::unset("VPN_BOOTSTRAP_NODES"),
];

pub(crate) const DIRECTOR_KEYS: &[Key] = &[
    Key::new("DATABASE_URI", "sqlite:////etc/cpsdirector/director.db"),
    Key::new("USERDATA_DIR", "/etc/cpsdirector/data"),
    Key::unset("DIRECTOR_URL"),
    Key::unset("MANIFEST_HOSTS"),
    Key::new("DEBUG", "false"),
    Key::new("LISTEN", "0.0.0.0:5555"),
    Key::unset("REGISTRATION"),
    Key::new("STATE_DIR", "/var/lib/conpaas"),
    Key::new("NODE_START_TIMEOUT", "5m"),
    Key::new("NODE_CERTIFICATE_LIFETIME", "7d"),
    Key::new("NODE_TOKEN_LIFETIME", "15m"),
    Key::new("USER_CERTIFICATE_LIFETIME", "365d"),
    Key::new("CREDIT_INTERVAL", "1m"),
    Key::new("RECONCILE_INTERVAL", "30s"),
    Key::new("VOLUME_QUARANTINE", "1d"),
    Key::unset("USER_VOLUMES"),
    Key::new("RESERVE", "16M"),
    Key::new("MAX_CONNECTIONS", "256"),
    Key::new("MAX_UPLOAD", "256M"),
    Key::new("MAX_BODY", "1M"),
    archive::MAX_ENTRIES,
    archive::MAX_SIZE,
    archive::MAX_RATIO,
    output::MAX_SIZE,
    Key::new("HEADER_TIMEOUT", "15s"),
    Key::new("REQUEST_TIMEOUT", "5m"),
    Key::new("LOGIN_ATTEMPTS_PER_MINUTE", "12"),
    Key::new("LOGIN_BURST", "6"),
    Key::new("PUBLISHED_PORTS", "8001-8999"),
    Key::new("PUBLISH_SITES", "no"),
    Key::unset("TIME_SERVERS"),
    Key::unset("NODE_TIME_SERVERS"),
    Key::new("REQUIRE_TIME_SERVER", "false"),
    Key::new("STEP_CLOCK", "false"),
    Key::new("MAX_CLOCK_OFFSET", "1m"),
];

/// Returns the file to read: what was asked for, else `DIRECTOR_CFG` of the
/// environment, else `/etc/cpsdirector/director.cfg`.
#[must_use]
pub(crate) fn locate_director_cfg(asked: Option<&Path>) -> PathBuf {
    let from_environment = || std::env::var_os("DIRECTOR_CFG").map(PathBuf::from);
    asked
        .map(Path::to_owned)
        .or_else(from_environment)
        .unwrap_or_else(|| PathBuf::from("/etc/cpsdirector/director.cfg"))
}

impl DirectorConfig {
    /// Reads `file` whole. Blocking.
    ///
    /// # Errors
    /// The first thing in it that cannot be used.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        Self::parse(file, &file::read_text(file)?)
    }

    /// Reads `text` as the content of `file`.
    ///
    /// # Errors
    /// The first thing in it that cannot be used.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let document = Document::parse(file, text)?;
        let conpaas = document.section("conpaas", CONPAAS_KEYS, |key| key.ends_with("_DEBUG_LEVEL"))?;
        let director = document.section("director", DIRECTOR_KEYS, |_| false)?;
        let external_idps = conpaas.given("EXTERNAL_IDPS").map(value::list).unwrap_or_default();
        check_section_names(&document, &external_idps)?;
        let state_dir = director.value("STATE_DIR", value::absolute_path)?;
        check_vpn(&conpaas)?;
        let listen = director.value("LISTEN", listen_address)?;
        let registration = director.optional("REGISTRATION", registration_rule)?;
        Ok(DirectorConfig {
            file: file.to_owned(),
            conf_dir: conpaas.value("CONF_DIR", value::absolute_path)?,
            cert_dir: conpaas.value("CERT_DIR", value::absolute_path)?,
            deployment_name: conpaas.value("DEPLOYMENT_NAME", deployment_name)?,
            support_external_idp: conpaas.value("SUPPORT_EXTERNAL_IDP", value::flag)?,
            support_openid: conpaas.value("SUPPORT_OPENID", value::flag)?,
            external_idps,
            debug_levels: read_debug_levels(&document, &conpaas)?,
            max_credit: i64::from(conpaas.value("MAX_CREDIT", value::whole(0..=1_000_000_000))?),
            database: director.value("DATABASE_URI", sqlite_path)?,
            userdata_dir: director.value("USERDATA_DIR", value::absolute_path)?,
            manifest_hosts: read_hosts(&director),
            openid: openid::read(&document)?,
            director_url: director.optional("DIRECTOR_URL", value::parsed)?,
            is_debug: director.value("DEBUG", value::flag)?,
            registration: registration.unwrap_or_else(|| usual_registration(&listen)),
            listen,
            node_start_timeout: director.value("NODE_START_TIMEOUT", value::positive_duration)?,
            node_certificate_lifetime: director.value("NODE_CERTIFICATE_LIFETIME", value::positive_duration)?,
            node_token_lifetime: director.value("NODE_TOKEN_LIFETIME", value::positive_duration)?,
            user_certificate_lifetime: director.value("USER_CERTIFICATE_LIFETIME", value::positive_duration)?,
            credit_interval: director.value("CREDIT_INTERVAL", value::positive_duration)?,
            reconcile_interval: director.value("RECONCILE_INTERVAL", value::positive_duration)?,
            volume_quarantine: director.value("VOLUME_QUARANTINE", value::duration)?,
            user_volumes_bytes: director.optional("USER_VOLUMES", value::size_bytes)?,
            reserve_bytes: director.optional("RESERVE", value::size_bytes)?.unwrap_or(0),
            limits: read_limits(&director)?,
            login: LoginConfig {
                attempts_per_minute: director.value("LOGIN_ATTEMPTS_PER_MINUTE", value::whole(1..=60_000))?,
                burst: director.value("LOGIN_BURST", value::whole(1..=60_000))?,
            },
            archive: ArchiveLimits::read(&director)?,
            script_output_bytes: output::read(&director)?,
            published_ports: director.value("PUBLISHED_PORTS", value::ports)?,
            publishes_sites: director.value("PUBLISH_SITES", value::flag)?,
            clock: read_clock(&director)?,
            clouds: read_clouds(&document, &state_dir)?,
            state_dir,
        })
    }
}

impl DirectorConfig {
    /// Returns the level of talk of a part, such as `js`; 0 where none is set.
    #[must_use]
    pub fn debug_level(&self, part: &str) -> u32 {
        self.debug_levels.get(&part.to_ascii_lowercase()).copied().unwrap_or_default()
    }
}

/// Checks upstream's VPN settings. Nothing reads them, as in upstream's 2.0, but files that have them stay good.
fn check_vpn(conpaas: &Section<'_>) -> Result<(), ConfigError> {
    conpaas.optional("VPN_SERVICE_BITS", value::whole(1..=30)).map(drop)
}

fn read_limits(director: &Section<'_>) -> Result<LimitConfig, ConfigError> {
    Ok(LimitConfig {
        max_connections: director.value("MAX_CONNECTIONS", value::whole(1..=65_536))?,
        max_upload_bytes: director.value("MAX_UPLOAD", value::size_bytes)?,
        max_body_bytes: director.value("MAX_BODY", value::size_bytes)?,
        header_timeout: director.value("HEADER_TIMEOUT", value::positive_duration)?,
        request_timeout: director.value("REQUEST_TIMEOUT", value::positive_duration)?,
    })
}

fn read_hosts(director: &Section<'_>) -> Vec<String> {
    let hosts = director.given("MANIFEST_HOSTS").map(value::list).unwrap_or_default();
    hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect()
}

fn read_clock(director: &Section<'_>) -> Result<ClockConfig, ConfigError> {
    let time_servers = director.given("TIME_SERVERS").map(value::list).unwrap_or_default();
    let of_nodes = director.given("NODE_TIME_SERVERS").map(value::list);
    let config = ClockConfig {
        node_time_servers: of_nodes.unwrap_or_else(|| time_servers.clone()),
        time_servers,
        is_server_required: director.value("REQUIRE_TIME_SERVER", value::flag)?,
        may_step: director.value("STEP_CLOCK", value::flag)?,
        max_offset: director.value("MAX_CLOCK_OFFSET", value::positive_duration)?,
    };
    if config.is_server_required && config.time_servers.is_empty() {
        return Err(director.refuse("REQUIRE_TIME_SERVER", "is true, but TIME_SERVERS names none"));
    }
    Ok(config)
}

fn read_debug_levels(document: &Document, conpaas: &Section<'_>) -> Result<BTreeMap<String, u32>, ConfigError> {
    let mut levels = BTreeMap::new();
    for (key, level) in document.options("conpaas").into_iter().flatten() {
        if let Some(part) = key.strip_suffix("_DEBUG_LEVEL") {
            let level = value::whole(0..=100)(level).map_err(|problem| conpaas.refuse(key, &problem))?;
            levels.insert(part.to_ascii_lowercase(), level);
        }
    }
    Ok(levels)
}

fn check_section_names(document: &Document, external_idps: &[String]) -> Result<(), ConfigError> {
    let mut known: Vec<String> = ["conpaas", "director", openid::SECTION].map(str::to_owned).to_vec();
    known.extend(cloud_names(document)?.iter().map(ToString::to_string));
    known.extend_from_slice(external_idps);
    match document.section_names().find(|name| !known.iter().any(|known| known == name)) {
        None => Ok(()),
        Some(section) => Err(ConfigError::UnknownSection {
            file: document.file().to_owned(),
            section: section.to_owned(),
            known: format!(
                "{} (a further cloud is named in [iaas] OTHER_CLOUDS, an identity provider in [conpaas] EXTERNAL_IDPS)",
                known.join(", ")
            ),
        }),
    }
}

/// Part of host names: upstream puts it before `-u1-a2-mgr`.
fn deployment_name(text: &str) -> Result<String, String> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if text.len() <= 32 && !text.starts_with('-') && text.chars().all(is_good) {
        return Ok(text.to_owned());
    }
    Err(format!("'{text}' cannot begin a host name: at most 32 letters, digits and '-'"))
}

fn sqlite_path(text: &str) -> Result<PathBuf, String> {
    let path = text.strip_prefix("sqlite:///").map(PathBuf::from).filter(|path| path.is_absolute());
    path.ok_or_else(|| format!("'{text}' is not usable: write sqlite:////absolute/path (four slashes)"))
}

fn listen_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("'{text}' is not an address and a port, such as 0.0.0.0:5555"))
}

fn registration_rule(text: &str) -> Result<RegistrationRule, String> {
    match text.to_ascii_lowercase().as_str() {
        "open" => Ok(RegistrationRule::Open),
        "closed" => Ok(RegistrationRule::Closed),
        "invited" => Ok(RegistrationRule::Invited),
        _ if text.starts_with('/') => Ok(RegistrationRule::Codes(PathBuf::from(text))),
        _ => {
            Err(format!("'{text}' is not open, closed, invited, or the absolute path of a file with invitation codes"))
        }
    }
}

/// A director that only its own machine reaches is open.
fn usual_registration(listen: &SocketAddr) -> RegistrationRule {
    if listen.ip().is_loopback() { RegistrationRule::Open } else { RegistrationRule::Closed }
}

#[cfg(test)]
mod tests;
