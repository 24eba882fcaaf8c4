//! `/root/config.cfg`: the settings of a node, which it finds when it boots. The director
//! writes it, the manager or the agent in the node reads it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::archive::{self, ArchiveLimits};
use super::edit::with_option;
use super::ini::{Document, Key, Section};
use super::output;
use super::{ConfigError, DirectorUrl, value};
use crate::model::{ApplicationId, ServiceId, UserId};
use crate::sys::file;

/// Where a node finds its configuration, inside the node.
pub const NODE_CONFIG_PATH: &str = "/root/config.cfg";

/// What managers and agents are both told.
///
/// Paths are as the node's own programs see them. A node of the process
/// cloud runs under a directory, its root; [`NodeBase::rooted`] puts that
/// before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeBase {
    /// The directory that stands for `/`; not in the file.
    pub root: PathBuf,
    /// Owner of the application.
    pub user_id: UserId,
    /// The application.
    pub app_id: ApplicationId,
    /// The node's address.
    pub my_ip: Ipv4Addr,
    /// Where the director answers.
    pub director_url: DirectorUrl,
    /// The node's host name, where the cloud does not give it.
    pub hostname: Option<String>,
    /// Time servers, `host` or `host:port`.
    pub time_servers: Vec<String>,
    /// Port of managers.
    pub manager_port: u16,
    /// Port of agents.
    pub agent_port: u16,
    /// The role's log.
    pub log_file: PathBuf,
    /// The role's configuration directory.
    pub etc: PathBuf,
    /// Holds `cert.pem`, `key.pem`, `ca_cert.pem`.
    pub cert_dir: PathBuf,
    /// State that survives restarts of the role.
    pub var_tmp: PathBuf,
    /// Code and generated files.
    pub var_cache: PathBuf,
    /// Pid files.
    pub var_run: PathBuf,
    /// Where user scripts start.
    pub conpaas_home: PathBuf,
    /// Keys of a kind of service, and any that a newer director sends, by upper-case name.
    pub extra: BTreeMap<String, String>,
    /// Bounds of archives with code.
    pub archive: ArchiveLimits,
    /// How many bytes of each stream of the scripts' output are kept.
    pub script_output_bytes: u64,
}

/// Context of a manager: section `[manager]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagerConfig {
    /// What agents are told too.
    pub base: NodeBase,
    /// Prefix of the names of nodes.
    pub deployment_name: String,
    /// Holds the code repository.
    pub code_repo: PathBuf,
    /// Device name of the first volume of a node.
    pub dev_target: String,
}

/// Context of an agent: section `[agent]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentConfig {
    /// What managers are told too.
    pub base: NodeBase,
    /// Sort of agent (`generic`, `helloworld`, `web`, …).
    pub agent_type: String,
    /// The service it works for.
    pub service_id: ServiceId,
    /// Address of the application's manager.
    pub manager_ip: Ipv4Addr,
}

const MANAGER_KEYS: &[Key] = &[
    Key::unset("USER_ID"),
    Key::unset("APP_ID"),
    Key::unset("MY_IP"),
    Key::unset("DIRECTOR_URL"),
    Key::unset("HOSTNAME"),
    Key::unset("TIME_SERVERS"),
    Key::new("MANAGER_PORT", "443"),
    Key::new("AGENT_PORT", "5555"),
    Key::new("LOG_FILE", "/var/log/cpsmanager.log"),
    Key::new("ETC", "/etc/cpsmanager"),
    Key::new("CERT_DIR", "/etc/cpsmanager/certs"),
    Key::new("VAR_TMP", "/var/tmp/cpsmanager"),
    Key::new("VAR_CACHE", "/var/cache/cpsmanager"),
    Key::new("VAR_RUN", "/var/run/cpsmanager"),
    Key::new("CONPAAS_HOME", "/root/ConPaaS"),
    Key::new("DEPLOYMENT_NAME", "conpaas"),
    Key::new("CODE_REPO", "/var/cache/cpsmanager/code_repo"),
    Key::new("DEV_TARGET", "sdb"),
    archive::MAX_ENTRIES,
    archive::MAX_SIZE,
    archive::MAX_RATIO,
    output::MAX_SIZE,
];

const AGENT_KEYS: &[Key] = &[
    Key::unset("USER_ID"),
    Key::unset("APP_ID"),
    Key::unset("MY_IP"),
    Key::unset("DIRECTOR_URL"),
    Key::unset("HOSTNAME"),
    Key::unset("TIME_SERVERS"),
    Key::new("MANAGER_PORT", "443"),
    Key::new("AGENT_PORT", "5555"),
    Key::new("LOG_FILE", "/var/log/cpsagent.log"),
    Key::new("ETC", "/etc/cpsagent"),
    Key::new("CERT_DIR", "/etc/cpsagent/certs"),
    Key::new("VAR_TMP", "/var/tmp/cpsagent"),
    Key::new("VAR_CACHE", "/var/cache/cpsagent"),
    Key::new("VAR_RUN", "/var/run/cpsagent"),
    Key::new("CONPAAS_HOME", "/root/ConPaaS"),
    Key::unset("TYPE"),
    Key::unset("SERVICE_ID"),
    Key::unset("MANAGER_IP"),
    archive::MAX_ENTRIES,
    archive::MAX_SIZE,
    archive::MAX_RATIO,
    output::MAX_SIZE,
];

