//! Waiting for what goes on elsewhere: asks politely, shows progress, and
//! says how it ended.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::output::printer::{Reply, Waiting, write_out};
use crate::client::error::Failure;
use crate::client::lookup::FoundService;
use crate::client::session::Session;
use crate::model::{ApplicationId, State};
use crate::rpc::RpcCall;

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Each pause is this part of the time waited so far: what takes a moment is
/// seen at once, what takes minutes is asked for once a second.
const PART: u32 = 20;
/// For how long nobody may answer before the waiting is given up: a manager
/// that restarts is back much sooner.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);

/// Where something is in its life, and why, when that is told.
struct Progress {
    state: State,
    reason: Option<String>,
}

/// Waits until an application is in one of `ends` or in `ERROR`, under upstream's `words`.
pub(crate) async fn for_application(
    session: &Session,
    application: ApplicationId,
    words: &str,
    ends: &[State],
) -> Result<Reply, Failure> {
    let ask = async || {
        let found = session.applications().await?.into_iter().find(|app| app.aid == application);
        let found = found.ok_or_else(|| Failure::said(format!("Unknown application id {application}")))?;
        Ok(Progress { state: found.status, reason: found.reason })
    };
    let done = |state: State| json!({ "aid": application, "status": state });
    until(session, words, ends, ask, done).await
}

/// Waits until a service is in one of `ends` or in `ERROR`, under upstream's `words`.
pub(crate) async fn for_service(
    session: &Session,
    service: &FoundService,
    words: &str,
    ends: &[State],
) -> Result<Reply, Failure> {
    let ask = async || {
        let call = RpcCall::get(service.service.0, "get_service_info");
        let info = session.manager(service.application, call).await?;
        let state = info.get("state").and_then(Value::as_str).unwrap_or_default();
        let state: State = state.parse().map_err(Failure::said)?;
        let reason = if state == State::Error { last_reason(session, service).await } else { None };
        Ok(Progress { state, reason })
    };
    let done = |state: State| json!({ "aid": service.application, "sid": service.service, "state": state });
    until(session, words, ends, ask, done).await
}

async fn until(
    session: &Session,
    words: &str,
    ends: &[State],
    ask: impl AsyncFn() -> Result<Progress, Failure>,
    done: impl Fn(State) -> Value,
) -> Result<Reply, Failure> {
    let waiting = session.printer.begin(words);
    match poll(&waiting, ends, ask).await {
        Ok(progress) if progress.state == State::Error => {
            let reason = progress.reason.filter(|reason| !reason.is_empty());
            let reason = reason.unwrap_or_else(|| "it ended in state ERROR; its log says more".to_owned());
            let text = format!("{} FAILED!\n", waiting.end());
            Ok(Reply { text, value: done(State::Error), failure: Some(Failure::said(reason)) })
        }
        Ok(progress) => {
            Ok(Reply { text: format!("{} done.\n", waiting.end()), value: done(progress.state), failure: None })
        }
        Err(failure) => {
            let rest = format!("{} FAILED!\n", waiting.end());
            if !session.printer.is_json {
                write_out(&rest);
            }
            Err(failure)
        }
    }
}

async fn poll(
    waiting: &Waiting,
    ends: &[State],
    ask: impl AsyncFn() -> Result<Progress, Failure>,
) -> Result<Progress, Failure> {
    let began = Instant::now();
    let mut last_answer = began;
    loop {
        match ask().await {
            Ok(progress) if progress.state == State::Error || ends.contains(&progress.state) => return Ok(progress),
            Ok(progress) => {
                last_answer = Instant::now();
                waiting.step(progress.state.as_str());
            }
            Err(failure) if failure.is_passing && last_answer.elapsed() < SILENCE_LIMIT => waiting.step("no answer"),
            Err(failure) => return Err(failure),
        }
        tokio::time::sleep((began.elapsed() / PART).clamp(FIRST_PAUSE, LONGEST_PAUSE)).await;
    }
}

async fn last_reason(session: &Session, service: &FoundService) -> Option<String> {
    let history = session.manager(service.application, RpcCall::get(service.service.0, "get_service_history")).await;
    let history = history.ok()?;
    let last = history.get("state_log")?.as_array()?.last()?;
    last.get("reason")?.as_str().map(str::to_owned)
}
