//! Programs as a daemon's user, with its environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User, geteuid};

use super::error::DaemonError;
use super::name::DaemonName;
use super::spec::{CONFIGURATION, CommandLine, Launch, Scheduling};
use crate::sys::process::NODE_VARIABLE;
use crate::sys::program::{self, ProgramError, Question};

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Looks up an account. Blocking.
pub(crate) fn account(name: &DaemonName, account: &str) -> Result<User, DaemonError> {
    let missing = || DaemonError::NoAccount { name: name.clone(), account: account.to_owned() };
    User::from_name(account).ok().flatten().ok_or_else(missing)
}

/// Returns the account that a program has to be started as, unless this process has it already. Blocking.
pub(crate) fn other_account(name: &DaemonName, user: Option<&str>) -> Result<Option<User>, DaemonError> {
    let Some(user) = user else { return Ok(None) };
    Ok(Some(account(name, user)?).filter(|account| account.uid != geteuid()))
}

/// Returns program and arguments, led by what changes to `account`.
pub(crate) fn as_account(account: Option<&User>, program: &Path, arguments: Vec<OsString>) -> (PathBuf, Vec<OsString>) {
    let Some(account) = account else { return (program.to_owned(), arguments) };
    let (user, group) = (format!("--reuid={}", account.uid), format!("--regid={}", account.gid));
    led_by("setpriv", &[&user, &group, "--init-groups", "--"], program, arguments)
}

/// Returns program and arguments, led by what changes to a scheduling.
pub(crate) fn scheduled(scheduling: Scheduling, program: &Path, arguments: Vec<OsString>) -> (PathBuf, Vec<OsString>) {
    match scheduling {
        Scheduling::Usual => (program.to_owned(), arguments),
        Scheduling::Batch => led_by("chrt", &["--batch", "--", "0"], program, arguments),
    }
}

/// Returns a program of util-linux that becomes another one.
fn led_by(leader: &str, words: &[&str], program: &Path, arguments: Vec<OsString>) -> (PathBuf, Vec<OsString>) {
    let path = program::find(leader).unwrap_or_else(|| Path::new("/usr/bin").join(leader));
    let own = words.iter().map(OsString::from).chain([program.into()]);
    (path, own.chain(arguments).collect())
}

/// Returns `words` with the directory of configuration files in its place.
pub(crate) fn with_configuration(words: &[String], configuration: &Path) -> Vec<OsString> {
    words.iter().map(|word| filled_in(word, configuration).into()).collect()
}

/// Returns the whole environment of a daemon.
pub(crate) fn environment(launch: &Launch, configuration: &Path) -> Vec<(String, String)> {
    let given = launch.environment.iter();
    let mut pairs: Vec<(String, String)> =
        given.map(|(name, value)| (name.clone(), filled_in(value, configuration))).collect();
    let usual = [Some((NODE_VARIABLE, std::env::var(NODE_VARIABLE).ok())), Some(("PATH", Some(PATH.to_owned())))];
    for (name, value) in usual.into_iter().flatten() {
        if let Some(value) = value
            && !pairs.iter().any(|(given, _)| given == name)
        {
            pairs.push((name.to_owned(), value));
        }
    }
    pairs
}

/// Runs a command to its end, with its configuration files in `configuration`.
pub(crate) async fn run(
    launch: &Launch,
    account: Option<&User>,
    command: &CommandLine,
    configuration: &Path,
) -> Result<(), ProgramError> {
    let arguments = with_configuration(&command.arguments, configuration);
    let (program, arguments) = as_account(account, &command.program, arguments);
    let pairs = environment(launch, configuration).into_iter();
    let environment: Vec<(OsString, OsString)> = pairs.map(|(name, value)| (name.into(), value.into())).collect();
    program::ask(&Question {
        program: &program,
        arguments: &arguments,
        environment: &environment,
        directory: &launch.directory,
        owner: account.map(|account| account.uid.as_raw()),
        limit: command.limit,
    })
    .await
}

/// Returns whether this process may give files away.
pub(crate) fn is_root() -> bool {
    geteuid() == Uid::from_raw(0)
}

fn filled_in(text: &str, configuration: &Path) -> String {
    text.replace(CONFIGURATION, &configuration.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::super::spec::tests::sample;
    use super::*;

    #[test]
    fn the_directory_of_the_configuration_is_filled_in_and_a_path_is_there() {
        let place = Path::new("/x/current");
        let words = ["-c".to_owned(), "{configuration}/a.conf".to_owned()];
        assert_eq!(with_configuration(&words, place), ["-c", "/x/current/a.conf"]);
        let mut launch = sample().launch;
        let pairs = environment(&launch, place);
        assert!(pairs.contains(&("A".to_owned(), "/x/current".to_owned())));
        assert!(pairs.contains(&("PATH".to_owned(), PATH.to_owned())));
        launch.environment = vec![("PATH".to_owned(), "/own".to_owned())];
        assert_eq!(environment(&launch, place).iter().filter(|(name, _)| name == "PATH").count(), 1);
    }

    #[test]
    fn another_account_is_changed_to_and_a_missing_one_is_named() {
        let name: DaemonName = "web".parse().unwrap();
        let error = other_account(&name, Some("no-such-account")).unwrap_err().to_string();
        assert_eq!(error, "'web' needs the account 'no-such-account', which does not exist");
        assert!(other_account(&name, None).unwrap().is_none());
        let root = account(&name, "root").unwrap();
        let (program, words) = as_account(Some(&root), Path::new("/bin/x"), vec!["-a".into()]);
        assert!(program.ends_with("setpriv"));
        assert_eq!(words, ["--reuid=0", "--regid=0", "--init-groups", "--", "/bin/x", "-a"]);
        assert_eq!(as_account(None, Path::new("/bin/x"), vec!["-a".into()]), ("/bin/x".into(), vec!["-a".into()]));
    }

    #[tokio::test]
    async fn a_command_that_fails_repeats_what_it_said() {
        let command = CommandLine {
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), "echo $A; echo no >&2; exit 3".to_owned()],
            limit: std::time::Duration::from_secs(20),
        };
        let error = run(&sample().launch, None, &command, Path::new("/etc")).await.unwrap_err().to_string();
        assert!(error.ends_with("(exit status: 3): /etc; no"), "{error}");
    }
}
