//! Nodes and volumes that a cloud has and no record names.
//!
//! # Guarantees
//! - What this database never named is not removed before somebody says so: the
//!   database may be new, from elsewhere, or an older copy.
//! - What it named once is removed: a node at once, since a crash leaves half
//!   made ones; a volume when its time is over.
//! - While the state directory belongs to another database, nothing is removed.

use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;

use super::clouds::Clouds;
use super::error::Failure;
use super::mark::{self, Ownership};
use super::node::remove::logged;
use super::state::Director;
use crate::clock;
use crate::cloud::{Cloud, CloudError};
use crate::config::DirectorConfig;
use crate::model::{Finding, SinceBoot};
use crate::pki::Authority;
use crate::store::director::orphan::{self, Fate, Found, Kind, Orphan};
use crate::store::director::running_time;
use crate::store::{self, Store, Transaction};
use crate::sys::{self, chain};

const REMEDY: &str = "'conpaas director orphans' lists them; 'conpaas director adopt' keeps them, 'conpaas director discard' removes them";

/// What was decided, for people.
#[derive(Debug, Default)]
pub(crate) struct Decision {
    /// The orphans that it is about.
    pub orphans: Vec<Orphan>,
    /// One line for each thing that could not be done.
    pub failures: Vec<String>,
}

/// Makes the database the state directory's when the director starts, if it
/// can be: it is already, or the clouds hold nothing that it does not name.
/// Returns whether it is.
pub(crate) async fn take_over(director: &Director) -> Result<bool, Failure> {
    let (store, state_dir) = (director.store.clone(), director.config.state_dir.clone());
    let claim = move || mark::claim(&store, &state_dir);
    let (store, state_dir) = (director.store.clone(), director.config.state_dir.clone());
    let ownership = sys::blocking(move || mark::look(&store, &state_dir)).await?;
    if !matches!(ownership, Ownership::Own | Ownership::Unmarked) {
        let (orphans, failures) = unnamed(&director.clouds, &director.store).await?;
        if !orphans.is_empty() || !failures.is_empty() {
            let text = of(ownership, &director.config);
            tracing::error!(n_orphans = orphans.len(), "{text}; nothing is removed until somebody decides: {REMEDY}");
            return Ok(false);
        }
        tracing::warn!(
            "{}; the clouds hold nothing that it does not name, so it is taken",
            of(ownership, &director.config)
        );
    }
    sys::blocking(claim).await?;
    Ok(true)
}

/// Decides about one kind of what a cloud listed, and removes what is to go.
pub(crate) async fn settle(director: &Director, cloud: &Arc<dyn Cloud>, kind: Kind, listed: Vec<Found>, is_own: bool) {
    let (name, quarantine) = (cloud.name().clone(), director.config.volume_quarantine);
    let judged = director.store.write(move |tx| {
        orphan::retain(tx, &name, kind, &listed)?;
        let seconds = i64::try_from(quarantine.as_secs()).unwrap_or(i64::MAX);
        let at = Judging { cloud: name.as_str(), kind, is_own, quarantine_seconds: seconds };
        at.judge(tx, listed, clock::since_boot())
    });
    let Some(judged) = logged(judged.await, "judge what no record names") else { return };
    for (orphan, news) in judged {
        let (tag, kind) = (orphan.tag.as_str(), orphan.kind.as_str());
        match orphan.fate {
            Fate::Discarded => {
                tracing::warn!(orphan.tag = tag, cloud = %cloud.name(), "removing a {kind} that no record names");
                logged(remove(&**cloud, &orphan).await, "remove what no record names");
            }
            Fate::Waiting if news == News::First => tracing::error!(
                orphan.tag = tag, cloud = %cloud.name(), "the database never named a {kind} that is there; it is kept until somebody decides: {REMEDY}"
            ),
            Fate::Quarantined if news == News::First => tracing::warn!(
                orphan.tag = tag, cloud = %cloud.name(), quarantine_seconds = quarantine.as_secs(), "no record names a {kind} any more; it is kept for a while: {REMEDY}"
            ),
            Fate::Waiting | Fate::Quarantined | Fate::Kept => {}
        }
    }
}

