//! The steps of joining, in their order.

use std::ffi::CString;
use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::ExitCode;

use nix::errno::Errno;
use tokio::time::Instant;

use super::error::JoinError;
use super::options::{JoinOptions, Then};
use super::place::config_path;
use super::{exchange, files, source};
use crate::clock::{self, Clock, ClockSettings};
use crate::config::Invitation;
use crate::init::role::role_of;
use crate::server;
use crate::sys;
use crate::sys::file::{self, FileError};

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
    let work = async {
        let deadline = Instant::now() + options.limit;
        let invitation = source::find(options, deadline).await?;
        check_clock(&invitation).await?;
        let request = files::ensure_request(&options.root, &invitation)?;
        let answer = exchange::ask(&invitation, &request, deadline).await?;
        files::write(&options.root, &invitation, &request, &answer)
    };
    server::complete(work).map_err(JoinError::Runtime)?
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
    let role = role_of(&text)
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
