//! The key by which users know the manager's node again. It is made once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

use super::place;
use crate::config::NodeBase;
use crate::service::error::MethodError;
use crate::sys::file::{self, FileError};
use crate::sys::{blocking, chain, program};

const LIMIT: Duration = Duration::from_secs(30);

/// The public part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostKey {
    /// Its type and its bytes, as a line of `known_hosts` has them behind the host.
    pub line: String,
    /// As SSH shows it: `SHA256:` and 43 characters.
    pub fingerprint: String,
}

impl HostKey {
    /// Returns the key if it was made. Blocking.
    pub(crate) fn read(base: &NodeBase) -> Option<Self> {
        HostKey::parse(&file::read_text(&public(&base.rooted(place::HOST_KEY))).ok()?)
    }

    /// Makes the key unless it is there.
    ///
    /// # Errors
    /// The disk is full, or `ssh-keygen` is not installed.
    pub(super) async fn ensure(base: &NodeBase) -> Result<(), MethodError> {
        let path = base.rooted(place::HOST_KEY);
        if path.is_file() && HostKey::read(base).is_some() {
            return Ok(());
        }
        let directory = path.parent().unwrap_or(Path::new("/")).to_owned();
        let (wanted, begun) = (directory.clone(), directory.join("begun"));
        let new = begun.clone();
        blocking(move || {
            file::ensure_directory(&wanted)?;
            [new.clone(), public(&new)].iter().try_for_each(|left| file::ensure_absent(left))
        })
        .await?;
        let file = begun.display().to_string();
        let arguments = ["-q", "-t", "ed25519", "-N", "", "-C", "conpaas", "-f", &file];
        let made = program::run("ssh-keygen", &arguments, LIMIT).await;
        made.map_err(|error| MethodError::refused(chain(&error)))?;
        Ok(blocking(move || put_in_place(&begun, &path)).await?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let (sort, body) = (words.next()?, words.next()?);
        let digest = Sha256::digest(STANDARD.decode(body).ok()?);
        let fingerprint = format!("SHA256:{}", STANDARD_NO_PAD.encode(digest));
        Some(HostKey { line: format!("{sort} {body}"), fingerprint })
    }
}

/// The public part is the sign that the key is whole, so it comes last, and both are on the disk before they count.
fn put_in_place(begun: &Path, path: &Path) -> Result<(), FileError> {
    for (from, to, mode) in [(begun.to_owned(), path.to_owned(), 0o600), (public(begun), public(path), 0o644)] {
        file::write_atomic(&to, &file::read(&from)?, mode)?;
        file::ensure_absent(&from)?;
    }
    Ok(())
}

fn public(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_as_ssh_shows_it() {
        let text = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl somebody\n";
        let key = HostKey::parse(text).unwrap();
        assert_eq!(key.fingerprint, "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU");
        assert!(key.line.ends_with("GKJl") && !key.line.contains("somebody"));
        assert_eq!(HostKey::parse("nonsense"), None);
    }
}
