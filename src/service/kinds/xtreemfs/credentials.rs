//! Certificates as ConPaaS 2.0 gave them, and how a volume is mounted.
//!
//! MooseFS knows passwords, not certificates: the file that is given opens nothing, and is there for programs that want
//! one. What opens a volume is the command that comes with it, for which the password is asked.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::roles::master;
use super::settings::XtreemfsSettings;
use crate::api::params::bad;
use crate::api::xtreemfs::ClientCertificate;
use crate::service::call::Call;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::sys;
use crate::sys::file::{self, FileError};
use crate::sys::program;

const DAYS: &str = "365";
const MAX_NAME_CHARS: usize = 64;
/// The request of a certificate; names were checked to be words.
const REQUEST: &str = "[req]\nprompt = no\ndistinguished_name = subject\nstring_mask = utf8only\n[subject]\nC = DE\nST = Berlin\n\
                       L = Berlin\nO = Contrail\n";

/// `get_client_cert`.
pub(super) async fn get_client_cert(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let passphrase = call.params.string("passphrase")?;
    let is_admin = call.params.boolean("adminflag")?;
    call.finish()?;
    give(&service, "xtreemfs-service/client", &passphrase, is_admin).await
}

/// `get_user_cert`.
pub(super) async fn get_user_cert(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let user = call.params.string("user")?;
    let group = call.params.string("group")?;
    let passphrase = call.params.string("passphrase")?;
    let is_admin = call.params.boolean("adminflag")?;
    call.finish()?;
    for (name, value) in [("user", &user), ("group", &group)] {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if value.is_empty() || value.len() > MAX_NAME_CHARS || !value.chars().all(is_plain) {
            return Err(bad(name, &format!("'{}' is no name of an account", value.escape_debug())).into());
        }
    }
    give(&service, &format!("{user}:{group}"), &passphrase, is_admin).await
}

async fn give(service: &ServiceContext, name: &str, passphrase: &str, is_admin: bool) -> Result<Reply, MethodError> {
    if passphrase.contains(['\n', '\0']) {
        return Err(bad("passphrase", "it is more than one line").into());
    }
    let made = make(name, passphrase, is_admin).await;
    let cert = made.map_err(|error| MethodError::refused(format!("The certificate cannot be made: {error}")))?;
    Ok(Reply::of(&ClientCertificate { cert: STANDARD.encode(cert), mount: mount_commands(service).await? }))
}

/// Returns how each volume is mounted; `mfsmount` asks for the password.
async fn mount_commands(service: &ServiceContext) -> Result<Vec<String>, MethodError> {
    let settings: XtreemfsSettings = service.settings().await?.read()?;
    let nodes = service.nodes().await?;
    let Some(first) = master(&nodes) else { return Ok(Vec::new()) };
    let command = |name: &String| format!("mfsmount -H {} -S /{name} -p MOUNT_POINT", first.view.ip);
    Ok(settings.volumes.keys().map(command).collect())
}

/// Has `openssl` make a key and a certificate of its own, in a directory that nobody else can read.
async fn make(name: &str, passphrase: &str, is_admin: bool) -> Result<Vec<u8>, MethodError> {
    let directory = sys::blocking(tempfile::tempdir).await;
    let directory = directory.map_err(|error| FileError::new("make", Path::new("a directory"), error))?;
    let at = |file: &str| directory.path().join(file).display().to_string();
    let unit = if is_admin { "OU = xtreemfs-admin\n" } else { "" };
    let text = format!("{REQUEST}{unit}CN = {name}\nemailAddress = info@conpaas.eu\n");
    for (file, content) in [("request", text.as_str()), ("passphrase", passphrase)] {
        let (path, content) = (directory.path().join(file), content.to_owned());
        sys::blocking(move || file::write_atomic(&path, content.as_bytes(), 0o600)).await?;
    }
    let (key, certificate, all) = (at("key"), at("certificate"), at("all"));
    let (request, secret) = (at("request"), format!("file:{}", at("passphrase")));
    let first = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", DAYS, "-config", &request];
    run(first.iter().copied().chain(["-keyout", &key, "-out", &certificate])).await?;
    let second = ["pkcs12", "-export", "-inkey", &key, "-in", &certificate, "-name", name, "-passout", &secret];
    run(second.into_iter().chain(["-out", &all])).await?;
    let path = directory.path().join("all");
    Ok(sys::blocking(move || file::read(&path)).await?)
}

async fn run<'a>(words: impl Iterator<Item = &'a str>) -> Result<(), MethodError> {
    let words: Vec<&str> = words.collect();
    let outcome = program::run("openssl", &words, program::LIMIT).await;
    outcome.map(drop).map_err(|error| MethodError::refused(sys::chain(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_certificate_is_opened_by_its_passphrase() {
        let made = make("alice:users", "it's secret", true).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("p12");
        std::fs::write(&file, made).unwrap();
        let show = async |passphrase: &str| {
            let pass = format!("pass:{passphrase}");
            let words = ["pkcs12", "-in", file.to_str().unwrap(), "-nokeys", "-passin", &pass];
            program::run("openssl", &words, program::LIMIT).await
        };
        let shown = show("it's secret").await.unwrap();
        assert!(shown.contains("friendlyName: alice:users") && shown.contains("xtreemfs-admin"), "{shown}");
        assert!(show("another").await.is_err());
    }
}
