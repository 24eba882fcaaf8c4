//! A board: a root with what Debian has in it, and a card.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use conpaas::task::CRASH_VARIABLE;

/// A public key that opens nothing.
pub(crate) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEYHxyyEFBJtHcsMk0A+HAEpHQqIpaoNUbbWZnMtqPZB me@laptop";

pub(crate) struct Board {
    directory: tempfile::TempDir,
}

impl Board {
    /// An image as it is flashed, with these files on its card.
    pub(crate) fn flashed(card: &[(&str, &str)]) -> Self {
        let board = Board { directory: tempfile::tempdir().unwrap() };
        let passwd = "root:x:0:0:root:/root:/bin/bash\nvideo:x:900:900::/:/usr/sbin/nologin\n";
        for (path, text, mode) in [
            ("etc/passwd", passwd, 0o644),
            ("etc/shadow", "root::19000:0:99999:7:::\nvideo:*:19000::::::\n", 0o640),
            ("etc/group", "root:x:0:\nadm:x:4:\nsudo:x:27:\n", 0o644),
            ("etc/gshadow", "root:*::\nadm:*::\nsudo:*::\n", 0o640),
            ("etc/hosts", "127.0.0.1 localhost\n127.0.1.1 conpaas\n", 0o644),
            ("etc/hostname", "conpaas\n", 0o644),
            ("etc/machine-id", "", 0o444),
            ("etc/skel/.profile", "# profile\n", 0o644),
            ("etc/ssh/moduli", "# none\n", 0o644),
            ("usr/share/zoneinfo/Europe/Amsterdam", "TZif", 0o644),
        ] {
            board.write(path, text);
            std::fs::set_permissions(board.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        for directory in ["home", "root", "run", "var/lib", "boot/firmware"] {
            std::fs::create_dir_all(board.path(directory)).unwrap();
        }
        for (name, text) in card {
            board.write(&format!("boot/firmware/{name}"), text);
        }
        board
    }

    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root().join(relative)
    }

    pub(crate) fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, relative: &str) -> String {
        std::fs::read_to_string(self.path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
    }

    pub(crate) fn card(&self, name: &str) -> String {
        self.read(&format!("boot/firmware/{name}"))
    }

    pub(crate) fn mode(&self, relative: &str) -> u32 {
        std::fs::metadata(self.path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}")).mode() & 0o7777
    }

    pub(crate) fn is_done(&self) -> bool {
        self.path("var/lib/conpaas/first-boot/done").exists()
    }

    /// `conpaas first-boot` below this root.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conpaas"));
        command.arg("first-boot").args(words).arg("--root").arg(self.root());
        command.stdin(Stdio::null()).env_remove(CRASH_VARIABLE).env_remove("CONPAAS_CRASH_LOG");
        command
    }

    /// Runs it to a good end and gives what it prints.
    pub(crate) fn succeed(&self, words: &[&str]) -> String {
        let output = self.command(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", told(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Boots; killed at `point`, if there is one.
    pub(crate) fn boot(&self, point: Option<&str>) -> Output {
        let mut command = self.command(&[]);
        if let Some(point) = point {
            command.env(CRASH_VARIABLE, point);
        }
        command.output().unwrap()
    }

    /// Boots to the end of the first boot.
    pub(crate) fn boot_whole(&self) -> String {
        let output = self.boot(None);
        assert!(output.status.success() && self.is_done(), "{}", told(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs another command of the program about this board's director.
    pub(crate) fn conpaas(&self, words: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conpaas"));
        command
            .args(words)
            .env("DIRECTOR_CFG", self.path("etc/cpsdirector/director.cfg"))
            .env("HOME", self.path("root"));
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", told(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Every file with its kind, mode and owner, and the content of those
    /// that are the same on every board that was told the same.
    pub(crate) fn state(&self) -> BTreeMap<String, String> {
        let mut state = BTreeMap::new();
        let mut directories = vec![self.root().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(self.root()).unwrap().to_str().unwrap().to_owned();
                let metadata = std::fs::symlink_metadata(&path).unwrap();
                let mut shown = format!("{:o} {}:{}", metadata.mode(), metadata.uid(), metadata.gid());
                if metadata.is_dir() {
                    directories.push(path);
                } else if metadata.is_symlink() {
                    shown += &format!(" -> {}", std::fs::read_link(&path).unwrap().display());
                } else if !is_random(&name) {
                    shown += &format!("\n{}", String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
                }
                state.insert(name, shown);
            }
        }
        // Copies that the tools of accounts make of tables before they change them.
        state.retain(|name, _| !(name.starts_with("etc/") && name.ends_with('-')));
        state
    }
}

/// Keys, hashes, databases, times and what holds a password.
fn is_random(name: &str) -> bool {
    name.contains("ssh_host_")
        || name.contains("director.db")
        || name.ends_with(".pem")
        || ["shadow", "machine-id", "first-login.json", "welcome.json", "director.cfg", "last-time"]
            .iter()
            .any(|part| name.ends_with(part))
}

pub(crate) fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))
}

pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Whether `hash` of `/etc/shadow` is of `password`, as the C library says.
pub(crate) fn is_hash_of(hash: &str, password: &str) -> bool {
    let code = "import sys, warnings\nwarnings.simplefilter('ignore')\nimport crypt\nh, p = sys.argv[1:]\nprint(crypt.crypt(p, h) == h)";
    let output = Command::new("python3").args(["-c", code, hash, password]).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    output.stdout.starts_with(b"True")
}
