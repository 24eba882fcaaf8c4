//! The hidden sub-commands that start one container, mount one volume, and try both.
//!
//! liblxc's start forks the container's monitor out of the calling process,
//! and a shifted mount needs a child for its id map. Neither may happen in a
//! program with threads, so the director runs `conpaas lxc-start <order> …` and
//! `conpaas lxc-mount …`, which have one thread and live for some milliseconds.
//!
//! A start makes the node's user namespace while the director still prepares the
//! rest, and begins with its order once its input says so.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::mount::MsFlags;
use nix::sys::stat::Mode;
use serde::{Deserialize, Serialize};

use super::cgroup::Cgroups;
use super::id_mount::{self, mount_shifted};
use super::liblxc::{self, Container};
use super::plan::{NodePaths, PROGRAM_INSIDE};
use super::user_namespace::UserNamespace;
use crate::model::IdMap;
use crate::sys::chain;
use crate::sys::file::{self, FileError};
use crate::sys::mount::{self, Unmount};
use crate::sys::resource::{self, Resource};

/// The hidden sub-command's name.
pub(crate) const COMMAND: &str = "lxc-start";
/// What the input of a start says once its order is written and all is prepared.
pub(crate) const GO: &str = "go\n";
const USAGE: &str = "usage: conpaas lxc-start ORDER [FIRST_ID COUNT]";

/// How many files one process of a node may open. All of its open files count as the node's memory, each with some 250 bytes.
const OPEN_FILES: u64 = 4096;

/// What is to be started. Holds no secret.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// liblxc's name of it.
    pub(crate) container: String,
    /// What liblxc names its socket after.
    pub(crate) lxc_path: PathBuf,
    /// `<state>/nodes/<tag>`.
    pub(crate) directory: PathBuf,
    /// The base of all nodes.
    pub(crate) base: PathBuf,
    /// The program that is bound in.
    pub(crate) program: PathBuf,
    /// The configuration of liblxc.
    pub(crate) items: Vec<(String, String)>,
}

/// Does a hidden sub-command if the command line names one. To be called
/// before anything starts a thread.
pub fn hidden(arguments: &[OsString]) -> Option<ExitCode> {
    let (name, words) = arguments.get(1..)?.split_first()?;
    let outcome = match (name.to_str()?, words) {
        (COMMAND, [path, ids @ ..]) => match id_map(ids) {
            Some(ids) => start(Path::new(path), ids),
            None => Err(USAGE.to_owned()),
        },
        (COMMAND, _) => Err(USAGE.to_owned()),
        (id_mount::COMMAND, words) => match id_mount::mount_volume(words) {
            Some(outcome) => outcome.map_err(|error| error.to_string()),
            None => Err(format!("usage: conpaas {} DEVICE TARGET ID FIRST_ID COUNT", id_mount::COMMAND)),
        },
        (id_mount::TRIAL, words) => match id_mount::try_root(words) {
            Some(outcome) => outcome.map_err(|error| error.to_string()),
            None => Err(format!("usage: conpaas {} BASE DIRECTORY FIRST_ID COUNT", id_mount::TRIAL)),
        },
        _ => return None,
    };
    match outcome {
        Ok(()) => Some(ExitCode::SUCCESS),
        Err(reason) => {
            eprintln!("{reason}");
            Some(ExitCode::FAILURE)
        }
    }
}

/// Returns the words of a start: `order` names what is written before its input says [`GO`].
pub(crate) fn arguments(order: &Path, ids: Option<IdMap>) -> Vec<OsString> {
    let ids = ids.into_iter().flat_map(|ids| [ids.first, ids.count].map(|number| number.to_string().into()));
    [COMMAND.into(), order.into()].into_iter().chain(ids).collect()
}

/// How ids are shifted: not at all without words.
fn id_map(words: &[OsString]) -> Option<Option<IdMap>> {
    let number = |word: &OsString| word.to_str()?.parse().ok();
    match words {
        [] => Some(None),
        [first, count] => Some(Some(IdMap { first: number(first)?, count: number(count)? })),
        _ => None,
    }
}

