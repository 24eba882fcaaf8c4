//! Waiting for what goes on elsewhere: shows progress, and says how it ended.

use serde::Serialize;

use crate::cli::invocation::Invocation;
use crate::cli::output::printer::{Reply, write_out};
use crate::cli::output::table::value_of;
use crate::client::error::Failure;
use crate::client::lookup::FoundService;
use crate::client::wait::{self, Progress};
use crate::model::{ApplicationId, ServiceId, State};

/// How an application ended up, as `--json` prints it.
#[derive(Serialize)]
struct ApplicationEnd {
    aid: ApplicationId,
    status: State,
}

/// How a service ended up, as `--json` prints it.
#[derive(Serialize)]
struct ServiceEnd {
    aid: ApplicationId,
    sid: ServiceId,
    state: State,
}

/// Waits until an application is in one of `ends` or in `ERROR`, under upstream's `words`.
pub(crate) async fn for_application(
    run: &Invocation,
    aid: ApplicationId,
    words: &str,
    ends: &[State],
) -> Result<Reply, Failure> {
    let waiting = run.printer.begin(words);
    let outcome = wait::for_application(&run.session, aid, ends, &|state| waiting.step(state)).await;
    ended(run, &waiting.end(), outcome, |status| ApplicationEnd { aid, status })
}

/// Waits until a service is in one of `ends` or in `ERROR`, under upstream's `words`.
pub(crate) async fn for_service(
    run: &Invocation,
    found: &FoundService,
    words: &str,
    ends: &[State],
) -> Result<Reply, Failure> {
    let waiting = run.printer.begin(words);
    let outcome = wait::for_service(&run.session, found, ends, &|state| waiting.step(state)).await;
    ended(run, &waiting.end(), outcome, |state| ServiceEnd { aid: found.application, sid: found.service, state })
}

/// `words` are those that were not written yet.
fn ended<T: Serialize>(
    run: &Invocation,
    words: &str,
    outcome: Result<Progress, Failure>,
    end: impl Fn(State) -> T,
) -> Result<Reply, Failure> {
    match outcome {
        Ok(progress) if progress.state == State::Error => {
            let reason = progress.reason.filter(|reason| !reason.is_empty());
            let reason = reason.unwrap_or_else(|| "it ended in state ERROR; its log says more".to_owned());
            let failure = Some(Failure::said(reason));
            Ok(Reply { text: format!("{words} FAILED!\n"), value: value_of(&end(State::Error)), failure })
        }
        Ok(progress) => {
            Ok(Reply { text: format!("{words} done.\n"), value: value_of(&end(progress.state)), failure: None })
        }
        Err(failure) => {
            if !run.printer.is_json {
                write_out(&format!("{words} FAILED!\n"));
            }
            Err(failure)
        }
    }
}
