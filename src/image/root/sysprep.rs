//! The last look at a root file system. Whatever differs from build to build is taken out; a root that would make two
//! machines alike in what they must not share is refused.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::sys::file;

/// Logs and caches: everything in them but directories goes.
const EMPTIED: [&str; 7] =
    ["var/log", "var/cache/apt", "var/cache/ldconfig", "var/lib/apt/lists", "tmp", "var/tmp", "root/.cache"];
/// Copies that programs make before they write, and locks.
const REMOVED: [&str; 8] =
    ["passwd-", "group-", "shadow-", "gshadow-", "subuid-", "subgid-", ".pwd.lock", "ld.so.cache~"];
/// Directories in which copies end with `-old`.
const WITH_COPIES: [&str; 2] = ["var/lib/dpkg", "var/cache/debconf"];
/// Directories that apt hands to its own user if that user could reach them at the build; apt does so again when it needs them.
const OF_ROOT: [&str; 2] = ["var/cache/apt/archives/partial", "var/lib/apt/lists/partial"];
/// Places where private keys would be.
const KEY_PLACES: [&str; 6] = ["etc/ssl", "etc/ssh", "etc/cpsdirector", "etc/conpaas", "root", "home"];

/// Removes files that would differ from build to build. Blocking.
///
/// # Errors
/// Something cannot be removed.
pub(crate) fn clean(root: &Path) -> Result<()> {
    for directory in EMPTIED {
        empty(&root.join(directory))?;
    }
    for directory in OF_ROOT.map(|directory| root.join(directory)) {
        if fs::symlink_metadata(&directory).is_ok_and(|metadata| metadata.is_dir()) {
            std::os::unix::fs::chown(&directory, Some(0), Some(0))
                .with_context(|| format!("cannot give {} to root", directory.display()))?;
        }
    }
    for name in REMOVED {
        file::ensure_absent(&root.join("etc").join(name))?;
    }
    for directory in WITH_COPIES {
        for path in entries(&root.join(directory))? {
            if path.to_string_lossy().ends_with("-old") {
                file::ensure_absent(&path)?;
            }
        }
    }
    Ok(())
}

/// Refuses a root that would make machines alike in what they must not be, or that anybody can enter. Blocking.
///
/// # Errors
/// Something is there that must not be; the error names all of it.
pub(crate) fn check(root: &Path) -> Result<()> {
    let mut found = Vec::new();
    for name in ["etc/machine-id", "var/lib/dbus/machine-id"] {
        let is_link = fs::symlink_metadata(root.join(name)).is_ok_and(|metadata| metadata.is_symlink());
        let text = if is_link { String::new() } else { fs::read_to_string(root.join(name)).unwrap_or_default() };
        if !["", "uninitialized"].contains(&text.trim()) {
            found.push(format!("/{name} names a machine"));
        }
    }
    for name in ["var/lib/systemd/random-seed", "boot/firmware/random-seed", "var/lib/urandom/random-seed"] {
        if root.join(name).exists() {
            found.push(format!("/{name} is a random seed"));
        }
    }
    for place in KEY_PLACES {
        let keys = keys(&root.join(place))?;
        found.extend(keys.iter().map(|key| format!("{} is a private key", inside(root, key))));
    }
    found.extend(passwords(root)?);
    if found.is_empty() {
        return Ok(());
    }
    bail!("the image must not be given away: {}; take it out in a step of the recipe", found.join("; "))
}

fn inside(root: &Path, path: &Path) -> String {
    format!("/{}", path.strip_prefix(root).unwrap_or(path).display())
}

fn empty(directory: &Path) -> Result<()> {
    for path in entries(directory)? {
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => empty(&path)?,
            _ => file::ensure_absent(&path)?,
        }
    }
    Ok(())
}

/// Returns the paths in a directory; none if it is no directory, or a link.
fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    if !fs::symlink_metadata(directory).is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(Vec::new());
    }
    let read = || fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    read().with_context(|| format!("cannot read {}", directory.display()))
}

fn keys(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut keys = Vec::new();
    for path in entries(directory)? {
        let metadata = fs::symlink_metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if metadata.is_dir() {
            keys.extend(self::keys(&path)?);
        } else if metadata.is_file() {
            let mut start = Vec::new();
            fs::File::open(&path)?.take(4096).read_to_end(&mut start)?;
            if String::from_utf8_lossy(&start).contains("PRIVATE KEY-----") {
                keys.push(path);
            }
        }
    }
    keys.sort();
    Ok(keys)
}

/// Accounts that let somebody in with a password, or without one.
fn passwords(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for name in ["etc/shadow", "etc/passwd"] {
        let Ok(text) = fs::read(root.join(name)) else { continue };
        for line in String::from_utf8_lossy(&text).lines() {
            let mut fields = line.split(':');
            let (Some(user), Some(password)) = (fields.next(), fields.next()) else { continue };
            let is_locked = password.starts_with(['!', '*']) || name == "etc/passwd" && password == "x";
            if password.is_empty() {
                found.push(format!("/{name} lets {user} in without a password"));
            } else if !is_locked || password.trim_start_matches(['!', '*']).starts_with('$') {
                found.push(format!("/{name} has a password of {user}"));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn a_root_that_may_be_given_away_passes() {
        let root = root(&[
            ("etc/machine-id", "uninitialized\n"),
            ("etc/shadow", "root:*:19000:0:99999:7:::\npi:!:19000:0:99999:7:::\nx:!*:1::::::\n"),
            ("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"),
            ("etc/ssl/certs/a.pem", "-----BEGIN CERTIFICATE-----"),
        ]);
        check(root.path()).unwrap();
    }

    #[test]
    fn everything_that_must_not_be_there_is_named_at_once() {
        let root = root(&[
            ("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
            ("etc/shadow", "root::19000::::::\npi:$y$j9T$x:19000::::::\nlocked:!$6$x$y:1::::::\n"),
            ("etc/ssh/ssh_host_ed25519_key", "-----BEGIN OPENSSH PRIVATE KEY-----\n"),
            ("home/pi/.ssh/id", "-----BEGIN RSA PRIVATE KEY-----\n"),
            ("var/lib/systemd/random-seed", "x"),
        ]);
        let error = check(root.path()).unwrap_err().to_string();
        for part in [
            "/etc/machine-id",
            "lets root in",
            "password of pi",
            "password of locked",
            "/etc/ssh/ssh_host",
            "/home/pi/.ssh/id",
            "random-seed",
        ] {
            assert!(error.contains(part), "{part} is not in {error}");
        }
        assert!(!error.contains("j9T"), "{error}");
    }

    #[test]
    fn logs_and_copies_go_and_directories_stay() {
        let root = root(&[
            ("var/log/apt/history.log", "x"),
            ("etc/shadow-", "x"),
            ("etc/shadow", ""),
            ("var/lib/dpkg/status-old", "x"),
            ("var/lib/dpkg/status", "x"),
        ]);
        std::os::unix::fs::symlink("/etc", root.path().join("tmp")).unwrap();
        clean(root.path()).unwrap();
        assert!(root.path().join("var/log/apt").is_dir() && !root.path().join("var/log/apt/history.log").exists());
        assert!(!root.path().join("etc/shadow-").exists() && !root.path().join("var/lib/dpkg/status-old").exists());
        assert!(root.path().join("var/lib/dpkg/status").exists());
    }
}
