//! SSH keys that may push code to the manager.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::api::manager::{AuthorizedKeys, KeyOutcome};
use crate::config::NodeBase;
use crate::node::Level;
use crate::service::call::Call;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::git::place;
use crate::service::reply::Reply;
use crate::sys::{self, file};

const MAX_BYTES: u64 = 64 * 1024;
const KEY_TYPES: [&str; 8] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ssh-dss",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// `list_authorized_keys`: the lines that are keys.
///
/// # Errors
/// A parameter is left.
pub(crate) async fn list_authorized_keys(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let path = path(&service.config.base);
    let keys = sys::blocking(move || lines(&file::read_text(&path).unwrap_or_default())).await;
    Ok(Reply::of(&AuthorizedKeys { keys }))
}

/// `upload_authorized_key`: adds the keys that are not there yet.
///
/// # Errors
/// A line is no public key, or the file cannot be written.
pub(crate) async fn upload_authorized_key(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let upload = call.file("key")?;
    call.finish()?;
    let bytes = upload.read(MAX_BYTES).await.map_err(|error| MethodError::refused(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| MethodError::invalid("Not an SSH public key"))?;
    let new = lines(&text);
    if let Some(line) = new.iter().find(|line| !is_key(line)) {
        let shown: String = line.chars().take(40).collect();
        return Err(MethodError::invalid(format!("Not an SSH public key: '{shown}'")));
    }
    let path = path(&service.config.base);
    let n_added = sys::blocking(move || {
        let mut keys = lines(&file::read_text(&path).unwrap_or_default());
        let n_before = keys.len();
        for key in new {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        if let Some(directory) = path.parent() {
            file::ensure_directory(directory)?;
        }
        let text: String = keys.iter().map(|key| format!("{key}\n")).collect();
        file::write_atomic(&path, text.as_bytes(), 0o644)?;
        open_to_server(&path);
        Ok::<_, file::FileError>(keys.len() - n_before)
    })
    .await?;
    // The keys are there, whatever becomes of the door: its state is told by who asks for it.
    if let Err(error) = service.git.ensure_open().await {
        service.note(Level::Error, &format!("Nobody can push code: {error}"));
    }
    let fingerprint = service.git.host_key().await.map(|key| key.fingerprint);
    Ok(Reply::of(&KeyOutcome { outcome: format!("{n_added} keys added to authorized_keys"), fingerprint }))
}

fn path(base: &NodeBase) -> PathBuf {
    base.rooted(place::KEYS)
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// A type, base64, and perhaps a comment. Options before the type are
/// refused: they could run programs.
fn is_key(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let (Some(sort), Some(body)) = (words.next(), words.next()) else { return false };
    KEY_TYPES.contains(&sort)
        && !line.contains(char::is_control)
        && body.trim_end_matches('=').bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))
}

/// The SSH server reads the file as the account `git`, which must not be able to write it. Keys are no secret.
fn open_to_server(path: &Path) {
    let modes = [(Some(path), 0o644), (path.parent(), 0o755), (path.parent().and_then(Path::parent), 0o755)];
    for (path, mode) in modes {
        let Some(path) = path else { continue };
        let _the_server_says_it = std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_public_keys_are_taken() {
        assert!(is_key("ssh-rsa AAAAB3NzaC1yc2E= me@home"));
        assert!(is_key("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE"));
        for line in ["command=\"/bin/sh\" ssh-rsa AAAA", "ssh-rsa", "ssh-rsa !!!", "hello world"] {
            assert!(!is_key(line), "{line}");
        }
    }
}
