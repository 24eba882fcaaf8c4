//! What git runs before and after it takes a push. What is printed here stands at the user's terminal behind `remote:`.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::check;
use crate::server;
use crate::service::git::{Pushed, Rules, Update, place};
use crate::sys::{chain, program};

/// Bytes of what git tells of a push.
const MAX_INPUT_BYTES: u64 = 1 << 20;
/// How long a manager that was killed may take to be there again.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

/// Does what the hook of this name does.
pub(crate) fn hook(name: &str) -> ExitCode {
    let outcome = read_input().and_then(|pushed| match name {
        "pre-receive" => before(&pushed),
        "post-receive" => after(&pushed),
        _ => Err(format!("there is no hook '{name}'")),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("conpaas: {text}");
            ExitCode::FAILURE
        }
    }
}

fn read_input() -> Result<Pushed, String> {
    let mut text = String::new();
    let input = std::io::stdin().lock().take(MAX_INPUT_BYTES + 1).read_to_string(&mut text);
    input.map_err(|error| format!("git does not say what is pushed: {error}"))?;
    if text.len() as u64 > MAX_INPUT_BYTES {
        return Err("the push changes too many branches and tags at once".to_owned());
    }
    Pushed::of_lines(&text).ok_or_else(|| "git says in other words what is pushed".to_owned())
}

/// An error refuses the whole push, and git forgets what it brought.
fn before(pushed: &Pushed) -> Result<(), String> {
    let rules = Rules::read(Path::new(place::RULES)).map_err(|error| chain(&error))?;
    server::complete(check::check(pushed, &rules)).map_err(|error| error.to_string())?
}

/// The push is taken, whatever happens here.
fn after(pushed: &Pushed) -> Result<(), String> {
    if pushed.revisions().next().is_none() {
        println!("Only 'main' and 'master' become code versions; the rest is kept.");
        return Ok(());
    }
    server::complete(name_branch(pushed)).map_err(|error| error.to_string())?;
    let mut manager = connect()?;
    let line = serde_json::to_string(pushed).map_err(|error| error.to_string())?;
    let lost = |error: std::io::Error| {
        format!("the manager ended while it took the push: {error}; 'list_codes' shows whether the version is there")
    };
    writeln!(manager, "{line}").map_err(lost)?;
    for line in BufReader::new(manager).lines() {
        println!("{}", line.map_err(lost)?);
        let _the_user_may_have_gone = std::io::stdout().flush();
    }
    Ok(())
}

fn connect() -> Result<UnixStream, String> {
    let end = Instant::now() + PATIENCE;
    loop {
        match UnixStream::connect(place::SOCKET) {
            Ok(stream) => return Ok(stream),
            Err(_) if Instant::now() < end => std::thread::sleep(PAUSE),
            Err(error) => {
                return Err(format!(
                    "the push is kept, and the manager does not answer: {error}; it makes the code version when it \
                     starts again"
                ));
            }
        }
    }
}

/// A clone checks out the branch that HEAD names: the first one that was pushed.
async fn name_branch(pushed: &Pushed) {
    let is_there = program::run("git", &["rev-parse", "--verify", "--quiet", "HEAD"], program::LIMIT).await.is_ok();
    let first = pushed.updates.iter().find(|update| update.is_of_code());
    if let Some(Update { reference, .. }) = first.filter(|_| !is_there) {
        let _clones_say_it = program::run("git", &["symbolic-ref", "HEAD", reference], program::LIMIT).await;
    }
}
