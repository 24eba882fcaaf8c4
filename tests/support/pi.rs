//! A directory that stands for a Raspberry Pi: scripts run in it, and the power
//! is cut after as many of their programs as a test wants.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// More steps than any script has: the power is not cut.
pub(crate) const UNCUT: usize = usize::MAX >> 1;

pub(crate) struct Pi {
    directory: TempDir,
}

impl Pi {
    /// Programs of these names are its steps.
    pub(crate) fn with(programs: &[&str]) -> Pi {
        let pi = Pi { directory: tempfile::tempdir().unwrap() };
        for program in programs {
            pi.step(program, &format!("exec /bin/{program} \"$@\""));
        }
        pi
    }

    /// Has a step of this name do `act`.
    pub(crate) fn step(&self, program: &str, act: &str) {
        let count = "n=$(($(/bin/cat \"$COUNT\") - 1))\necho $n > \"$COUNT\"\n[ $n -ge 0 ] || kill -KILL $PPID $$";
        let path = format!("bin/{program}");
        self.write(&path, &format!("#!/bin/sh\n{count}\n{act}\n"));
        fs::set_permissions(self.path(&path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A shell that runs `script`, and is killed after so many steps.
    pub(crate) fn command(&self, script: &Path, n_steps: usize) -> Command {
        self.write("count", &n_steps.to_string());
        let search = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.path("bin").display());
        let mut command = Command::new("/bin/sh");
        command.arg(script).env("PATH", search).env("COUNT", self.path("count"));
        command
    }
}
