//! `conpaas director init`: configuration, authority, certificate, database.
//!
//! May be repeated: what is there is kept. A new host name gives the
//! director a new certificate from the same authority, so that everything
//! issued before stays good.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::clock::{self, Clock};
use crate::config::{DirectorConfig, SHIPPED_DIRECTOR_CFG, with_option};
use crate::pki::{Authority, CertificateName, Credentials, Lifetime, Subject, fingerprint};
use crate::store;
use crate::sys::file;

/// What `init` is told.
#[derive(Debug, Clone)]
pub struct SetupOptions {
    /// Where `director.cfg` is, or shall be.
    pub config: PathBuf,
    /// The name or address by which nodes and users reach this machine.
    pub hostname: String,
    /// Further options to set: section, key, value.
    pub set: Vec<(String, String, String)>,
}

/// What `init` did, for people.
#[derive(Debug, Clone)]
pub struct SetupReport {
    /// One line for each thing made or kept.
    pub lines: Vec<String>,
    /// SHA-256 fingerprint of the authority, for users to compare.
    pub fingerprint: String,
}

/// Does it. Blocking.
///
/// # Errors
/// The configuration is wrong, or a file cannot be written.
pub fn setup(options: &SetupOptions) -> anyhow::Result<SetupReport> {
    let mut lines = Vec::new();
    let config = write_config(options, &mut lines)?;
    for directory in [&config.conf_dir, &config.cert_dir, &config.userdata_dir, &config.state_dir] {
        file::ensure_directory(directory)?;
    }
    if let Some(directory) = config.database.parent() {
        file::ensure_directory(directory)?;
    }
    // What is issued at a wrong time ends at a wrong time.
    clock::expect_plausible(&Clock::system(), &super::run::time_record(&config.state_dir))?;
    let authority = if config.cert_dir.join(Authority::FILES[1]).exists() {
        lines.push(format!("kept the certificate authority in {}", config.cert_dir.display()));
        Authority::load(&config.cert_dir)?
    } else {
        lines.push(format!("made a certificate authority in {}", config.cert_dir.display()));
        Authority::create(&config.cert_dir)?
    };
    certify(&config, &authority, &options.hostname, &mut lines)?;
    store::director::open(&config.database)?;
    lines.push(format!("database: {}", config.database.display()));
    Ok(SetupReport { lines, fingerprint: fingerprint(authority.certificate_pem())? })
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
    let url = format!("https://{}:{port}", options.hostname);
    text = with_option(&text, "director", "DIRECTOR_URL", &url);
    let config = DirectorConfig::parse(path, &text)?;
    if let Some(directory) = path.parent().filter(|directory| *directory != Path::new("")) {
        file::ensure_directory(directory)?;
    }
    file::write_atomic(path, text.as_bytes(), 0o600)?;
    lines.push(format!("{} {}", if is_new { "wrote" } else { "updated" }, path.display()));
    Ok(config)
}

fn certify(
    config: &DirectorConfig,
    authority: &Authority,
    hostname: &str,
    lines: &mut Vec<String>,
) -> anyhow::Result<()> {
    let existing = Credentials::load(&config.cert_dir).ok().and_then(|credentials| credentials.identity().ok());
    if existing.is_some_and(|identity| identity.subject == Subject::director(hostname)) {
        lines.push(format!("kept the director's certificate for {hostname}"));
        return Ok(());
    }
    let mut names = vec![CertificateName::Dns("localhost".to_owned())];
    names.push(match hostname.parse::<IpAddr>() {
        Ok(address) => CertificateName::Address(address),
        Err(_) => CertificateName::Dns(hostname.to_owned()),
    });
    let credentials = authority
        .issue(&Subject::director(hostname), &names, Lifetime::DIRECTOR)
        .with_context(|| format!("'{hostname}' is not usable as the director's host name"))?;
    credentials.replace(&config.cert_dir)?;
    lines.push(format!("issued the director's certificate for {hostname}"));
    Ok(())
}
