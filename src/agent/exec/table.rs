//! The commands that run, and the methods by which they are started, heard and ended.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::input::Input;
use super::run::{Cursors, Run, Stdin, clear};
use crate::api::exec::{ExecStarted, ExecTaken, Terminal};
use crate::api::params::{Params, bad};
use crate::config::AgentConfig;
use crate::service::{Call, MethodError, Reply};
use crate::sys::{blocking, random};
use crate::task::Tasks;

const LOGGER: &str = "conpaas.core.agent";
const AT_ONCE: usize = 8;
/// Who does not ask for so long has gone.
const SILENCE: Duration = Duration::from_secs(15);
const LONGEST_SECONDS: i64 = 3600;
/// A call in JSON has a megabyte, and base64 takes a third more than its bytes.
const MAX_INPUT_BYTES: usize = 512 << 10;
const MAX_COMMAND_BYTES: usize = 128 << 10;
const MAX_SHOWN_CHARS: usize = 500;
/// How long a call waits for something to tell, and how often it looks.
const WAIT: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(20);
const MAX_KIND_CHARS: usize = 40;

/// The commands of one node. Cheap to clone.
#[derive(Clone)]
pub(in crate::agent) struct Execs {
    inner: Arc<Inner>,
}

struct Inner {
    config: Arc<AgentConfig>,
    tasks: Tasks,
    place: PathBuf,
    running: Mutex<BTreeMap<String, Exec>>,
}

/// A command that somebody listens to.
#[derive(Clone)]
struct Exec {
    /// `None` while it is being started.
    run: Option<Run>,
    /// Where its input is written, if that comes while it runs.
    input: Option<Arc<Input>>,
    heard: Instant,
    until: Instant,
    limit_seconds: i64,
    /// Why it was ended.
    reason: Option<String>,
    is_told: bool,
}

impl Execs {
    pub(in crate::agent) fn new(config: Arc<AgentConfig>, tasks: Tasks) -> Self {
        let place = config.base.rooted(&config.base.var_tmp).join("exec");
        Execs { inner: Arc::new(Inner { config, tasks, place, running: Mutex::default() }) }
    }

    /// Ends what an earlier agent left.
    pub(in crate::agent) async fn resume(&self) {
        clear(self.inner.place.clone()).await;
    }

    /// `exec`: starts a command.
    pub(in crate::agent) async fn exec(&self, mut call: Call) -> Result<Reply, MethodError> {
        let command = take_command(&mut call.params)?;
        let limit_seconds = take_limit(&mut call.params)?;
        let stdin = take_stdin(&mut call)?;
        let caller = call.params.string_or("caller", "the manager")?;
        call.finish()?;
        let id = random::alphanumeric(20);
        let now = Instant::now();
        let until = now + Duration::from_secs(limit_seconds.unsigned_abs());
        let new = Exec { run: None, input: None, heard: now, until, limit_seconds, reason: None, is_told: false };
        {
            let mut running = self.locked();
            if running.len() >= AT_ONCE {
                return Err(MethodError::refused(format!("{AT_ONCE} commands run in this node already: wait for one")));
            }
            running.insert(id.clone(), new);
        }
        let shown: String = shown_command(&command);
        tracing::info!(target: LOGGER, "exec {id} for {caller}: {shown}");
        let directory = self.inner.place.join(&id);
        match Run::start(&self.inner.config.base, directory, command, stdin).await {
            Ok((run, input)) => {
                if let Some(exec) = self.locked().get_mut(&id) {
                    exec.run = Some(run.clone());
                    exec.input = input.map(Arc::new);
                }
                self.inner.tasks.spawn("exec", self.clone().attend(id.clone(), run));
                Ok(Reply::of(&ExecStarted { exec_id: id }))
            }
            Err(error) => {
                self.locked().remove(&id);
                Err(error)
            }
        }
    }

    /// `exec_input`: what it is to read next, as much as there is room for.
    pub(in crate::agent) async fn input(&self, mut call: Call) -> Result<Reply, MethodError> {
        let id = call.params.string("exec_id")?;
        let bytes = take_bytes(&mut call.params, "input")?;
        let is_end = call.params.boolean_or("end", false)?;
        call.finish()?;
        let input = self.hear(&id)?.input.ok_or_else(|| MethodError::refused("its input came with the command"))?;
        let taken = blocking(move || {
            let taken = input.write(&bytes)?;
            if is_end && taken == bytes.len() {
                input.end();
            }
            Ok::<_, std::io::Error>(taken)
        });
        let taken = taken.await.map_err(|error| MethodError::refused(format!("it reads nothing more: {error}")))?;
        Ok(Reply::of(&ExecTaken { taken }))
    }

    /// `exec_resize`: how large the window of its caller is now.
    pub(in crate::agent) async fn resize(&self, mut call: Call) -> Result<Reply, MethodError> {
        let id = call.params.string("exec_id")?;
        let (columns, rows) = (call.structure("columns")?, call.structure("rows")?);
        call.finish()?;
        let input = self.hear(&id)?.input.ok_or_else(|| MethodError::refused("the command has no terminal"))?;
        let resized = blocking(move || input.resize(columns, rows)).await;
        resized.map_err(|error| MethodError::refused(error.to_string()))?;
        Ok(Reply::nothing())
    }

