//! One node: a directory for its root, and the programs that belong to it.
//!
//! All of them carry `CONPAAS_NODE=<directory>` in their environment: scripts
//! run in sessions of their own, so no process group holds them together.
//! Nothing here is started again by itself, so no supervisor keeps it.
//! Everything here blocks.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::cloud::ContextFile;
use crate::cloud::local::inventory::{Inventory, NodeRecord};
use crate::config::ContextForm;
use crate::model::NodeTag;
use crate::sys::chain;
use crate::sys::file::{self, FileError};
use crate::sys::process::{self, NODE_VARIABLE, ProcessId};
use crate::sys::program::{self, Output, Session};
use crate::sys::tree::{self, Owner};
use crate::task::poll::blocking_until;

/// How long programs have between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(3);
/// How long killed processes may take to be gone.
const KILL: Duration = Duration::from_secs(10);
/// How often it is looked whether they are.
const LOOK: Duration = Duration::from_millis(5);

pub(crate) struct Node {
    directory: PathBuf,
}

/// Returns the nodes of this cloud of which a program runs, whether a record names them or not.
pub(crate) fn running(inventory: &Inventory) -> Vec<NodeTag> {
    let mut mark = format!("{NODE_VARIABLE}=").into_bytes();
    mark.extend(inventory.nodes_directory().as_os_str().as_encoded_bytes());
    mark.push(b'/');
    let mut found: Vec<NodeTag> = Vec::new();
    for pid in process::all() {
        let words = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let tags = words.split(|byte| *byte == 0).filter_map(|word| word.strip_prefix(mark.as_slice()));
        found.extend(tags.filter_map(|tag| String::from_utf8_lossy(tag).parse().ok()));
    }
    found.sort();
    found.dedup();
    found
}

impl Node {
    pub(crate) fn new(inventory: &Inventory, tag: &NodeTag) -> Node {
        Node { directory: inventory.node_directory(tag) }
    }

    /// Where a volume attached as `device` is found.
    pub(crate) fn volume_link(&self, device: &str) -> PathBuf {
        self.root().join("run/conpaas/volumes").join(device)
    }

    /// Whether its manager or agent runs.
    pub(crate) fn is_running(&self) -> bool {
        self.main().is_some_and(ProcessId::is_alive)
    }

    pub(crate) fn write_files(&self, files: &[ContextFile]) -> Result<(), String> {
        let root = self.root();
        let words = |error: FileError| chain(&error);
        for directory in ["root", "tmp", "media", "run/conpaas/volumes"] {
            file::ensure_directory(&root.join(directory)).map_err(words)?;
        }
        for file in files {
            tree::write(&root, &file.path, &file.content, file.mode, Owner::Own, None).map_err(words)?;
        }
        Ok(())
    }

    pub(crate) fn link_volume(&self, data: &Path, device: &str) -> Result<(), String> {
        let link = self.volume_link(device);
        if fs::read_link(&link).is_ok_and(|target| target == data) {
            return Ok(());
        }
        let words = |error: FileError| chain(&error);
        file::ensure_absent(&link).map_err(words)?;
        file::ensure_directory(link.parent().unwrap_or(&self.directory)).map_err(words)?;
        std::os::unix::fs::symlink(data, &link).map_err(|source| words(FileError::new("link", &link, source)))
    }

    /// Whether it was told what it is, or has found out.
    pub(crate) fn has_context(&self) -> bool {
        self.config().exists()
    }

