//! Makes code versions of a revision that was pushed.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::manager::core::{Manager, Service};
use crate::model::{CodeFormat, ServiceId};
use crate::service::git::{Update, git};
use crate::service::{MethodError, now};
use crate::store::StoreError;
use crate::store::manager::{self as store, CodeRow};
use crate::sys::excerpt::excerpt;
use crate::sys::{chain, program};
use crate::task::crash_point;

const MAX_SUBJECT_CHARS: usize = 200;

/// A revision that became code versions.
pub(super) struct Taken {
    /// The id of the versions.
    pub id: String,
    /// The services that have one, by id.
    pub services: Vec<Service>,
    revision: String,
}

/// Makes a code version for each service whose directory the revision has.
///
/// # Errors
/// Git cannot read the revision, or the database fails.
pub(super) async fn take(manager: &Arc<Manager>, revision: &str) -> Result<Taken, MethodError> {
    let subject = ask(manager, &["log", "-1", "--format=%s", "--end-of-options", revision]).await?;
    let names =
        ask(manager, &["ls-tree", "-d", "-z", "--name-only", "--full-tree", "--end-of-options", revision]).await?;
    let directories: BTreeSet<ServiceId> = names
        .split('\0')
        .filter_map(|name| Some(ServiceId(name.parse().ok()?)).filter(|sid| sid.to_string() == name))
        .collect();
    let mut services = takers(manager).await?;
    services.retain(|service| directories.contains(&service.row.sid));
    let short: String = revision.chars().take(7).collect();
    let code = CodeRow {
        id: format!("git-{short}"),
        filename: short,
        description: excerpt(subject.lines().next().unwrap_or_default(), MAX_SUBJECT_CHARS),
        format: CodeFormat::Git,
        time: now(),
        notes: Vec::new(),
    };
    let id = code.id.clone();
    let sids: Vec<ServiceId> = services.iter().map(|service| service.row.sid).collect();
    let added = manager.store.write(move |tx| {
        sids.iter().try_for_each(|sid| store::insert_code(tx, *sid, &code))?;
        Ok::<_, StoreError>(())
    });
    added.await?;
    crash_point("push.recorded");
    Ok(Taken { id, services, revision: revision.to_owned() })
}

/// Marks in the repository that the revision was taken. The mark keeps it, whatever becomes of the branch.
///
/// # Errors
/// Git cannot write.
pub(super) async fn mark(manager: &Arc<Manager>, taken: &Taken) -> Result<(), MethodError> {
    ask(manager, &["update-ref", &reference(&taken.id), &taken.revision]).await.map(drop)
}

/// Returns the revisions of the two branches that were pushed and not taken, as the manager was killed.
pub(super) async fn left(manager: &Arc<Manager>) -> Vec<String> {
    let mut left = Vec::new();
    for branch in Update::BRANCHES {
        let words = ["rev-parse", "--verify", "--quiet", "--end-of-options", branch];
        let Ok(revision) = ask(manager, &words).await else { continue };
        let revision = revision.trim().to_owned();
        let mark = reference(&format!("git-{}", &revision[..revision.len().min(7)]));
        let is_marked = ask(manager, &["rev-parse", "--verify", "--quiet", &mark]).await.is_ok();
        if !is_marked && !left.contains(&revision) {
            left.push(revision);
        }
    }
    left
}

/// Returns what is told to somebody whose push has nothing for a service.
///
/// # Errors
/// The database fails.
pub(super) async fn nothing_for_a_service(manager: &Arc<Manager>) -> Result<Vec<String>, MethodError> {
    let services = takers(manager).await?;
    if services.is_empty() {
        return Ok(vec!["The push is kept. No service of this application runs code of its own.".to_owned()]);
    }
    let mut lines =
        vec!["The push is kept, and no code version is made: no directory is named after a service.".to_owned()];
    for service in services {
        let (sid, kind) = (service.row.sid, service.kind.name);
        lines.push(format!("  The code of service {sid} ({kind}) belongs into the directory '{sid}'."));
    }
    Ok(lines)
}

/// Services whose code the repository may hold.
async fn takers(manager: &Arc<Manager>) -> Result<Vec<Service>, MethodError> {
    let rows = manager.store.read(store::list_services).await?;
    let services = rows.into_iter().filter_map(|row| manager.service(row));
    Ok(services.filter(|service| service.kind.manager.has_git_code()).collect())
}

fn reference(id: &str) -> String {
    format!("refs/conpaas/{id}")
}

async fn ask(manager: &Arc<Manager>, words: &[&str]) -> Result<String, MethodError> {
    let said = git(&manager.config.base, words, program::LIMIT).await;
    said.map_err(|error| MethodError::refused(chain(&error)))
}