    /// `exec_output`: what it said, once there is something.
    pub(in crate::agent) async fn output(&self, mut call: Call) -> Result<Reply, MethodError> {
        let id = call.params.string("exec_id")?;
        let cursors = take_cursors(&mut call.params)?;
        call.finish()?;
        let end = Instant::now() + WAIT;
        loop {
            let exec = self.hear(&id)?;
            let run = exec.run.ok_or_else(|| unknown(&id))?;
            let mut output = run.output(cursors).await?;
            output.reason = exec.reason.filter(|_| output.exit_code.is_some());
            let is_ended = output.exit_code.is_some();
            if is_ended && let Some(exec) = self.locked().get_mut(&id) {
                exec.is_told = true;
            }
            if is_ended || !output.stdout.is_empty() || !output.stderr.is_empty() || Instant::now() >= end {
                return Ok(Reply::of(&output));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// `exec_stop`: ends it.
    pub(in crate::agent) async fn stop(&self, mut call: Call) -> Result<Reply, MethodError> {
        let id = call.params.string("exec_id")?;
        call.finish()?;
        let run = self.hear(&id)?.run;
        if let Some(run) = run {
            run.end().await;
        }
        Ok(Reply::nothing())
    }

    /// Stays with a command until it has ended and its caller knows, or has gone.
    async fn attend(self, id: String, run: Run) {
        let stopping = self.inner.tasks.stopping();
        loop {
            let pause = tokio::time::sleep(LOOK * 4);
            tokio::select! {
                // The next agent ends what is left.
                () = stopping.cancelled() => return,
                () = pause => {}
            }
            let Some(exec) = self.locked().get(&id).cloned() else { return };
            let now = Instant::now();
            let is_alone = now.duration_since(exec.heard) > SILENCE;
            if exec.is_told || is_alone {
                break;
            }
            if now > exec.until && exec.reason.is_none() && run.exit_code().await.is_none() {
                let seconds = exec.limit_seconds;
                self.give_reason(&id, format!("it was ended after {seconds} s, its time limit"));
                run.end().await;
            }
        }
        run.end().await;
        let code = run.exit_code().await.map_or_else(|| "unknown".to_owned(), |code| code.to_string());
        tracing::info!(target: LOGGER, "exec {id} ended with code {code}");
        self.locked().remove(&id);
        blocking(move || run.remove()).await;
    }

    fn give_reason(&self, id: &str, reason: String) {
        if let Some(exec) = self.locked().get_mut(id) {
            exec.reason = Some(reason);
        }
    }

    /// Notes that its caller is there.
    fn hear(&self, id: &str) -> Result<Exec, MethodError> {
        let mut running = self.locked();
        let exec = running.get_mut(id).ok_or_else(|| unknown(id))?;
        exec.heard = Instant::now();
        Ok(exec.clone())
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Exec>> {
        self.inner.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown(id: &str) -> MethodError {
    let shown: String = id.chars().filter(|c| !c.is_control()).take(40).collect();
    MethodError::refused(format!("no command '{shown}' runs in this node: it ended, or its agent was started again"))
}

fn take_command(params: &mut Params) -> Result<Vec<String>, MethodError> {
    const NAME: &str = "command";
    let value = params.required(NAME)?;
    let words: Option<Vec<String>> =
        value.as_array().and_then(|words| words.iter().map(|word| word.as_str().map(str::to_owned)).collect());
    let words = words.filter(|words| !words.is_empty()).ok_or_else(|| bad(NAME, "it is no list of words"))?;
    if words.iter().map(String::len).sum::<usize>() > MAX_COMMAND_BYTES {
        return Err(bad(NAME, &format!("it is longer than {MAX_COMMAND_BYTES} bytes")).into());
    }
    if words.iter().any(|word| word.contains('\0')) {
        return Err(bad(NAME, "a word has a zero byte").into());
    }
    Ok(words)
}

fn take_limit(params: &mut Params) -> Result<i64, MethodError> {
    const NAME: &str = "time_limit";
    let seconds = params.positive(NAME)?;
    if seconds > LONGEST_SECONDS {
        return Err(bad(NAME, &format!("{seconds} is more than {LONGEST_SECONDS} seconds")).into());
    }
    Ok(seconds)
}

/// Takes where the command reads: in `stdin`, in what comes later, or in a terminal.
fn take_stdin(call: &mut Call) -> Result<Stdin, MethodError> {
    let whole = take_bytes(&mut call.params, "stdin")?;
    let is_stream = call.params.boolean_or("stream", false)?;
    if !call.params.values().contains_key("terminal") {
        return Ok(if is_stream { Stdin::Stream } else { Stdin::Whole(whole) });
    }
    let terminal: Terminal = call.structure("terminal")?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".+-_".contains(c);
    if terminal.kind.len() > MAX_KIND_CHARS || !terminal.kind.chars().all(is_plain) {
        return Err(bad("terminal", "its kind is no name of a terminal, such as xterm").into());
    }
    Ok(Stdin::Terminal(terminal))
}

fn take_bytes(params: &mut Params, name: &str) -> Result<Vec<u8>, MethodError> {
    let bytes = STANDARD.decode(params.string_or(name, "")?).map_err(|_| bad(name, "it is no base64"))?;
    if bytes.len() > MAX_INPUT_BYTES {
        return Err(bad(name, &format!("it has more than {MAX_INPUT_BYTES} bytes")).into());
    }
    Ok(bytes)
}

fn take_cursors(params: &mut Params) -> Result<Cursors, MethodError> {
    let mut cursors = Cursors::default();
    for (name, cursor) in [("stdout_cursor", &mut cursors.stdout), ("stderr_cursor", &mut cursors.stderr)] {
        if let Some(text) = params.optional(name).filter(|value| value != &Value::from("")) {
            let read = text.as_str().unwrap_or_default().parse();
            *cursor = read.map_err(|problem: String| bad(name, &problem))?;
        }
    }
    Ok(cursors)
}

/// A command as people would type it, for a log.
fn shown_command(words: &[String]) -> String {
    let joined = shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default();
    crate::sys::excerpt::excerpt(&joined, MAX_SHOWN_CHARS)
}