/// Lists what no record names in any cloud, with what becomes of it.
///
/// # Errors
/// The configuration or the database cannot be read.
pub(crate) async fn list(director_cfg: &Path) -> Result<Decision, Failure> {
    let (config, clouds, store) = open(director_cfg)?;
    let (mut orphans, failures) = unnamed(&clouds, &store).await?;
    let is_own = mark::look(&store, &config.state_dir)? == Ownership::Own;
    orphans.retain(|orphan| !(is_own && orphan.fate == Fate::Discarded && orphan.kind == Kind::Node));
    Ok(Decision { orphans, failures })
}

/// Records the fate of what no record names in any cloud, or of those of
/// these tags; the database is the state directory's from then on.
///
/// # Errors
/// The configuration or the database cannot be used, or there is no such tag.
pub(crate) async fn decide(director_cfg: &Path, fate: Fate, tags: &[String]) -> Result<Decision, Failure> {
    let (config, clouds, store) = open(director_cfg)?;
    decide_with(&config, &clouds, &store, fate, tags).await
}

/// As [`decide`], with what a director that starts has at hand.
pub(crate) async fn decide_with(
    config: &DirectorConfig,
    clouds: &Clouds,
    store: &Store,
    fate: Fate,
    tags: &[String],
) -> Result<Decision, Failure> {
    let (mut orphans, failures) = unnamed(clouds, store).await?;
    if let Some(tag) = tags.iter().find(|tag| !orphans.iter().any(|orphan| orphan.tag == **tag)) {
        return Err(Failure::Application(format!(
            "no cloud has a node or volume '{tag}' that no record names: 'conpaas director orphans' lists them"
        )));
    }
    let is_all = tags.is_empty();
    orphans.retain(|orphan| is_all || tags.contains(&orphan.tag));
    for orphan in &mut orphans {
        orphan.fate = fate;
    }
    let recorded = orphans.clone();
    store.write_blocking(|tx| recorded.iter().try_for_each(|orphan| orphan::put(tx, orphan)))?;
    if is_all && failures.is_empty() {
        mark::claim(store, &config.state_dir)?;
    }
    Ok(Decision { orphans, failures })
}

/// What `conpaas director check` says of the database and of what it does not name. Blocking.
pub(crate) fn findings(config: &DirectorConfig, store: &Store) -> Vec<Finding> {
    let mut findings = Vec::new();
    match mark::look(store, &config.state_dir) {
        Ok(Ownership::Own | Ownership::Unmarked) => {}
        Ok(other) => findings.push(Finding::bad(of(other, config), REMEDY)),
        Err(error) => findings.push(Finding::bad(chain(&error), "check the state directory and its owner")),
    }
    let orphans = store.write_blocking(orphan::all).unwrap_or_default();
    let count = |fate| orphans.iter().filter(|orphan| orphan.fate == fate).count();
    let (n_waiting, n_quarantined) = (count(Fate::Waiting), count(Fate::Quarantined));
    if n_waiting > 0 {
        let text = format!("the clouds hold {n_waiting} nodes and volumes that the database never named");
        findings.push(Finding::bad(text, REMEDY));
    }
    if n_quarantined > 0 {
        let text = format!("{n_quarantined} volumes that no record names any more will be removed");
        findings.push(Finding::warning(text, REMEDY));
    }
    findings
}

fn open(director_cfg: &Path) -> Result<(DirectorConfig, Clouds, Store), Failure> {
    let config = DirectorConfig::read(director_cfg).map_err(|error| Failure::Internal(chain(&error)))?;
    let authority = Authority::load(&config.cert_dir)?;
    let clouds = Clouds::new(&config, authority.certificate_pem())?;
    if !config.database.exists() {
        return Err(Failure::Internal(format!("there is no database {}", config.database.display())));
    }
    let store = store::director::open(&config.database)?;
    Ok((config, clouds, store))
}

/// Returns what is in any cloud and has no row, and what could not be listed.
async fn unnamed(clouds: &Clouds, store: &Store) -> Result<(Vec<Orphan>, Vec<String>), Failure> {
    let lists = clouds.all().map(|cloud| async move {
        let (nodes, volumes) = tokio::join!(nodes_of(&**cloud), volumes_of(&**cloud));
        [(cloud.name().clone(), Kind::Node, nodes), (cloud.name().clone(), Kind::Volume, volumes)]
    });
    let (mut orphans, mut failures) = (Vec::new(), Vec::new());
    for (cloud, kind, listed) in join_all(lists).await.into_iter().flatten() {
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => {
                failures.push(chain(&error));
                continue;
            }
        };
        let judging = Judging { cloud: cloud.as_str(), kind, is_own: true, quarantine_seconds: i64::MAX };
        orphans.extend(store.write_blocking(|tx| judging.unnamed(tx, listed, &clock::since_boot()))?);
    }
    Ok((orphans, failures))
}

