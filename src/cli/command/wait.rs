//! Waiting for what goes on elsewhere: shows progress, and says how it ended.

use serde::Serialize;

use crate::cli::invocation::Invocation;
use crate::cli::output::printer::{Reply, write_out};
use crate::cli::output::table::value_of;
use crate::client::error::Failure;
use crate::client::lookup::FoundService;
use crate::client::wait::{self, Awaited, Progress};
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

/// Waits until the start of an application ends, under upstream's `words`.
pub(crate) async fn for_application(
    run: &Invocation,
    aid: ApplicationId,
    words: &str,
    awaited: Awaited<'_>,
) -> Result<Reply, Failure> {
    let waiting = run.printer.begin(words);
    let outcome = wait::for_application(&run.session, aid, awaited, &|state| waiting.step(state)).await;
    ended(run, &waiting.end(), outcome, |status| ApplicationEnd { aid, status })
}

/// Waits until the operation of a service ends, under upstream's `words`.
pub(crate) async fn for_service(
    run: &Invocation,
    found: &FoundService,
    words: &str,
    awaited: Awaited<'_>,
) -> Result<Reply, Failure> {
    let waiting = run.printer.begin(words);
    let outcome = wait::for_service(&run.session, found, awaited, &|state| waiting.step(state)).await;
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
        Ok(progress) if progress.is_failure => {
            let reason = progress.reason.filter(|reason| !reason.is_empty());
            let reason = reason.unwrap_or_else(|| "no reason is told; the log says more".to_owned());
            let failure = Some(Failure::said(reason));
            Ok(Reply { text: format!("{words} FAILED!\n"), value: value_of(&end(progress.state)), failure, code: 0 })
        }
        Ok(progress) => Ok(Reply {
            text: format!("{words} done.\n"),
            value: value_of(&end(progress.state)),
            failure: None,
            code: 0,
        }),
        Err(failure) => {
            if !run.printer.is_json {
                write_out(&format!("{words} FAILED!\n"));
            }
            Err(failure)
        }
    }
}
