//! The machine's own SSH keys, and how one may log in by SSH.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::machine::Machine;
use super::outcome::{Outcome, done};
use crate::first_boot::error::FirstBootError;
use crate::sys::file::{self, FileError};
use crate::sys::program;
use crate::task::crash_point;

/// A key of RSA takes long on a small processor.
const LIMIT: Duration = Duration::from_secs(600);

pub(crate) async fn ensure(machine: &Machine) -> Result<Outcome, FirstBootError> {
    let directory = machine.place.path("/etc/ssh");
    file::ensure_directory(&directory)?;
    remove_damaged(&directory).await?;
    let mut arguments = vec!["-A".to_owned()];
    if !machine.place.is_live() {
        arguments.extend(["-f".to_owned(), machine.place.root().display().to_string()]);
    }
    program::run("ssh-keygen", &arguments, LIMIT).await?;
    crash_point("first-boot.ssh.keys");
    let keys = keys(&directory)?;
    settle(&directory, &keys)?;
    let passwords = if machine.settings.account.may_use_password_by_ssh { "yes" } else { "no" };
    let text = format!(
        "# Written by the first boot of ConPaaS from what it was told.\nPasswordAuthentication {passwords}\n\
         KbdInteractiveAuthentication no\nPermitRootLogin no\n"
    );
    machine.place.write("/etc/ssh/sshd_config.d/first-boot.conf", &text, 0o644)?;
    done(format!("{} host keys; passwords are {}", keys.len(), if passwords == "yes" { "taken" } else { "not taken" }))
}

/// A power cut may have left half a key, which would be kept for ever.
async fn remove_damaged(directory: &Path) -> Result<(), FirstBootError> {
    for key in keys(directory)? {
        let public = public(&key);
        let is_whole = std::fs::metadata(&public).is_ok_and(|found| found.len() > 0)
            && program::run(
                "ssh-keygen",
                &["-y".as_ref(), "-P".as_ref(), "".as_ref(), "-f".as_ref(), key.as_os_str()],
                LIMIT,
            )
            .await
            .is_ok();
        if !is_whole {
            file::ensure_absent(&key)?;
            file::ensure_absent(&public)?;
        }
    }
    Ok(())
}

fn keys(directory: &Path) -> Result<Vec<PathBuf>, FirstBootError> {
    let entries = std::fs::read_dir(directory).map_err(|source| FileError::new("look into", directory, source))?;
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let is_key = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("ssh_host_") && name.ends_with("_key")
    };
    let mut keys: Vec<PathBuf> = paths.filter(is_key).collect();
    keys.sort();
    Ok(keys)
}

fn public(key: &Path) -> PathBuf {
    key.with_extension("pub")
}

/// `ssh-keygen` does not wait for the disk.
fn settle(directory: &Path, keys: &[PathBuf]) -> Result<(), FirstBootError> {
    let all = keys.iter().flat_map(|key| [key.clone(), public(key)]).chain([directory.to_owned()]);
    for path in all {
        let synced = std::fs::File::open(&path).and_then(|file| file.sync_all());
        synced.map_err(|source| FileError::new("write", &path, source))?;
    }
    Ok(())
}
