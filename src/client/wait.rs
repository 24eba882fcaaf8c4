//! Waiting for what goes on elsewhere: asks politely, tells each state that it
//! sees, and returns how it ended.
//!
//! Must not know: how progress is shown.

use std::time::{Duration, Instant};

use super::error::Failure;
use super::lookup::FoundService;
use super::session::Session;
use crate::model::{ApplicationId, State};
use crate::task::poll::Pace;

/// What takes a moment is seen at once, what takes minutes is asked for once a second.
const PACE: Pace = Pace::growing(Duration::from_millis(10), Duration::from_secs(1), 20);
/// For how long nobody may answer before the waiting is given up: a manager
/// that restarts is back much sooner.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);

/// Where something is in its life, and why, when that is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Its state.
    pub state: State,
    /// Why it is in it.
    pub reason: Option<String>,
}

/// Takes each state that is seen on the way, or that nobody answers.
pub(crate) type Step<'a> = &'a dyn Fn(&str);

/// Waits until an application is in one of `ends` or in `ERROR`.
///
/// # Errors
/// The application is gone, or nobody answers.
pub(crate) async fn for_application(
    session: &Session,
    application: ApplicationId,
    ends: &[State],
    step: Step<'_>,
) -> Result<Progress, Failure> {
    let ask = async || {
        let found = session.applications().await?.into_iter().find(|app| app.aid == application);
        let found = found.ok_or_else(|| Failure::said(format!("Unknown application id {application}")))?;
        Ok(Progress { state: found.status, reason: found.reason })
    };
    until(ends, step, ask).await
}

/// Waits until a service is in one of `ends` or in `ERROR`.
///
/// # Errors
/// The manager does not know the service, or does not answer.
pub(crate) async fn for_service(
    session: &Session,
    service: &FoundService,
    ends: &[State],
    step: Step<'_>,
) -> Result<Progress, Failure> {
    let ask = async || {
        let state = session.service_info(service).await?.state;
        let reason = if state == State::Error { last_reason(session, service).await } else { None };
        Ok(Progress { state, reason })
    };
    until(ends, step, ask).await
}

async fn last_reason(session: &Session, service: &FoundService) -> Option<String> {
    Some(session.service_history(service).await.ok()?.pop()?.reason)
}

async fn until(
    ends: &[State],
    step: Step<'_>,
    ask: impl AsyncFn() -> Result<Progress, Failure>,
) -> Result<Progress, Failure> {
    let began = Instant::now();
    let mut last_answer = began;
    loop {
        match ask().await {
            Ok(progress) if progress.state == State::Error || ends.contains(&progress.state) => return Ok(progress),
            Ok(progress) => {
                last_answer = Instant::now();
                step(progress.state.as_str());
            }
            Err(failure) if failure.is_passing && last_answer.elapsed() < SILENCE_LIMIT => step("no answer"),
            Err(failure) => return Err(failure),
        }
        tokio::time::sleep(PACE.pause_after(began.elapsed())).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Waits for `RUNNING` while `answers` are given one after the other; returns what was told on the way.
    async fn waited(answers: &[Result<State, Failure>]) -> (Result<Progress, Failure>, Vec<String>) {
        let mut rest = answers.iter();
        let rest = RefCell::new(&mut rest);
        let seen = RefCell::new(Vec::new());
        let ask = async || {
            let next = rest.borrow_mut().next().expect("asked after the end").clone();
            next.map(|state| Progress { state, reason: None })
        };
        let outcome = until(&[State::Running], &|text| seen.borrow_mut().push(text.to_owned()), ask).await;
        (outcome, seen.into_inner())
    }

    fn silence() -> Failure {
        Failure { is_passing: true, ..Failure::said("nobody") }
    }

    #[tokio::test]
    async fn states_on_the_way_are_told_and_silence_is_borne() {
        let answers = [Ok(State::Prologue), Err(silence()), Ok(State::Prologue), Ok(State::Running)];
        let (outcome, seen) = waited(&answers).await;
        assert_eq!(outcome.unwrap().state, State::Running);
        assert_eq!(seen, ["PROLOGUE", "no answer", "PROLOGUE"]);
    }

    #[tokio::test]
    async fn an_error_ends_it_and_so_does_a_refusal() {
        let (outcome, _) = waited(&[Ok(State::Adapting), Ok(State::Error)]).await;
        assert_eq!(outcome.unwrap().state, State::Error);
        let (outcome, seen) = waited(&[Err(Failure::said("unknown"))]).await;
        assert_eq!((outcome.unwrap_err().text.as_str(), seen.len()), ("unknown", 0));
    }
}
