//! Nodes and volumes that a cloud has and no row names.

use rusqlite::{Row, params};

use super::row::{one, value};
use crate::model::CloudName;
use crate::store::{StoreError, Transaction};

/// How many tags of what was taken out are kept.
const MAX_REMOVED_TAGS: i64 = 20_000;

/// What an orphan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Node,
    Volume,
}

/// What becomes of an orphan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// This database never named it: somebody has to say whose it is.
    Waiting,
    /// This database named it once: it goes when its time is over.
    Quarantined,
    /// Somebody said that it stays.
    Kept,
    /// Somebody said that it goes, or nothing speaks for it.
    Discarded,
}

/// What a cloud has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its tag.
    pub tag: String,
    /// The id that the cloud shows.
    pub shown_id: String,
}

/// An orphan as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Orphan {
    /// Its tag.
    pub tag: String,
    /// Its cloud.
    pub cloud: String,
    /// What it is.
    pub kind: Kind,
    /// The id that the cloud shows.
    pub shown_id: String,
    /// What becomes of it.
    pub fate: Fate,
    /// How long the machine had run in all when it was found, in seconds.
    pub found_at: i64,
}

impl Kind {
    /// Returns the word for people, which is the stored one.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Node => "node",
            Kind::Volume => "volume",
        }
    }
}

impl Fate {
    /// Returns the word for people, which is the stored one.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Fate::Waiting => "waiting",
            Fate::Quarantined => "quarantined",
            Fate::Kept => "kept",
            Fate::Discarded => "discarded",
        }
    }
}

/// Records that a tag was this database's.
pub(crate) fn remember_removed(tx: &Transaction<'_>, tag: &str) -> Result<(), StoreError> {
    tx.execute("INSERT OR IGNORE INTO removed_tag (tag) VALUES (?1)", [tag])?;
    tx.execute("DELETE FROM removed_tag WHERE id <= (SELECT max(id) FROM removed_tag) - ?1", [MAX_REMOVED_TAGS])?;
    Ok(())
}

/// Returns whether a row of this database names what has this tag, also one that cannot be read.
pub(crate) fn is_named(tx: &Transaction<'_>, kind: Kind, tag: &str) -> Result<bool, StoreError> {
    let sql = match kind {
        Kind::Node => "SELECT EXISTS (SELECT 1 FROM node WHERE tag = ?1)",
        Kind::Volume => "SELECT EXISTS (SELECT 1 FROM volume WHERE tag = ?1)",
    };
    value(tx, sql, [tag])
}

/// Returns whether a row of this database named this tag and was taken out.
pub(crate) fn was_removed(tx: &Transaction<'_>, tag: &str) -> Result<bool, StoreError> {
    value(tx, "SELECT EXISTS (SELECT 1 FROM removed_tag WHERE tag = ?1)", [tag])
}

/// Returns all orphans: those that wait first.
pub(crate) fn all(tx: &Transaction<'_>) -> Result<Vec<Orphan>, StoreError> {
    let mut statement = tx.prepare_cached("SELECT * FROM orphan ORDER BY fate <> 'waiting', cloud, kind, tag")?;
    Ok(statement.query_map([], read)?.collect::<Result<_, _>>()?)
}

/// Returns one orphan.
pub(crate) fn get(tx: &Transaction<'_>, tag: &str) -> Result<Option<Orphan>, StoreError> {
    one(tx, "SELECT * FROM orphan WHERE tag = ?1", [tag], read)
}

/// Records an orphan, or another fate of it.
pub(crate) fn put(tx: &Transaction<'_>, orphan: &Orphan) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO orphan (tag, cloud, kind, shown_id, fate, found_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (tag) DO UPDATE SET fate = excluded.fate, found_at = excluded.found_at",
        params![orphan.tag, orphan.cloud, orphan.kind.as_str(), orphan.shown_id, orphan.fate.as_str(), orphan.found_at],
    )?;
    Ok(())
}

/// Forgets the orphans of one kind and cloud that are not in `found` any more.
pub(crate) fn retain(tx: &Transaction<'_>, cloud: &CloudName, kind: Kind, found: &[Found]) -> Result<(), StoreError> {
    for orphan in all(tx)? {
        let is_of_these = orphan.cloud == cloud.as_str() && orphan.kind == kind;
        if is_of_these && !found.iter().any(|found| found.tag == orphan.tag) {
            tx.execute("DELETE FROM orphan WHERE tag = ?1", [&orphan.tag])?;
        }
    }
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Orphan> {
    let (kind, fate): (String, String) = (row.get("kind")?, row.get("fate")?);
    Ok(Orphan {
        tag: row.get("tag")?,
        cloud: row.get("cloud")?,
        kind: if kind == Kind::Node.as_str() { Kind::Node } else { Kind::Volume },
        shown_id: row.get("shown_id")?,
        fate: match fate.as_str() {
            "quarantined" => Fate::Quarantined,
            "kept" => Fate::Kept,
            "discarded" => Fate::Discarded,
            _ => Fate::Waiting,
        },
        found_at: row.get("found_at")?,
    })
}