fn start(path: &Path, ids: Option<IdMap>) -> Result<(), String> {
    let namespace = ids.map(UserNamespace::of_node).transpose();
    let namespace = namespace.map_err(|error| format!("cannot make the node's user namespace: {error}"))?;
    await_word()?;
    let bytes = file::read(path).map_err(|error| chain(&error))?;
    let order: Order = serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    let paths = NodePaths(order.directory.clone());
    mount_root(&order, &paths, namespace.as_ref()).map_err(|error| chain(&error))?;
    // Handed on to the node, where nothing can raise it.
    resource::bound(Resource::Nofile, OPEN_FILES).map_err(|error| error.to_string())?;
    liblxc::run_no_programs();
    let container = Container::open(&order.container, &order.lxc_path).map_err(|error| error.to_string())?;
    for (key, value) in &order.items {
        container.set(key, value).map_err(|error| error.to_string())?;
    }
    if let Some(namespace) = &namespace {
        let path = namespace.path();
        container.set("lxc.namespace.share.user", &path.to_string_lossy()).map_err(|error| error.to_string())?;
    }
    container.start().map_err(|error| {
        let log = file::read_tail(&paths.log(), 2000).unwrap_or_default();
        let lines: Vec<&str> =
            log.lines().filter_map(|line| line.split_once("ERROR")).map(|(_, text)| text.trim()).collect();
        format!("{error}: {}", lines.join("; "))
    })?;
    // liblxc gives an unprivileged container's groups to its root.
    let kept = Cgroups::of_this_machine().map_err(|error| chain(&error));
    let kept = kept.and_then(|cgroups| cgroups.keep_from(&order.container).map_err(|error| error.to_string()));
    kept.map_err(|reason| {
        container.kill();
        format!("cannot keep the node from making control groups: {reason}")
    })
}

/// A director that was killed never says the word: what it prepared may be half of it.
fn await_word() -> Result<(), String> {
    let mut said = [0; GO.len()];
    match io::stdin().read_exact(&mut said) {
        Ok(()) if said == GO.as_bytes() => Ok(()),
        Ok(()) => Err("the input is not the word to go on".to_owned()),
        Err(error) => Err(format!("the director gave up the start: {error}")),
    }
}

/// Mounts the node's root: the base below, what the node wrote above, the program on top.
fn mount_root(order: &Order, paths: &NodePaths, namespace: Option<&UserNamespace>) -> Result<(), FileError> {
    let lower = match namespace {
        None => order.base.clone(),
        Some(namespace) => {
            let lower = paths.lower();
            let mounted = namespace.file().and_then(|namespace| mount_shifted(&order.base, &lower, &namespace));
            mounted.map_err(|source| FileError::new("mount with shifted owners", &order.base, source))?;
            lower
        }
    };
    let options =
        format!("lowerdir={},upperdir={},workdir={}", lower.display(), paths.upper().display(), paths.work().display());
    let root = paths.root();
    let outcome = mount::mount(Path::new("overlay"), &root, "overlay", MsFlags::empty(), &options);
    if namespace.is_some() {
        // The overlay holds its own reference, so nothing but the overlay needs to be found and unmounted later.
        mount::ensure_unmounted(&lower, Unmount::Lazily)?;
    }
    outcome?;
    bind_program(&order.program, &root)
}

/// Bound here and not by liblxc, because the container's root may not be allowed to walk to the program's directory.
fn bind_program(program: &Path, root: &Path) -> Result<(), FileError> {
    let fail = |errno: Errno| FileError::new("bind the program into", root, errno.into());
    let target = open_beneath(root, PROGRAM_INSIDE).map_err(fail)?;
    nix::mount::mount(Some(program), &path_of(&target), None::<&str>, MsFlags::MS_BIND, None::<&str>).map_err(fail)?;
    // Opened again, the name leads to what was just mounted.
    let bound = open_beneath(root, PROGRAM_INSIDE).map_err(fail)?;
    let read_only = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    nix::mount::mount(None::<&str>, &path_of(&bound), None::<&str>, read_only, None::<&str>).map_err(fail)
}

/// A node may have put links in the place of directories; they must not lead to the host's.
fn open_beneath(root: &Path, path: &str) -> Result<OwnedFd, Errno> {
    let directory = openat(AT_FDCWD, root, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS;
    openat2(&directory, path, OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(resolve))
}

fn path_of(file: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}
