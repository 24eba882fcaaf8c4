//! Carries manifests out, from where their records are.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::director::application_start;
use crate::director::error::Failure;
use crate::director::state::{Director, OperationKey};
use crate::manifest::{self, Manifest};
use crate::model::State;
use crate::service as kinds;
use crate::store::director::application;
use crate::store::director::manifest::{self as rows, ManifestRow};
use crate::sys::fingerprint::fingerprint;
use crate::sys::{self, chain, file};
use crate::task::crash_point;
use crate::task::poll::{self, Pace};

/// A manager that is made on a Pi, in a cloud that is busy.
const START_LIMIT: Duration = Duration::from_secs(1800);
const PACE: Pace = Pace::growing(Duration::from_millis(50), Duration::from_secs(2), 8);

/// How far a manifest is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Each service, in the order of the manifest.
    pub services: Vec<ServiceProgress>,
}

/// How far a service of a manifest is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ServiceProgress {
    /// The service, once it is known.
    pub sid: Option<i64>,
    /// The services that were there before it was added.
    pub before: Option<Vec<i64>>,
    /// How many of its steps are done.
    pub steps_done: usize,
}

/// A manifest that is carried out.
pub(super) struct Job {
    pub(super) director: Arc<Director>,
    pub(super) row: ManifestRow,
    pub(super) manifest: Manifest,
    pub(super) progress: Progress,
}

impl Progress {
    /// Returns the progress of a manifest of which nothing is done.
    pub(super) fn of(manifest: &Manifest) -> Progress {
        Progress { services: vec![ServiceProgress::default(); manifest.services.len()] }
    }

    /// Returns it as its record keeps it.
    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("numbers are plain data")
    }
}

/// Starts a task for every manifest that is not at its end, unless one carries it out already.
pub(crate) async fn spawn_all(director: &Arc<Director>) -> Result<(), Failure> {
    let rows = director.store.read(|tx| Ok::<_, Failure>(rows::under_way(tx)?)).await?;
    for row in rows {
        let director = Arc::clone(director);
        director.clone().tasks.spawn("carry out a manifest", async move {
            // Two at once would both add what is missing.
            let _one_at_a_time = director.operations.hold(&OperationKey::Manifest(row.aid)).await;
            tokio::select! {
                // The next start of the director goes on from here.
                () = director.tasks.stopping().cancelled_owned() => {}
                () = carry_out(&director, row.id) => {}
            }
        });
    }
    Ok(())
}

async fn carry_out(director: &Arc<Director>, id: String) {
    // Whoever had the manifest before may have ended it.
    let found = director.store.read(|tx| Ok::<_, Failure>(rows::under_way(tx)?)).await;
    let row = match found {
        Ok(rows) => rows.into_iter().find(|row| row.id == id),
        Err(error) => return tracing::error!(error = %chain(&error), "cannot read the manifests"),
    };
    let Some(row) = row else { return };
    let (aid, uid) = (row.aid, row.uid);
    let outcome = match Job::of(director, row) {
        Ok(mut job) => job.carry_out().await,
        Err(error) => Err(error),
    };
    let failure = outcome.err().map(|error| chain(&error));
    match &failure {
        None => tracing::info!(app.id = aid.0, user.id = uid.0, "manifest carried out"),
        Some(reason) => tracing::warn!(app.id = aid.0, user.id = uid.0, reason, "manifest given up"),
    }
    let ended = id.clone();
    let recorded = director.store.write(move |tx| Ok::<_, Failure>(rows::end(tx, &ended, failure.as_deref())?));
    if let Err(error) = recorded.await {
        tracing::error!(app.id = aid.0, error = %chain(&error), "cannot record how a manifest ended");
    }
    crash_point("manifest.ended");
    forget_files(director, &id).await;
}

impl Job {
    fn of(director: &Arc<Director>, row: ManifestRow) -> Result<Job, Failure> {
        let manifest = manifest::read(&row.document, &kinds::kind_names())
            .map_err(|error| Failure::Application(error.to_string()))?;
        let progress: Progress = serde_json::from_str(&row.progress)
            .map_err(|error| Failure::Internal(format!("the progress of a manifest cannot be read: {error}")))?;
        if progress.services.len() != manifest.services.len() {
            return Err(Failure::Internal("the progress of a manifest is of another one".to_owned()));
        }
        Ok(Job { director: Arc::clone(director), row, manifest, progress })
    }