impl NodeBase {
    /// Returns the values that a new manager is told besides its defaults.
    #[must_use]
    pub fn for_manager(user_id: UserId, app_id: ApplicationId, my_ip: Ipv4Addr, director_url: DirectorUrl) -> Self {
        NodeBase::new("manager", user_id, app_id, my_ip, director_url)
    }

    /// Returns the values that a new agent is told besides its defaults.
    #[must_use]
    pub fn for_agent(user_id: UserId, app_id: ApplicationId, my_ip: Ipv4Addr, director_url: DirectorUrl) -> Self {
        NodeBase::new("agent", user_id, app_id, my_ip, director_url)
    }

    /// `path` (absolute inside the node) as this process must name it.
    #[must_use]
    pub fn rooted(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn new(role: &str, user_id: UserId, app_id: ApplicationId, my_ip: Ipv4Addr, director_url: DirectorUrl) -> Self {
        let path = |parent: &str, end: &str| PathBuf::from(format!("{parent}/cps{role}{end}"));
        NodeBase {
            root: PathBuf::from("/"),
            user_id,
            app_id,
            my_ip,
            director_url,
            hostname: None,
            time_servers: Vec::new(),
            manager_port: 443,
            agent_port: 5555,
            log_file: path("/var/log", ".log"),
            etc: path("/etc", ""),
            cert_dir: path("/etc", "/certs"),
            var_tmp: path("/var/tmp", ""),
            var_cache: path("/var/cache", ""),
            var_run: path("/var/run", ""),
            conpaas_home: PathBuf::from("/root/ConPaaS"),
            archive: ArchiveLimits::default(),
            script_output_bytes: output::DEFAULT_BYTES,
            extra: BTreeMap::new(),
        }
    }

    fn read(document: &Document, section: &Section<'_>, name: &str, root: &Path) -> Result<Self, ConfigError> {
        let known = if name == "manager" { MANAGER_KEYS } else { AGENT_KEYS };
        let is_extra = |key: &str| !known.iter().any(|known| known.name == key);
        let options = document.options(name).into_iter().flatten();
        Ok(NodeBase {
            root: root.to_owned(),
            user_id: section.value("USER_ID", value::parsed)?,
            app_id: section.value("APP_ID", value::parsed)?,
            my_ip: section.value("MY_IP", value::parsed)?,
            director_url: section.value("DIRECTOR_URL", value::parsed)?,
            hostname: section.text("HOSTNAME"),
            time_servers: section.given("TIME_SERVERS").map(value::list).unwrap_or_default(),
            manager_port: section.value("MANAGER_PORT", value::port)?,
            agent_port: section.value("AGENT_PORT", value::port)?,
            log_file: section.value("LOG_FILE", value::absolute_path)?,
            etc: section.value("ETC", value::absolute_path)?,
            cert_dir: section.value("CERT_DIR", value::absolute_path)?,
            var_tmp: section.value("VAR_TMP", value::absolute_path)?,
            var_cache: section.value("VAR_CACHE", value::absolute_path)?,
            var_run: section.value("VAR_RUN", value::absolute_path)?,
            conpaas_home: section.value("CONPAAS_HOME", value::absolute_path)?,
            archive: ArchiveLimits::read(section)?,
            script_output_bytes: output::read(section)?,
            extra: options.filter(|(key, _)| is_extra(key)).map(|(key, value)| (key.clone(), value.clone())).collect(),
        })
    }

    fn lines(&self) -> Vec<(&str, String)> {
        let mut lines = vec![
            ("USER_ID", self.user_id.to_string()),
            ("APP_ID", self.app_id.to_string()),
            ("MY_IP", self.my_ip.to_string()),
            ("DIRECTOR_URL", self.director_url.to_string()),
            ("LOG_FILE", self.log_file.display().to_string()),
            ("ETC", self.etc.display().to_string()),
            ("CERT_DIR", self.cert_dir.display().to_string()),
            ("VAR_TMP", self.var_tmp.display().to_string()),
            ("VAR_CACHE", self.var_cache.display().to_string()),
            ("VAR_RUN", self.var_run.display().to_string()),
            ("CONPAAS_HOME", self.conpaas_home.display().to_string()),
        ];
        if let Some(hostname) = &self.hostname {
            lines.push(("HOSTNAME", hostname.clone()));
        }
        if !self.time_servers.is_empty() {
            lines.push(("TIME_SERVERS", self.time_servers.join(",")));
        }
        for (key, port, default) in [("MANAGER_PORT", self.manager_port, 443), ("AGENT_PORT", self.agent_port, 5555)] {
            if port != default {
                lines.push((key, port.to_string()));
            }
        }
        lines.extend(self.archive.lines());
        lines.extend(output::line(self.script_output_bytes));
        lines.extend(self.extra.iter().map(|(key, value)| (key.as_str(), value.clone())));
        lines
    }
}

impl ManagerConfig {
    /// Returns a manager with the defaults of every key that `base` does not hold.
    #[must_use]
    pub fn new(base: NodeBase, deployment_name: &str) -> Self {
        ManagerConfig {
            base,
            deployment_name: deployment_name.to_owned(),
            code_repo: PathBuf::from("/var/cache/cpsmanager/code_repo"),
            dev_target: "sdb".to_owned(),
        }
    }

