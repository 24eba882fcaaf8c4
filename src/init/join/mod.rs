//! `conpaas join`: a node of a remote cloud finds out what it is.
//!
//! A cloud of the director's own machine places a node's files before it
//! starts; then there is nothing to do here. Any other cloud passes an
//! [`Invitation`] on as user-data. It is looked for on a config drive, on a
//! NoCloud drive or directory, and at the metadata service, whichever is
//! there. Then the node makes a key of its own, has it signed by the director
//! with the invitation's token, and writes its files.
//!
//! A process of its own, that ends before the manager or the agent starts (or
//! becomes it): run by the first process of a container, or by a unit of a
//! virtual machine.
//!
//! # Guarantees
//! - It may be killed or lose its power anywhere, and be started again: the
//!   key is kept from before the first request until all files are there, and
//!   `/root/config.cfg`, which is written last, says that they are.
//! - The token is in no log and no list of processes.

mod drive;
mod exchange;
mod files;
mod metadata;
mod source;

use std::ffi::CString;
use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use nix::errno::Errno;
use tokio::time::Instant;

use crate::clock::{self, Clock, ClockError, ClockSettings};
use crate::config::{Invitation, NODE_CONFIG_PATH};
use crate::pki::AuthorityError;
use crate::rpc::TlsError;
use crate::sys;
use crate::sys::file::{self, FileError};

pub(crate) use source::Source;

/// How long a node looks for its invitation and its director, unless told otherwise.
pub(crate) const JOIN_LIMIT: Duration = Duration::from_secs(300);

/// How a node joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JoinOptions {
    /// The directory that stands for `/` of the node.
    pub root: PathBuf,
    /// Where to look for the invitation, in this order.
    pub sources: Vec<Source>,
    /// How long to look, and to ask the director.
    pub limit: Duration,
    /// What to become then.
    pub then: Then,
}

/// What a node that has joined does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Then {
    /// It ends.
    End,
    /// It becomes the manager or the agent that it was told to be.
    Run {
        /// Address to listen on; by default all.
        bind: Option<Ipv4Addr>,
        /// Port to listen on; by default as configured.
        port: Option<u16>,
    },
}

/// Why a node does not know what it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JoinError {
    /// No source has one.
    #[error("no invitation after {} s: {looked}", limit.as_secs())]
    NoInvitation {
        /// How long it was looked for.
        limit: Duration,
        /// What was seen where.
        looked: String,
    },
    /// The clock is wrong: no certificate could be checked.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// No key or request could be made.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// What the invitation or the director says cannot be used for TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The director does not answer.
    #[error("the director does not answer: {0}")]
    Unreachable(String),
    /// The director says no.
    #[error("the director refused this node: {0}")]
    Refused(String),
    /// The director's answer makes no sense.
    #[error("the director's answer cannot be used: {0}")]
    Malformed(String),
    /// The role could not be started.
    #[error("cannot become the {role}")]
    Become {
        /// Which one.
        role: &'static str,
        /// Why.
        #[source]
        source: Errno,
    },
    /// The runtime.
    #[error("cannot start the runtime")]
    Runtime(#[source] std::io::Error),
}

/// Joins, and becomes the node's role if it is asked to. A failure is one
/// line on standard error, and exit code 1.
#[must_use]
pub(crate) fn join(options: &JoinOptions) -> ExitCode {
    crate::rpc::install_crypto();
    let outcome = run(options).and_then(|()| match &options.then {
        Then::End => Ok(()),
        Then::Run { bind, port } => become_role(&options.root, *bind, *port),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("conpaas join: {}", sys::chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &JoinOptions) -> Result<(), JoinError> {
    if config_path(&options.root).exists() {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(JoinError::Runtime)?;
    runtime.block_on(async {
        let deadline = Instant::now() + options.limit;
        let invitation = source::find(options, deadline).await?;
        check_clock(&invitation).await?;
        let request = files::ensure_request(&options.root, &invitation)?;
        let answer = exchange::ask(&invitation, &request, deadline).await?;
        files::write(&options.root, &invitation, &request, &answer)
    })
}

async fn check_clock(invitation: &Invitation) -> Result<(), JoinError> {
    let settings = ClockSettings::new(invitation.time_servers.clone());
    let verdict = clock::enforce(&settings, &Clock::system()).await?;
    if let Some(warning) = verdict.warning() {
        eprintln!("conpaas join: {warning}");
    }
    Ok(())
}

fn become_role(root: &Path, bind: Option<Ipv4Addr>, port: Option<u16>) -> Result<(), JoinError> {
    let config = config_path(root);
    let text = file::read_text(&config)?;
    let role = super::role(&text)
        .ok_or_else(|| JoinError::Malformed(format!("{} has neither [manager] nor [agent]", config.display())))?;
    let program =
        std::env::current_exe().map_err(|source| FileError::new("find", Path::new("/proc/self/exe"), source))?;
    let mut words = vec!["conpaas".into(), role.into(), "--config".into(), config.into(), "--root".into(), root.into()];
    if let Some(bind) = bind {
        words.extend(["--bind".into(), bind.to_string().into()]);
    }
    if let Some(port) = port {
        words.extend(["--port".into(), port.to_string().into()]);
    }
    let text = |word: std::ffi::OsString| CString::new(word.into_vec()).map_err(|_| Errno::EINVAL);
    let become_it = || -> Result<(), Errno> {
        let words = words.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
        nix::unistd::execv(&text(program.into())?, &words).map(|never| match never {})
    };
    become_it().map_err(|source| JoinError::Become { role, source })
}

/// Says on standard error what is waited for, once each time that it changes:
/// the console of a node that does not come up is all that its user sees.
#[derive(Default)]
struct Progress {
    last: String,
}

impl Progress {
    fn tell(&mut self, reason: &str) {
        if self.last != reason {
            eprintln!("conpaas join: waiting: {reason}");
            reason.clone_into(&mut self.last);
        }
    }
}

fn config_path(root: &Path) -> PathBuf {
    beneath(root, Path::new(NODE_CONFIG_PATH))
}

fn beneath(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}