    async fn carry_out(&mut self) -> Result<(), Failure> {
        self.start_application().await?;
        self.reach_manager().await?;
        let order = manifest::order(&self.manifest.services).map_err(|(_, reason)| Failure::Application(reason))?;
        for place in order {
            let entry = &self.manifest.services[place];
            let name = entry.service_name.clone().unwrap_or_else(|| entry.kind.clone());
            let made = self.make_service(place).await;
            made.map_err(|error| Failure::Application(format!("service '{name}': {}", chain(&error))))?;
        }
        Ok(())
    }

    /// Has the application run, whatever state it is in.
    async fn start_application(&mut self) -> Result<(), Failure> {
        self.note("The application starts").await?;
        let (uid, aid) = (self.row.uid, self.row.aid);
        let status = async || self.director.store.read(move |tx| Ok::<_, Failure>(application::status(tx, aid)?)).await;
        let gone = || Failure::application("the application is gone");
        if !status().await?.ok_or_else(gone)?.can_have_nodes() || status().await? == Some(State::Error) {
            let cloud = self.director.clouds.named(&self.row.cloud)?;
            application_start::start(&self.director, uid, aid, cloud).await?;
        }
        let look = async || {
            Ok::<_, Failure>(match status().await?.ok_or_else(gone)? {
                State::Running => Some(()),
                State::Prologue | State::Adapting => None,
                other => return Err(self.why(other).await),
            })
        };
        let ended = poll::until(PACE, START_LIMIT, look).await?;
        ended.ok_or_else(|| Failure::application("the application does not start"))?;
        crash_point("manifest.started");
        Ok(())
    }

    async fn why(&self, state: State) -> Failure {
        let (uid, aid) = (self.row.uid, self.row.aid);
        let found = self.director.store.read(move |tx| Ok::<_, Failure>(application::owned(tx, aid, uid)?)).await;
        let reason = found.ok().flatten().and_then(|application| application.reason);
        Failure::Application(match reason {
            Some(reason) => format!("the application is {state}: {reason}"),
            None => format!("the application is {state}"),
        })
    }

    /// Records how far it is, and what is done now.
    pub(super) async fn note(&self, words: &str) -> Result<(), Failure> {
        let (id, progress, words) = (self.row.id.clone(), self.progress.to_text(), words.to_owned());
        // A step that is repeated after a power cut does no harm.
        let noted = self.director.store.note(move |tx| rows::set_progress(tx, &id, &progress, &words));
        Ok(noted.await?)
    }

    /// Returns the file that was sent under this name, or where one that is fetched goes.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        directory(&self.director, &self.row.id).join(file_name(name))
    }
}

/// Returns where the files of a manifest are.
pub(super) fn directory(director: &Director, id: &str) -> PathBuf {
    director.config.state_dir.join("manifests").join(id)
}

/// Returns a name for a file whatever its path was: no part of it is a way somewhere else.
pub(super) fn file_name(path: &str) -> String {
    fingerprint(path, 16)
}

/// Removes the files of a manifest; what cannot be removed is removed at the next start.
pub(super) async fn forget_files(director: &Director, id: &str) {
    let directory = directory(director, id);
    if let Err(error) = sys::blocking(move || file::ensure_absent(&directory)).await {
        tracing::warn!("files of a manifest are left: {}", chain(&error));
    }
}

/// Removes the files of manifests that are at their end. To be called before any is carried out.
pub(crate) async fn remove_leftovers(director: &Director) -> Result<(), Failure> {
    let rows = director.store.read(|tx| Ok::<_, Failure>(rows::under_way(tx)?)).await?;
    let all = director.config.state_dir.join("manifests");
    sys::blocking(move || {
        for entry in std::fs::read_dir(&all).into_iter().flatten().flatten() {
            if !rows.iter().any(|row| entry.file_name() == row.id.as_str())
                && let Err(error) = file::ensure_absent(&entry.path())
            {
                tracing::warn!("files of a manifest are left: {}", chain(&error));
            }
        }
    })
    .await;
    Ok(())
}