    /// Reads [`NODE_CONFIG_PATH`] under `root`. Blocking.
    ///
    /// # Errors
    /// The first thing in it that cannot be used.
    pub fn read(root: &Path) -> Result<Self, ConfigError> {
        let path = config_path(root);
        Self::parse(&path, &file::read_text(&path)?, root)
    }

    /// Reads `text` as the content of `file`, for a node whose `/` is `root`.
    ///
    /// # Errors
    /// The first thing in it that cannot be used.
    pub fn parse(file: &Path, text: &str, root: &Path) -> Result<Self, ConfigError> {
        let document = Document::parse(file, text)?;
        let section = document.section("manager", MANAGER_KEYS, |_| true)?;
        Ok(ManagerConfig {
            base: NodeBase::read(&document, &section, "manager", root)?,
            deployment_name: section.value("DEPLOYMENT_NAME", value::parsed)?,
            code_repo: section.value("CODE_REPO", value::absolute_path)?,
            dev_target: section.value("DEV_TARGET", value::parsed)?,
        })
    }

    /// Returns the file's text.
    ///
    /// # Errors
    /// A value that would be read as something else (it holds a line break).
    pub fn to_text(&self) -> Result<String, ConfigError> {
        let mut lines = vec![("DEPLOYMENT_NAME", self.deployment_name.clone())];
        lines.extend(self.base.lines());
        lines.push(("CODE_REPO", self.code_repo.display().to_string()));
        lines.push(("DEV_TARGET", self.dev_target.clone()));
        write_section("manager", &lines)
    }
}

impl AgentConfig {
    /// Reads [`NODE_CONFIG_PATH`] under `root`. Blocking.
    ///
    /// # Errors
    /// The first thing in it that cannot be used.
    pub fn read(root: &Path) -> Result<Self, ConfigError> {
        let path = config_path(root);
        Self::parse(&path, &file::read_text(&path)?, root)
    }

    /// Reads `text` as the content of `file`, for a node whose `/` is `root`.
    ///
    /// # Errors
    /// The first thing in it that cannot be used.
    pub fn parse(file: &Path, text: &str, root: &Path) -> Result<Self, ConfigError> {
        let document = Document::parse(file, text)?;
        let section = document.section("agent", AGENT_KEYS, |_| true)?;
        Ok(AgentConfig {
            base: NodeBase::read(&document, &section, "agent", root)?,
            agent_type: section.value("TYPE", value::parsed)?,
            service_id: section.value("SERVICE_ID", value::parsed)?,
            manager_ip: section.value("MANAGER_IP", value::parsed)?,
        })
    }

    /// Returns the file's text.
    ///
    /// # Errors
    /// A value that would be read as something else (it holds a line break).
    pub fn to_text(&self) -> Result<String, ConfigError> {
        let mut lines = vec![("TYPE", self.agent_type.clone()), ("SERVICE_ID", self.service_id.to_string())];
        lines.extend(self.base.lines());
        lines.push(("MANAGER_IP", self.manager_ip.to_string()));
        write_section("agent", &lines)
    }
}

/// Returns the text of a node's configuration with another URL of its director.
pub(crate) fn with_director_url(text: &str, url: &DirectorUrl) -> String {
    let header = |line: &str| line.trim().strip_prefix('[').and_then(|line| line.strip_suffix(']')).map(str::to_owned);
    // The file has one section, of the node's role.
    let section = text.lines().find_map(header).unwrap_or_else(|| "manager".to_owned());
    with_option(text, &section, "DIRECTOR_URL", &url.to_string())
}

fn config_path(root: &Path) -> PathBuf {
    root.join(NODE_CONFIG_PATH.trim_start_matches('/'))
}

/// Refuses what would come back as another key or another value: a line
/// break, blanks at the ends, ` ;`, an odd key.
fn write_section(section: &str, lines: &[(&str, String)]) -> Result<String, ConfigError> {
    let mut text = format!("[{section}]\n");
    for (key, value) in lines {
        let is_word = !key.is_empty() && key.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        let has_comment = value.starts_with(';') || value.contains(" ;") || value.contains("\t;");
        if !is_word || value.contains(char::is_control) || value.trim() != value || has_comment {
            return Err(ConfigError::Key {
                file: PathBuf::from(NODE_CONFIG_PATH),
                section: section.to_owned(),
                key: (*key).to_owned(),
                problem: format!("cannot hold {value:?}: one line without blanks at its ends and without ' ;'"),
            });
        }
        let _never_fails_on_a_string = writeln!(text, "{key} = {value}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