    /// Starts its manager or agent in a session of its own; one that was only
    /// invited goes to its director first.
    pub(crate) fn start(
        &self,
        program: &Path,
        record: &NodeRecord,
        port: u16,
        context: ContextForm,
    ) -> Result<(), String> {
        let (root, role) = (self.root(), record.role().as_str());
        let home = root.join("root");
        let mut arguments: Vec<OsString> = match context {
            ContextForm::Files => vec![role.into(), "--config".into(), self.config().into()],
            ContextForm::Invitation => vec!["join".into(), "--run".into()],
        };
        let (bind, port) = (record.ip.to_string(), port.to_string());
        arguments.extend([
            "--root".into(),
            root.clone().into(),
            "--bind".into(),
            bind.into(),
            "--port".into(),
            port.into(),
        ]);
        let mut environment: Vec<(OsString, OsString)> = vec![
            (NODE_VARIABLE.into(), self.directory.clone().into()),
            ("HOME".into(), home.clone().into()),
            ("LANG".into(), "C.UTF-8".into()),
        ];
        for name in ["PATH", "RUST_LOG", "TZ"] {
            environment.extend(std::env::var_os(name).map(|value| (name.into(), value)));
        }
        let session = Session {
            program,
            arguments: &arguments,
            environment: &environment,
            stdout: Output::Appended(&home.join(format!("{role}.out"))),
            stderr: Output::Appended(&home.join(format!("{role}.err"))),
        };
        let pid = program::start(&session).map_err(|error| chain(&error))?;
        // One that has ended already leaves no number: the node is then seen as not running.
        let Some(main) = ProcessId::of(pid) else { return Ok(()) };
        let bytes = serde_json::to_vec(&main).expect("a process id holds only numbers");
        file::write_atomic(&self.process_file(), &bytes, 0o600).map_err(|error| chain(&error))
    }

    /// Ends every program of the node, gently and then by force.
    pub(crate) fn stop(&self) -> Result<(), String> {
        if let Some(main) = self.main().filter(|main| main.is_alive()) {
            process::signal_group(main.pid, Signal::SIGTERM);
        }
        for process in self.processes() {
            process.signal(Signal::SIGTERM);
        }
        let _else_they_are_killed = blocking_until(LOOK, GRACE, || self.processes().is_empty());
        if !process::kill_all(|| self.processes(), KILL) {
            return Err("its processes do not end".to_owned());
        }
        // A child of this process stays on the list of processes until somebody asks how it ended.
        let _has_ended = self.is_running();
        file::ensure_absent(&self.process_file()).map_err(|error| chain(&error))
    }

    /// Removes its files; the record is the last of them.
    pub(crate) fn remove_files(&self) -> Result<(), FileError> {
        file::ensure_absent(&self.root())?;
        file::ensure_absent(&self.directory)
    }

    /// Whether a program of the node works in `data` or has a file of it open.
    pub(crate) fn uses(&self, data: &Path) -> bool {
        self.processes().iter().any(|process| {
            let of = PathBuf::from(format!("/proc/{}", process.pid));
            let files = fs::read_dir(of.join("fd")).into_iter().flatten().flatten().map(|entry| entry.path());
            let mut links = files.chain([of.join("cwd")]);
            links.any(|link| fs::read_link(link).is_ok_and(|target| target.starts_with(data)))
        })
    }

    /// The end of what its manager or agent said.
    pub(crate) fn last_words(&self) -> String {
        let home = self.root().join("root");
        let files = ["manager.err", "agent.err"].map(|name| home.join(name));
        files.iter().filter_map(|path| file::read_tail(path, 8192).ok()).collect()
    }

    fn root(&self) -> PathBuf {
        self.directory.join("root-fs")
    }

    fn config(&self) -> PathBuf {
        self.root().join("root/config.cfg")
    }

    fn process_file(&self) -> PathBuf {
        self.directory.join("process.json")
    }

    fn main(&self) -> Option<ProcessId> {
        let bytes = file::read(&self.process_file()).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Those that carry the mark, and what these started: a daemon may write over its environment.
    fn processes(&self) -> Vec<ProcessId> {
        let mut mark = format!("{NODE_VARIABLE}=").into_bytes();
        mark.extend(self.directory.as_os_str().as_encoded_bytes());
        let mut found = process::find("environ", |words| words.split(|byte| *byte == 0).any(|word| word == mark));
        let marked: Vec<i32> = found.iter().map(|process| process.pid).collect();
        found.extend(process::descendants(&marked));
        found.retain(|process| process.is_alive());
        found
    }
}
