//! A manifest that is uploaded becomes a record, with the application that it makes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::run::{self, Progress};
use crate::api::texts;
use crate::director::application::check_name;
use crate::director::change::{self, Found};
use crate::director::error::Failure;
use crate::director::state::Director;
use crate::manifest::{self, Manifest, Source};
use crate::model::{ApplicationId, CloudName, UserId};
use crate::rpc::Upload;
use crate::service as kinds;
use crate::store::Transaction;
use crate::store::director::application;
use crate::store::director::manifest::{self as rows, ManifestEnd, ManifestRow};
use crate::sys::{self, chain, file, random};
use crate::task::crash_point;
use crate::task::poll::{self, Pace};

/// One user's manifests at the same time: each takes disk for its files.
const MAX_AT_ONCE: i64 = 3;
/// The usual name of new applications.
const USUAL_NAME: &str = "New Application";
const ID_LENGTH: usize = 20;
const WAIT_PACE: Pace = Pace::growing(Duration::from_millis(20), Duration::from_secs(1), 8);
const WAIT_LIMIT: Duration = Duration::from_secs(3600);

/// What is uploaded.
pub(crate) struct NewManifest<'a> {
    /// The text.
    pub text: &'a str,
    /// The cloud of what names no other.
    pub cloud: CloudName,
    /// Files that lay beside it, by their paths there.
    pub files: &'a BTreeMap<String, Upload>,
}

/// What becomes of it.
pub(crate) struct Accepted {
    /// The application.
    pub aid: ApplicationId,
    /// By which its end is asked for; `None` for a manifest without services, which is done at once.
    pub id: Option<String>,
}

/// Records a manifest and has it carried out.
pub(crate) async fn accept(director: &Arc<Director>, uid: UserId, new: NewManifest<'_>) -> Result<Accepted, Failure> {
    director.reserve.check_room().await?;
    let manifest = manifest::read(new.text, &kinds::kind_names())
        .map_err(|error| Failure::Application(format!("{}: {error}", texts::MANIFEST_NOT_VALID)))?;
    check_sources(director, &manifest, new.files)?;
    if let Some(name) = &manifest.application {
        check_name(name)?;
    }
    if manifest.services.is_empty() {
        let aid = director.store.write(move |tx| application_of(tx, uid, &manifest)).await?;
        return Ok(Accepted { aid, id: None });
    }
    let id = random::alphanumeric(ID_LENGTH);
    keep_files(director, &id, new.files).await?;
    let row = ManifestRow {
        id: id.clone(),
        uid,
        aid: ApplicationId(0),
        cloud: new.cloud.to_string(),
        document: new.text.to_owned(),
        progress: Progress::of(&manifest).to_text(),
    };
    let recorded = director.store.write(move |tx| {
        if rows::n_under_way(tx, uid)? >= MAX_AT_ONCE {
            return Err(Failure::Application(format!("{MAX_AT_ONCE} of your manifests are carried out already")));
        }
        let aid = application_of(tx, uid, &manifest)?;
        rows::insert(tx, &ManifestRow { aid, ..row })?;
        Ok(aid)
    });
    let aid = match recorded.await {
        Ok(aid) => aid,
        Err(error) => {
            run::forget_files(director, &id).await;
            return Err(error);
        }
    };
    crash_point("manifest.recorded");
    tracing::info!(app.id = aid.0, user.id = uid.0, "manifest accepted");
    run::spawn_all(director).await?;
    Ok(Accepted { aid, id: Some(id) })
}

/// Returns how far a manifest of a user is, if there is one of this id.
pub(crate) async fn find_end(director: &Director, uid: UserId, id: &str) -> Result<Option<ManifestEnd>, Failure> {
    let id = id.to_owned();
    director.store.read(move |tx| Ok::<_, Failure>(rows::find_end(tx, uid, &id)?)).await
}

