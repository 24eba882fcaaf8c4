//! Waiting for what goes on elsewhere: asks politely, tells each state that it
//! sees, and returns how it ended.
//!
//! Must not know: how progress is shown.

use std::time::{Duration, Instant};

use super::error::Failure;
use super::lookup::FoundService;
use super::session::Session;
use crate::api::{Accepted, OperationStatus, OperationView};
use crate::model::{ApplicationId, State};
use crate::task::poll::Pace;

/// What takes a moment is seen at once, what takes minutes is asked for once a second.
const PACE: Pace = Pace::growing(Duration::from_millis(10), Duration::from_secs(1), 20);
/// For how long an answer may wait for the end of what it is asked after, in seconds: so often progress is shown.
const PATIENCE: u32 = 1;
/// For how long nobody may answer before the waiting is given up: a manager
/// that restarts is back much sooner.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);

/// Where something is in its life, and why, when that is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Its state.
    pub state: State,
    /// Why it is in it, or why what was waited for failed.
    pub reason: Option<String>,
    /// Whether what was waited for failed.
    pub is_failure: bool,
}

/// What is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Awaited<'a> {
    /// The operation whose outcome is asked for.
    pub operation: &'a Accepted,
    /// The states that end the wait where no operation is known: at servers of ConPaaS 2.0, and where nothing was
    /// left to do.
    pub ends: &'a [State],
}

/// Takes each state that is seen on the way, or that nobody answers.
pub(crate) type Step<'a> = &'a dyn Fn(&str);

/// Waits until the start of an application ends.
///
/// # Errors
/// The application is gone, nobody answers, or nobody knows what became of the start.
pub(crate) async fn for_application(
    session: &Session,
    application: ApplicationId,
    awaited: Awaited<'_>,
    step: Step<'_>,
) -> Result<Progress, Failure> {
    let state = async || {
        let found = session.applications().await?.into_iter().find(|app| app.aid == application);
        let found = found.ok_or_else(|| Failure::said(format!("Unknown application id {application}")))?;
        Ok(Progress { state: found.status, is_failure: found.status == State::Error, reason: found.reason })
    };
    let Some(id) = &awaited.operation.operation_id else { return until(by_state(awaited.ends, state), step).await };
    let ask = async || {
        let outcome = session.start_outcome(id, PATIENCE).await?;
        by_outcome(outcome, state().await?)
    };
    until(ask, step).await
}

/// Waits until the operation of a service ends.
///
/// # Errors
/// The manager does not know the operation or the service, or does not answer.
pub(crate) async fn for_service(
    session: &Session,
    service: &FoundService,
    awaited: Awaited<'_>,
    step: Step<'_>,
) -> Result<Progress, Failure> {
    let state = async || {
        let state = session.service_info(service).await?.state;
        let is_failure = state == State::Error;
        let reason = if is_failure { last_reason(session, service).await } else { None };
        Ok(Progress { state, reason, is_failure })
    };
    let Some(id) = &awaited.operation.operation_id else { return until(by_state(awaited.ends, state), step).await };
    let ask = async || {
        let outcome = match session.operation(service.application, id, PATIENCE).await {
            Ok(outcome) => outcome,
            Err(failure) => return Err(explained(session, service.application, failure).await),
        };
        by_outcome(outcome, state().await?)
    };
    until(ask, step).await
}

/// Waits until a service is removed: its state goes with it.
///
/// # Errors
/// The removal failed, the manager does not know it, or nobody answers.
pub(crate) async fn for_removal(
    session: &Session,
    application: ApplicationId,
    removal: &Accepted,
) -> Result<(), Failure> {
    let Some(id) = &removal.operation_id else { return Ok(()) };
    let ask = async || {
        let outcome = match session.operation(application, id, PATIENCE).await {
            Ok(outcome) => outcome,
            Err(failure) => return Err(explained(session, application, failure).await),
        };
        by_outcome(outcome, Progress { state: State::Epilogue, reason: None, is_failure: false })
    };
    let ended = until(ask, &|_| {}).await?;
    if ended.is_failure { Err(Failure::said(ended.reason.unwrap_or_default())) } else { Ok(()) }
}

async fn last_reason(session: &Session, service: &FoundService) -> Option<String> {
    Some(session.service_history(service).await.ok()?.pop()?.reason)
}

/// A manager that does not answer may be gone with its application: the director knows.
async fn explained(session: &Session, application: ApplicationId, failure: Failure) -> Failure {
    if !failure.is_passing {
        return failure;
    }
    let Ok(applications) = session.applications().await else { return failure };
    match applications.iter().find(|app| app.aid == application) {
        Some(app) if app.manager.is_some() => failure,
        Some(app) => {
            let state = app.status;
            Failure::said(format!("application {application} is {state} now, and with it went what was asked for"))
        }
        None => Failure::said(format!("application {application} was deleted meanwhile")),
    }
}

/// Whether a wait is over.
enum Look {
    On(Progress),
    Over(Progress),
}

fn by_outcome(outcome: OperationView, now: Progress) -> Result<Look, Failure> {
    let state = now.state;
    Ok(match outcome.status {
        OperationStatus::Running => Look::On(now),
        OperationStatus::Done => Look::Over(Progress { state, reason: None, is_failure: false }),
        OperationStatus::Failed => Look::Over(Progress { state, reason: outcome.reason, is_failure: true }),
    })
}

fn by_state(
    ends: &[State],
    state: impl AsyncFn() -> Result<Progress, Failure>,
) -> impl AsyncFn() -> Result<Look, Failure> {
    async move || {
        let now = state().await?;
        Ok(if now.is_failure || ends.contains(&now.state) { Look::Over(now) } else { Look::On(now) })
    }
}

async fn until(ask: impl AsyncFn() -> Result<Look, Failure>, step: Step<'_>) -> Result<Progress, Failure> {
    let began = Instant::now();
    let mut last_answer = began;
    loop {
        match ask().await {
            Ok(Look::Over(progress)) => return Ok(progress),
            Ok(Look::On(progress)) => {
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
            next.map(|state| Progress { state, reason: None, is_failure: state == State::Error })
        };
        let ask = by_state(&[State::Running], ask);
        let outcome = until(ask, &|text| seen.borrow_mut().push(text.to_owned())).await;
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

    #[test]
    fn the_outcome_of_the_operation_counts_and_not_the_state() {
        let ended = |status, state, reason: Option<&str>| {
            let outcome =
                OperationView { operation_id: "a".into(), status, reason: reason.map(str::to_owned), progress: None };
            match by_outcome(outcome, Progress { state, reason: None, is_failure: state == State::Error }) {
                Ok(Look::Over(progress)) => Some((progress.is_failure, progress.reason)),
                _ => None,
            }
        };
        assert_eq!(ended(OperationStatus::Running, State::Running, None), None);
        assert_eq!(ended(OperationStatus::Done, State::Error, None), Some((false, None)));
        let failed = ended(OperationStatus::Failed, State::Running, Some("no room"));
        assert_eq!(failed, Some((true, Some("no room".to_owned()))));
    }

    #[tokio::test]
    async fn an_error_ends_it_and_so_does_a_refusal() {
        let (outcome, _) = waited(&[Ok(State::Adapting), Ok(State::Error)]).await;
        assert_eq!(outcome.unwrap().state, State::Error);
        let (outcome, seen) = waited(&[Err(Failure::said("unknown"))]).await;
        assert_eq!((outcome.unwrap_err().text.as_str(), seen.len()), ("unknown", 0));
    }
}
