//! The one command that the SSH server runs, whatever was asked for.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::request::{Service, read};
use super::room;
use crate::server;
use crate::service::git::{Rules, place};
use crate::sys::{chain, program};

/// What git says to a repository that it does not have.
const REFUSED: u8 = 128;
/// A large push over a slow line, and the start of what it brought.
const LIMIT: Duration = Duration::from_secs(1800);
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Does what `SSH_ORIGINAL_COMMAND` asks for, if that is to fetch from the repository or to push into it.
pub(crate) fn serve() -> ExitCode {
    let asked = std::env::var("SSH_ORIGINAL_COMMAND").unwrap_or_default();
    let outcome = read(&asked).and_then(begin);
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(text) => {
            eprintln!("conpaas: {text}");
            ExitCode::from(REFUSED)
        }
    }
}

fn begin(service: Service) -> Result<u8, String> {
    let rules = Rules::read(Path::new(place::RULES)).map_err(|error| chain(&error))?;
    let _place = room::take_place(service)?;
    let arguments: Vec<OsString> = match service {
        Service::Fetch => vec!["upload-pack".into(), "--strict".into(), "--timeout=300".into()],
        Service::Push => {
            let bytes = room::bytes_of_push(&rules)?;
            vec!["-c".into(), format!("receive.maxInputSize={bytes}").into(), "receive-pack".into()]
        }
    };
    let arguments: Vec<OsString> = arguments.into_iter().chain([place::REPOSITORY.into()]).collect();
    room::bound_programs(service, &rules)?;
    let attended = async { program::attend_within("git", &arguments, &environment(), LIMIT).await };
    let outcome = server::complete(attended).map_err(|error| error.to_string())?;
    outcome.map_err(|error| chain(&error))
}

/// The whole environment of git: nothing that a client can choose but the version of its protocol.
fn environment() -> Vec<(OsString, OsString)> {
    let usual = [("PATH", PATH), ("HOME", "/home/git"), ("LANG", "C.UTF-8")];
    let mut pairs: Vec<(OsString, OsString)> =
        usual.into_iter().chain(place::environment()).map(|(name, value)| (name.into(), value.into())).collect();
    let protocol = std::env::var("GIT_PROTOCOL").ok();
    let is_plain = |text: &String| text.len() < 20 && text.strip_prefix("version=").is_some_and(is_number);
    pairs.extend(protocol.filter(is_plain).map(|text| ("GIT_PROTOCOL".into(), text.into())));
    pairs
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
