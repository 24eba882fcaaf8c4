//! `conpaas director init`: configuration, authority, certificate, database.
//!
//! May be repeated: what is there is kept. A new host name gives the
//! director a new certificate from the same authority, so that everything
//! issued before stays good.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::frontend_files;
use super::host::{check_host, check_networks};
use super::ingress_files;
use crate::clock::{self, Clock};
use crate::config::{DirectorConfig, DirectorUrl, SHIPPED_DIRECTOR_CFG, with_option};
use crate::pki::{Authority, CertificateName, Credentials, Lifetime, Subject, fingerprint};
use crate::store;
use crate::sys::file;
use crate::sys::lock::DirectoryLock;

/// What `init` is told.
#[derive(Debug, Clone)]
pub(crate) struct SetupOptions {
    /// Where `director.cfg` is, or shall be.
    pub config: PathBuf,
    /// The name or address by which nodes and users reach this machine.
    pub hostname: String,
    /// Further names and addresses that the certificate is good for.
    pub names: Vec<String>,
    /// Further options to set: section, key, value.
    pub set: Vec<(String, String, String)>,
}

/// What `init` did, for people.
#[derive(Debug, Clone)]
pub(crate) struct SetupReport {
    /// One line for each thing made or kept.
    pub lines: Vec<String>,
    /// SHA-256 fingerprint of the authority, for users to compare.
    pub fingerprint: String,
}

/// Does it. Blocking.
///
/// # Errors
/// The configuration is wrong, or a file cannot be written.
pub(crate) fn setup(options: &SetupOptions) -> anyhow::Result<SetupReport> {
    let mut lines = Vec::new();
    if options.hostname.contains(':') {
        DirectorUrl::of_host(&options.hostname).map_err(anyhow::Error::msg)?;
    }
    let _one_at_a_time = alone(options, &mut lines)?;
    let config = write_config(options, &mut lines)?;
    file::ensure_directory(&config.conf_dir)?;
    // Keys, and what users uploaded.
    for directory in [&config.cert_dir, &config.userdata_dir] {
        file::ensure_private_directory(directory)?;
    }
    // Nodes walk through it.
    file::ensure_passable_directory(&config.state_dir)?;
    if let Some(directory) = config.database.parent() {
        file::ensure_directory(directory)?;
    }
    // What is issued at a wrong time ends at a wrong time.
    clock::expect_plausible(&Clock::system(), &super::time_record::time_record(&config.state_dir))?;
    let authority = if config.cert_dir.join(Authority::FILES[1]).exists() {
        lines.push(format!("kept the certificate authority in {}", config.cert_dir.display()));
        Authority::load(&config.cert_dir)?
    } else {
        lines.push(format!("made a certificate authority in {}", config.cert_dir.display()));
        Authority::create(&config.cert_dir)?
    };
    certify(&config, &authority, options, &mut lines)?;
    lines.extend(frontend_files::ensure(&config, &authority, Clock::system().unix_seconds())?);
    lines.extend(ingress_files::ensure(&config, &authority, Clock::system().unix_seconds())?);
    store::director::open(&config.database)?;
    lines.push(format!("database: {}", config.database.display()));
    Ok(SetupReport { lines, fingerprint: fingerprint(authority.certificate_pem())? })
}

/// Waits until no other `init` works on the same configuration.
fn alone(options: &SetupOptions, lines: &mut Vec<String>) -> anyhow::Result<DirectoryLock> {
    let directory = options.config.parent().filter(|directory| *directory != Path::new(""));
    let directory = directory.unwrap_or(Path::new("."));
    if let Some(lock) = DirectoryLock::try_take(directory)? {
        return Ok(lock);
    }
    lines.push("waited for another 'director init' of the same configuration".to_owned());
    Ok(DirectoryLock::take(directory)?)
}

fn write_config(options: &SetupOptions, lines: &mut Vec<String>) -> anyhow::Result<DirectorConfig> {
    let path = &options.config;
    let is_new = !path.exists();
    let mut text = if is_new { SHIPPED_DIRECTOR_CFG.to_owned() } else { file::read_text(path)? };
    let port = DirectorConfig::parse(path, &text).map_or(5555, |config| config.listen.port());
    for (section, key, value) in &options.set {
        text = with_option(&text, section, key, value);
    }
    let port = DirectorConfig::parse(path, &text).map_or(port, |config| config.listen.port());
    if is_new && !options.set.iter().any(|(_, key, _)| key.eq_ignore_ascii_case("REGISTRATION")) {
        let rule = if is_own_machine(&options.hostname) { "open" } else { "closed" };
        text = with_option(&text, "director", "REGISTRATION", rule);
    }
    let url = format!("https://{}:{port}", options.hostname);
    text = with_option(&text, "director", "DIRECTOR_URL", &url);
    let config = DirectorConfig::parse(path, &text)?;
    check_host(&config)?;
    check_networks(&config).map_err(|reason| anyhow::anyhow!("{}: {reason}", path.display()))?;
    if let Some(directory) = path.parent().filter(|directory| *directory != Path::new("")) {
        file::ensure_directory(directory)?;
    }
    file::write_atomic(path, text.as_bytes(), 0o600)?;
    lines.push(format!("{} {}", if is_new { "wrote" } else { "updated" }, path.display()));
    Ok(config)
}

