//! The SSH server, and what git is told: computed from where things lie.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::place;
use crate::supervise::daemon::{
    CONFIGURATION, CommandLine, ConfigurationFile, Daemon, DaemonSignal, Launch, OutputLimits, Pauses, Probe,
    Readiness, Reload, Scheduling, Stop, Style,
};
use crate::template::{TemplateError, Templates};

/// The name of the daemon.
pub(super) const SSHD: &str = "sshd";
const FILES: Templates = Templates {
    escape: plain_word,
    files: &[("sshd_config", include_str!("sshd_config")), ("gitconfig", include_str!("gitconfig"))],
};
const LIMIT: Duration = Duration::from_secs(30);
const N_TRIES: u32 = 10;

/// What `sshd_config` is filled with.
#[derive(Serialize)]
struct SshdValues<'a> {
    port: u16,
    host_key: &'a str,
    account: &'a str,
    keys: &'a str,
    program: &'a str,
}

/// What `gitconfig` is filled with.
#[derive(Serialize)]
struct GitValues<'a> {
    hooks: &'a str,
    repository: &'a str,
}

/// Returns the SSH server whose visitors run `program git-serve`.
///
/// # Errors
/// The path of the program cannot be written in its configuration.
pub(super) fn sshd(sshd: PathBuf, program: &str) -> Result<Daemon, TemplateError> {
    let values = SshdValues {
        port: place::PORT,
        host_key: place::HOST_KEY,
        account: place::ACCOUNT,
        keys: place::KEYS,
        program,
    };
    let content = FILES.render("sshd_config", &values)?;
    let file = format!("{CONFIGURATION}/sshd_config");
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<String>>();
    let check = CommandLine { program: sshd.clone(), arguments: words(&["-t", "-f", &file]), limit: LIMIT };
    let launch = Launch {
        program: sshd,
        arguments: words(&["-D", "-e", "-f", &file]),
        environment: Vec::new(),
        user: None,
        directory: PathBuf::from("/"),
        style: Style::Foreground,
        scheduling: Scheduling::Usual,
        output: OutputLimits { file_bytes: 1 << 20, n_files: 2, ..OutputLimits::default() },
    };
    let probe = Probe::Tcp((Ipv4Addr::LOCALHOST, place::PORT).into());
    Ok(Daemon {
        name: SSHD.parse().expect("it is a name of a daemon"),
        launch,
        configuration: vec![ConfigurationFile { path: "sshd_config".into(), content, mode: 0o600, owner: None }],
        check: Some(check),
        readiness: Readiness { probe, limit: LIMIT },
        // What it has read counts for connections to come; those that are there go on.
        reload: Reload::Signal(DaemonSignal::Hup),
        stop: Stop { signal: DaemonSignal::Term, grace: Duration::from_secs(5) },
        pauses: Pauses::default(),
        n_tries: N_TRIES,
    })
}

/// Returns what git is told whenever it works in the repository.
///
/// # Errors
/// Never, as the values are constants that can be written.
pub(super) fn git_configuration() -> Result<String, TemplateError> {
    FILES.render("gitconfig", &GitValues { hooks: place::HOOKS, repository: place::REPOSITORY })
}

/// Words that mean themselves in both files; no other is written.
fn plain_word(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    (!text.is_empty() && text.chars().all(is_plain)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_in_runs_one_command() {
        let daemon = sshd("/usr/sbin/sshd".into(), "/usr/sbin/conpaas").unwrap();
        let text = &daemon.configuration[0].content;
        for line in [
            "ForceCommand /usr/sbin/conpaas git-serve",
            "PasswordAuthentication no",
            "PermitTTY no",
            "DisableForwarding yes",
            "AllowUsers git",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}");
        }
        assert!(sshd("/usr/sbin/sshd".into(), "/usr/bin/a\nPermitTTY yes").is_err());
        assert!(git_configuration().unwrap().contains("hooksPath = /etc/conpaas/git/hooks\n"));
    }
}
