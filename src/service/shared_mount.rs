//! A volume of shared storage that is mounted in a node: a program that runs for as long as the mount is wanted.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::MethodError;
use crate::supervise::daemon::{
    CONFIGURATION, CommandLine, ConfigurationFile, Daemon, DaemonSignal, Launch, OutputLimits, Pauses, Probe,
    Readiness, Reload, Scheduling, Stop, Style,
};
use crate::sys::file::FileError;
use crate::sys::fingerprint::fingerprint;
use crate::sys::mount::{self, Mount};
use crate::sys::{self, program};
use crate::template::Templates;

const FILES: Templates = Templates {
    escape: plain_word,
    files: &[("mount.cfg", include_str!("shared_mount.cfg")), ("mount.sh", include_str!("shared_mount.sh"))],
};
/// Where a master answers clients.
pub(crate) const PORT: u16 = 9421;
/// For so long a program waits for a server that is away.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Who is asked may have to read the metadata of many files first.
const READY_LIMIT: Duration = Duration::from_secs(180);
/// How what is below a mount is mounted, so that nobody writes there.
const GUARD: &str = "ro,size=4k,mode=0555";
/// By this option a guard is known.
const GUARD_MARK: &str = "size=4k";
/// What hinders a mount may pass.
const FOR_EVER: u32 = u32::MAX;

/// A volume that is mounted.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SharedMount {
    /// The address of the server that is asked.
    pub host: Ipv4Addr,
    /// The volume; empty for all of them.
    pub volume: String,
    /// Its password.
    pub password: String,
    /// Where it is mounted.
    pub path: PathBuf,
}

#[derive(Serialize)]
struct Values<'a> {
    host: Ipv4Addr,
    port: u16,
    volume: &'a str,
    password: &'a str,
    timeout_s: u64,
}

/// What services with shared storage tell those that mount it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StorageOffer {
    /// The address of the server that is asked; `None` while no node has the metadata.
    pub host: Option<String>,
    /// Passwords of volumes by their names.
    pub passwords: BTreeMap<String, String>,
}

/// Returns the name of the program that mounts something at a path.
#[must_use]
pub(crate) fn name_of(path: &Path) -> String {
    format!("mount-{}", fingerprint(path.as_os_str().as_encoded_bytes(), 6))
}

/// Returns the program that mounts a volume.
///
/// # Errors
/// Returns an error if it is not installed, or a value cannot be written in its file.
pub(crate) fn daemon(name: &str, mount: &SharedMount) -> Result<Daemon, MethodError> {
    if program::find("mfsmount").is_none() {
        return Err(MethodError::refused(
            "mfsmount is not installed in this node: its image was built without the package moosefs-client",
        ));
    }
    let values = Values {
        host: mount.host,
        port: PORT,
        volume: &mount.volume,
        password: &mount.password,
        timeout_s: TIMEOUT.as_secs(),
    };
    let file = |path: &str| {
        let content = FILES.render(path, &values).map_err(|error| MethodError::refused(sys::chain(&error)))?;
        Ok::<_, MethodError>(ConfigurationFile { path: path.into(), content, mode: 0o600, owner: None })
    };
    let path = mount.path.display().to_string();
    let [script, options] = ["mount.sh", "mount.cfg"].map(|file| format!("{CONFIGURATION}/{file}"));
    // What an agent mounts for itself nobody else writes to.
    let guard = if mount.volume.is_empty() { "" } else { GUARD };
    let words = [script, options, path.clone(), mount.host.to_string(), PORT.to_string(), guard.to_owned()];
    // The root of what is mounted has the number 1 in MooseFS, and that of a guard too.
    let is_mounted = "kind=$(stat -f -c %T \"$1\" 2>/dev/null); test \"$kind\" = fuseblk || \
                      { test \"$kind\" != tmpfs && test \"$(stat -c %i \"$1\" 2>/dev/null)\" = 1; }";
    let probe = CommandLine {
        program: "/bin/sh".into(),
        arguments: ["-c", is_mounted, "sh", &path].map(str::to_owned).into(),
        limit: Duration::from_secs(10),
    };
    Ok(Daemon {
        name: name.parse().map_err(|error: String| MethodError::refused(error))?,
        launch: Launch {
            program: "/bin/bash".into(),
            arguments: words.into(),
            environment: Vec::new(),
            user: None,
            directory: PathBuf::from("/"),
            style: Style::Foreground,
            scheduling: Scheduling::Usual,
            output: OutputLimits::default(),
        },
        configuration: vec![file("mount.cfg")?, file("mount.sh")?],
        check: None,
        readiness: Readiness { probe: Probe::Command(probe), limit: READY_LIMIT },
        reload: Reload::Restart,
        stop: Stop { signal: DaemonSignal::Term, grace: Duration::from_secs(10) },
        pauses: Pauses { longest: Duration::from_secs(3), well_after: Duration::from_secs(20), ..Pauses::default() },
        n_tries: FOR_EVER,
    })
}

/// Returns where guards are left whose volumes are mounted no more; `wanted` are the paths of those that are. Blocking.
///
/// # Errors
/// Returns an error if the mounts of this node cannot be read.
pub(crate) fn guards_left(wanted: &[PathBuf]) -> Result<Vec<PathBuf>, FileError> {
    Ok(left_of(&mount::all()?, wanted))
}

fn left_of(mounts: &[Mount], wanted: &[PathBuf]) -> Vec<PathBuf> {
    let is_guard = |mount: &&Mount| mount.file_system == "tmpfs" && mount.super_options.contains(GUARD_MARK);
    let targets = mounts.iter().filter(is_guard).map(|mount| mount.target.clone());
    targets.filter(|target| !wanted.contains(target)).collect()
}

/// Words that mean themselves in the file of a mount; no other is written.
fn plain_word(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    text.chars().all(is_plain).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_is_left_where_no_volume_is_wanted_any_more() {
        let mount = |target: &str, file_system: &str, super_options: &str| Mount {
            device: "0:1".to_owned(),
            target: target.into(),
            file_system: file_system.to_owned(),
            super_options: super_options.to_owned(),
        };
        let mounts = [
            mount("/srv/a", "tmpfs", "ro,size=4k,mode=555"),
            mount("/srv/a", "fuse.mfs", "rw,user_id=0"),
            mount("/srv/b", "tmpfs", "ro,size=4k,mode=555,uid=100000"),
            mount("/run", "tmpfs", "rw,size=409600k"),
        ];
        assert_eq!(left_of(&mounts, &["/srv/a".into()]), [PathBuf::from("/srv/b")]);
    }

    #[test]
    fn a_password_is_in_a_file_for_root_alone_and_no_value_means_something_else() {
        let render = |password: &str| {
            let values = Values { host: Ipv4Addr::LOCALHOST, port: PORT, volume: "pictures", password, timeout_s: 120 };
            FILES.render("mount.cfg", &values)
        };
        let text = render("secret").unwrap();
        assert!(text.contains("\nmfssubfolder=/pictures\nmfspassword=secret\n"), "{text}");
        for password in ["a\nmfsmaster=10.0.0.9", "a b", "#", "a,b"] {
            assert!(render(password).is_err(), "{password:?}");
        }
    }
}