async fn nodes_of(cloud: &dyn Cloud) -> Result<Vec<Found>, CloudError> {
    let found = cloud.list_nodes().await?.into_iter();
    Ok(found.map(|node| Found { tag: node.tag.to_string(), shown_id: node.vmid }).collect())
}

async fn volumes_of(cloud: &dyn Cloud) -> Result<Vec<Found>, CloudError> {
    let found = cloud.list_volumes().await?.into_iter();
    Ok(found.map(|volume| Found { tag: volume.tag.to_string(), shown_id: volume.volume_id }).collect())
}

async fn remove(cloud: &dyn Cloud, orphan: &Orphan) -> Result<(), CloudError> {
    let unreadable = |error: &dyn std::fmt::Display| CloudError::Failed {
        cloud: cloud.name().clone(),
        action: format!("remove {}", orphan.tag),
        reason: error.to_string(),
    };
    match orphan.kind {
        Kind::Node => cloud.remove_node(&orphan.tag.parse().map_err(|error| unreadable(&error))?).await,
        Kind::Volume => cloud.remove_volume(&orphan.tag.parse().map_err(|error| unreadable(&error))?).await,
    }
}

fn of(ownership: Ownership, config: &DirectorConfig) -> String {
    let (database, state) = (config.database.display(), config.state_dir.display());
    match ownership {
        Ownership::Own | Ownership::Unmarked => format!("{state} belongs to the database {database}"),
        Ownership::Older => format!("the database {database} is an older copy of the one that {state} belongs to"),
        Ownership::Foreign => format!("{state} belongs to another database than {database}"),
    }
}

/// Whether an orphan is seen for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    First,
    Known,
}

/// By what it is judged what becomes of an orphan.
struct Judging<'a> {
    cloud: &'a str,
    kind: Kind,
    is_own: bool,
    quarantine_seconds: i64,
}

impl Judging<'_> {
    /// Records what becomes of what has no row. Returns those that have none.
    fn judge(&self, tx: &Transaction<'_>, listed: Vec<Found>, now: SinceBoot) -> Result<Vec<(Orphan, News)>, Failure> {
        let mut judged = Vec::new();
        let orphans = self.unnamed(tx, listed, &now)?;
        if !orphans.is_empty() {
            running_time::keep(tx, now)?;
        }
        for orphan in orphans {
            let before = orphan::get(tx, &orphan.tag)?;
            let news = if before.is_some() { News::Known } else { News::First };
            // A node that goes at once needs no row.
            let is_written = orphan.fate != Fate::Discarded && before.as_ref() != Some(&orphan);
            if is_written {
                orphan::put(tx, &orphan)?;
            }
            judged.push((orphan, news));
        }
        Ok(judged)
    }

    fn unnamed(&self, tx: &Transaction<'_>, listed: Vec<Found>, now: &SinceBoot) -> Result<Vec<Orphan>, Failure> {
        let mut unnamed = Vec::new();
        for found in listed {
            if orphan::is_named(tx, self.kind, &found.tag)? {
                continue;
            }
            let now = running_time::look(tx, now.clone())?.total_seconds;
            unnamed.push(self.orphan(tx, found, now)?);
        }
        Ok(unnamed)
    }

    fn orphan(&self, tx: &Transaction<'_>, found: Found, now: i64) -> Result<Orphan, Failure> {
        let before = orphan::get(tx, &found.tag)?;
        let found_at = before.as_ref().map_or(now, |before| before.found_at);
        let fate = match before.map(|before| before.fate) {
            Some(decided @ (Fate::Kept | Fate::Discarded | Fate::Waiting)) => decided,
            _ if !self.is_own || !orphan::was_removed(tx, &found.tag)? => Fate::Waiting,
            _ if self.kind == Kind::Node || now.saturating_sub(found_at) >= self.quarantine_seconds => Fate::Discarded,
            _ => Fate::Quarantined,
        };
        let Found { tag, shown_id } = found;
        Ok(Orphan { tag, cloud: self.cloud.to_owned(), kind: self.kind, shown_id, fate, found_at })
    }
}

#[cfg(test)]
mod tests;