/// Whether a host name leads nowhere but to the machine that uses it.
fn is_own_machine(hostname: &str) -> bool {
    hostname == "localhost" || hostname.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn certify(
    config: &DirectorConfig,
    authority: &Authority,
    options: &SetupOptions,
    lines: &mut Vec<String>,
) -> anyhow::Result<()> {
    let hostname = &options.hostname;
    let names = certificate_names(options);
    let existing = Credentials::load(&config.cert_dir).ok();
    let is_good = |credentials: &Credentials| {
        let is_for_host = credentials.identity().is_ok_and(|identity| identity.subject == Subject::director(hostname));
        is_for_host && credentials.names().is_ok_and(|has| names.iter().all(|name| has.contains(name)))
    };
    if existing.as_ref().is_some_and(is_good) {
        lines.push(format!("kept the director's certificate for {hostname}"));
        return Ok(());
    }
    let credentials = authority
        .issue(&Subject::director(hostname), &names, Lifetime::DIRECTOR)
        .with_context(|| format!("'{}' are not usable as names of the director", shown(options)))?;
    credentials.replace(&config.cert_dir)?;
    lines.push(format!("issued the director's certificate for {}", shown(options)));
    Ok(())
}

/// All names of the director, each once, the loopback's first.
fn certificate_names(options: &SetupOptions) -> Vec<CertificateName> {
    let given = std::iter::once(&options.hostname).chain(&options.names);
    let given = given.map(|name| match name.parse::<IpAddr>() {
        Ok(address) => CertificateName::Address(address),
        Err(_) => CertificateName::Dns(name.clone()),
    });
    let mut names = vec![CertificateName::Dns("localhost".to_owned())];
    for name in given {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn shown(options: &SetupOptions) -> String {
    std::iter::once(&options.hostname).chain(&options.names).map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RegistrationRule;

    fn init(directory: &Path, hostname: &str, names: &[&str]) -> anyhow::Result<(Vec<CertificateName>, SetupReport)> {
        let path = |name: &str| directory.join(name).display().to_string();
        let set = [
            ("conpaas", "CONF_DIR", path("")),
            ("conpaas", "CERT_DIR", path("certs")),
            ("director", "DATABASE_URI", format!("sqlite:///{}", path("director.db"))),
            ("director", "USERDATA_DIR", path("data")),
            ("director", "STATE_DIR", path("state")),
            ("iaas", "FIRST_ADDRESS", "172.16.0.32".to_owned()),
        ];
        let report = setup(&SetupOptions {
            config: directory.join("director.cfg"),
            hostname: hostname.to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            set: set.map(|(section, key, value)| (section.to_owned(), key.to_owned(), value)).to_vec(),
        })?;
        Ok((Credentials::load(&directory.join("certs"))?.names()?, report))
    }

    #[test]
    fn the_certificate_has_every_name_and_is_kept_while_it_has() {
        let directory = tempfile::tempdir().unwrap();
        let dns = |name: &str| CertificateName::Dns(name.to_owned());
        let address = |text: &str| CertificateName::Address(text.parse().unwrap());
        let (names, first) = init(directory.path(), "172.16.0.11", &["pi.local", "localhost", "fe80::1"]).unwrap();
        assert_eq!(names, [dns("localhost"), address("172.16.0.11"), dns("pi.local"), address("fe80::1")]);
        let (_, again) = init(directory.path(), "172.16.0.11", &["pi.local"]).unwrap();
        assert!(again.lines.iter().any(|line| line.starts_with("kept the director's certificate")), "{again:?}");
        // One more name, or another host, is another certificate of the same authority.
        let (names, more) = init(directory.path(), "172.16.0.11", &["pi.local", "pi"]).unwrap();
        assert_eq!(names, [dns("localhost"), address("172.16.0.11"), dns("pi.local"), dns("pi")]);
        assert_eq!(more.fingerprint, first.fingerprint);
        assert!(more.lines.iter().any(|line| line.starts_with("issued the director's certificate")), "{more:?}");
        assert!(init(directory.path(), "172.16.0.11", &["ä b"]).is_err());
        let config = DirectorConfig::read(&directory.path().join("director.cfg")).unwrap();
        assert_eq!(config.registration, RegistrationRule::Closed, "others reach it");
        assert_eq!(config.director_url.map(|url| url.to_string()).as_deref(), Some("https://172.16.0.11:5555"));
    }
}
