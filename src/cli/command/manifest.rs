//! `application manifest` and `application export`: an application from one file, and back.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::manifest_bundle::Bundle;
use crate::api::{Accepted, OperationStatus, OperationView};
use crate::cli::deployment::Entry;
use crate::cli::invocation::Invocation;
use crate::cli::kind::find_deployment;
use crate::cli::output::printer::{Reply, write_out};
use crate::cli::output::table::value_of;
use crate::cli::site::entry::urls;
use crate::client::error::Failure;
use crate::client::lookup::{self, FoundService};
use crate::client::wait::Awaited;
use crate::model::{ApplicationId, State};
use crate::task::poll::{self, Pace};

/// A whole application may be made, with all data of a database.
const LIMIT: Duration = Duration::from_secs(24 * 3600);
const PACE: Pace = Pace::growing(Duration::from_millis(100), Duration::from_secs(2), 8).with_jitter();
/// How many seconds the director waits with its answer for an end.
const PATIENCE: u32 = 2;
/// A director that is started again answers within this time.
const SILENCE_LIMIT: Duration = Duration::from_secs(300);

/// What came of a manifest, as `--json` prints it.
#[derive(Serialize)]
struct Made {
    aid: ApplicationId,
    status: State,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    urls: Vec<String>,
}

/// Makes the application that a manifest describes, and waits for it.
///
/// # Errors
/// The manifest or a file beside it cannot be read, or the director refuses it.
pub(crate) async fn make(run: &Invocation, path: &Path, cloud: Option<&str>) -> Result<Reply, Failure> {
    let bundle = Bundle::read(run, path).await?;
    if let Some(cloud) = cloud {
        lookup::check_cloud(&run.session, cloud).await?;
    }
    let progress = run.printer.begin_upload(path);
    let files = bundle.files();
    let sending = run.session.upload_manifest(&bundle.text, cloud, &files, progress.sent());
    let (aid, operation) = progress.while_sending(sending).await?;
    let words = format!("Application {aid} is being created based on the specified manifest... ");
    let Some(id) = operation else {
        // A director of ConPaaS 2.0 names no operation.
        let awaited = Awaited { operation: &Accepted::default(), ends: &[State::Running] };
        return super::wait::for_application(run, aid, &words, awaited).await;
    };
    let waiting = run.printer.begin(&words);
    let outcome = await_end(run, &id, &|step| waiting.step(step)).await;
    let words_left = waiting.end();
    let status = async || Ok::<_, Failure>(lookup::application(&run.session, &aid.to_string()).await?.status);
    match outcome {
        Ok(OperationView { status: OperationStatus::Failed, reason, .. }) => {
            let reason = reason.unwrap_or_else(|| "no reason is told".to_owned());
            let text = format!("{reason}\nWhat was made stays; the same manifest once more goes on from there.");
            let value = value_of(&Made { aid, status: status().await?, urls: Vec::new() });
            Ok(Reply { text: format!("{words_left} FAILED!\n"), value, failure: Some(Failure::said(text)), code: 0 })
        }
        Ok(_) => {
            let urls = sites(run, aid).await?;
            let mut text = format!("{words_left} done.\n");
            urls.iter().for_each(|url| text.push_str(&format!("It answers at {url}\n")));
            Ok(Reply { text, value: value_of(&Made { aid, status: status().await?, urls }), failure: None, code: 0 })
        }
        Err(failure) => {
            if !run.printer.is_json {
                write_out(&format!("{words_left} FAILED!\n"));
            }
            Err(failure)
        }
    }
}

/// Waits until the director has carried the manifest out, or given it up.
async fn await_end(run: &Invocation, id: &str, step: &dyn Fn(&str)) -> Result<OperationView, Failure> {
    let silent_since = std::cell::Cell::new(None);
    let ask = async || match run.session.start_outcome(id, PATIENCE).await {
        Ok(view) => {
            silent_since.set(None);
            step(view.progress.as_deref().unwrap_or_default());
            Ok(Some(view).filter(|view| view.status != OperationStatus::Running))
        }
        Err(failure) if failure.is_passing => {
            let since = silent_since.get().unwrap_or_else(std::time::Instant::now);
            silent_since.set(Some(since));
            step("no answer");
            if since.elapsed() < SILENCE_LIMIT { Ok(None) } else { Err(failure) }
        }
        Err(failure) => Err(failure),
    };
    let ended = poll::until(PACE, LIMIT, ask).await?;
    ended.ok_or_else(|| Failure::said("the director still carries the manifest out"))
}

/// Returns where the sites of an application answer.
async fn sites(run: &Invocation, aid: ApplicationId) -> Result<Vec<String>, Failure> {
    let mut all = Vec::new();
    for found in lookup::services(&run.session, None, Some(aid)).await? {
        let entry = find_deployment(&found.service.kind).map(|deployment| deployment.entry);
        let Some(entry @ Entry::Site(_)) = entry else { continue };
        let service = FoundService { application: aid, service: found.service.sid };
        all.extend(urls(&run.session, &service, entry).await?);
    }
    Ok(all)
}

/// Writes a file that makes the same application again.
///
/// # Errors
/// The manager cannot be called, or the file cannot be written.
pub(crate) async fn export(run: &Invocation, name_or_id: &str, path: &Path) -> Result<Reply, Failure> {
    let app = lookup::application(&run.session, name_or_id).await?;
    let n_files = super::manifest_export::export(&run.session, &app, path).await?;
    let text = format!(
        "Application '{}' written to '{}' with {n_files} files beside its manifest; data and passwords are not in it.",
        app.name,
        path.display()
    );
    Ok(Reply::done(text))
}
