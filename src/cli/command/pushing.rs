//! How code is pushed with git: `git_info` and `auto_enable` of every kind that runs a user's program.

use clap::ValueEnum;

use crate::api::manager::{DoorState, GitInfo};
use crate::cli::invocation::Invocation;
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::lookup::FoundService;
use crate::client::session::Session;

/// A setting that is on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// It is on.
    On,
    /// It is off.
    Off,
}

/// Shows how code of a service is pushed.
///
/// # Errors
/// The manager cannot be called, or says why not.
pub(super) async fn git_info(session: &Session, found: &FoundService) -> Result<Reply, Failure> {
    let info = session.git_info(found).await?;
    let host = session.manager_host(found.application).await?;
    Ok(Reply::lines(&lines(&info, &host, found), &info))
}

/// Says whether a service runs what is pushed as soon as it is pushed.
///
/// # Errors
/// The manager cannot be called, or says why not.
pub(super) async fn auto_enable(session: &Session, found: &FoundService, mode: Switch) -> Result<Reply, Failure> {
    let done = session.set_auto_enable(found, mode == Switch::On).await?;
    let text = match done.auto_enable {
        true => format!("Service {} runs what is pushed as soon as it is pushed.", found.service),
        false => format!("Service {} runs what is pushed after enable_code.", found.service),
    };
    Ok(Reply::line(text, &done))
}

/// Tells a person who uploaded a key how to go on. A server of ConPaaS 2.0 does not say it.
pub(super) async fn note_how(run: &Invocation, found: &FoundService) {
    if run.has_old_name || run.printer.is_json {
        return;
    }
    let (Ok(info), Ok(host)) = (run.session.git_info(found).await, run.session.manager_host(found.application).await)
    else {
        return;
    };
    lines(&info, &host, found).iter().for_each(|line| run.printer.note(line));
}

fn lines(info: &GitInfo, host: &str, found: &FoundService) -> Vec<String> {
    let GitInfo { user, repository, .. } = info;
    let url = match info.port {
        22 => format!("{user}@{host}:{repository}"),
        port => format!("ssh://{user}@{host}:{port}/~/{repository}"),
    };
    let reason = info.reason.as_deref();
    let mut lines = match info.state {
        DoorState::Open => vec![format!("clone: git clone {url}")],
        DoorState::Closed => {
            vec![format!("clone: not yet, as {}", reason.unwrap_or("no key is there: upload_key adds yours"))]
        }
        DoorState::Failed => {
            vec![format!("clone: the door does not open: {}", reason.unwrap_or("the manager's log says why"))]
        }
    };
    lines.extend(info.directory.as_ref().map(|directory| format!("directory: {directory}")));
    let sid = found.service;
    lines.extend(info.auto_enable.map(|is_so| match is_so {
        true => format!("auto_enable: on, service {sid} runs what is pushed at once"),
        false => "auto_enable: off".to_owned(),
    }));
    lines.extend(info.fingerprint.as_ref().map(|fingerprint| format!("fingerprint: {fingerprint}")));
    lines.extend(info.host_key.as_ref().map(|key| format!("known_hosts: {host} {key}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ApplicationId, ServiceId};

    #[test]
    fn what_is_shown_can_be_typed() {
        let found = FoundService { application: ApplicationId(1), service: ServiceId(2) };
        let mut info = GitInfo {
            state: DoorState::Open,
            reason: None,
            user: "git".to_owned(),
            repository: "code".to_owned(),
            port: 22,
            directory: Some("2".to_owned()),
            auto_enable: Some(false),
            host_key: Some("ssh-ed25519 AAAA".to_owned()),
            fingerprint: Some("SHA256:x".to_owned()),
        };
        let text = lines(&info, "10.0.0.2", &found);
        assert_eq!(
            text,
            [
                "clone: git clone git@10.0.0.2:code",
                "directory: 2",
                "auto_enable: off",
                "fingerprint: SHA256:x",
                "known_hosts: 10.0.0.2 ssh-ed25519 AAAA"
            ]
        );
        info.state = DoorState::Closed;
        assert!(lines(&info, "10.0.0.2", &found)[0].ends_with("upload_key adds yours"));
    }
}