/// Does the same; the answer waits for the manifest's end, or for its next step, for `wait` at the longest.
pub(crate) async fn await_step(
    director: &Director,
    uid: UserId,
    id: &str,
    wait: Duration,
) -> Result<Option<ManifestEnd>, Failure> {
    let Some(first) = find_end(director, uid, id).await? else { return Ok(None) };
    if wait.is_zero() || !first.is_under_way {
        return Ok(Some(first));
    }
    let id = id.to_owned();
    let look = move |tx: &Transaction<'_>| {
        let value = rows::find_end(tx, uid, &id)?;
        let is_news = value.as_ref() != Some(&first);
        Ok(Found { value, is_news })
    };
    change::until(director, wait, look).await
}

/// Waits until a manifest is carried out, as long as a request may take.
///
/// # Errors
/// It is given up.
pub(crate) async fn until_end(director: &Director, uid: UserId, id: &str) -> Result<(), Failure> {
    let look = || async {
        let end = find_end(director, uid, id).await?;
        Ok::<_, Failure>(end.filter(|end| !end.is_under_way))
    };
    match poll::until(WAIT_PACE, WAIT_LIMIT, look).await? {
        Some(ManifestEnd { failure: Some(reason), .. }) => Err(Failure::Application(reason)),
        _ => Ok(()),
    }
}

/// Returns the application that a manifest means: the user's of that name, or a new one.
fn application_of(tx: &Transaction<'_>, uid: UserId, manifest: &Manifest) -> Result<ApplicationId, Failure> {
    if let Some(name) = &manifest.application {
        let found = application::list(tx, uid)?.into_iter().find(|application| application.name == *name);
        return Ok(match found {
            Some(found) => found.aid,
            None => application::insert(tx, uid, name)?,
        });
    }
    let mut name = USUAL_NAME.to_owned();
    let mut number = 1;
    while application::has_name(tx, uid, &name)? {
        number += 1;
        name = format!("{USUAL_NAME} ({number})");
    }
    Ok(application::insert(tx, uid, &name)?)
}

/// Refuses a manifest that names files which nobody sent, or which the director fetches from nowhere.
fn check_sources(director: &Director, manifest: &Manifest, files: &BTreeMap<String, Upload>) -> Result<(), Failure> {
    for (place, entry) in manifest.services.iter().enumerate() {
        for (key, text) in entry.files() {
            let refuse = |reason: String| Failure::Application(format!("Services[{place}].{key}: {reason}"));
            match Source::of(text).map_err(refuse)? {
                // A client may have fetched it itself.
                _ if files.contains_key(text) => {}
                Source::Beside(_) => {
                    return Err(refuse(format!(
                        "'{text}' was not sent with the manifest: 'conpaas application manifest' sends what lies beside it"
                    )));
                }
                Source::Web(url) => super::fetch::expect_allowed(director, &url).map_err(refuse)?,
            }
        }
        if let Some(cloud) = &entry.cloud {
            director.clouds.named(cloud)?;
        }
    }
    Ok(())
}

async fn keep_files(director: &Director, id: &str, files: &BTreeMap<String, Upload>) -> Result<(), Failure> {
    let directory = run::directory(director, id);
    let sources: Vec<(PathBuf, PathBuf)> =
        files.iter().map(|(name, upload)| (upload.path().to_owned(), directory.join(run::file_name(name)))).collect();
    let kept = sys::blocking(move || {
        if let Some(parent) = directory.parent() {
            file::ensure_private_directory(parent)?;
        }
        file::ensure_private_directory(&directory)?;
        for (from, to) in sources {
            // Where both are on one disk nothing is copied.
            let linked = std::fs::hard_link(&from, &to).or_else(|_| std::fs::copy(&from, &to).map(drop));
            linked.map_err(|error| file::FileError::new("keep", &to, error))?;
        }
        Ok::<_, file::FileError>(())
    });
    match kept.await {
        Ok(()) => Ok(()),
        Err(error) => {
            run::forget_files(director, id).await;
            Err(Failure::Internal(chain(&error)))
        }
    }
}
