//! One-time tokens of new nodes.

use rusqlite::params;

use super::node::{self, Node, Phase};
use super::row::one;
use crate::model::NodeTag;
use crate::store::{StoreError, Transaction};

/// What somebody shows who says that he is a node.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    /// Hash of the token.
    pub hash: String,
    /// The node that he says he is.
    pub tag: NodeTag,
    /// Fingerprint of the key that he wants a certificate for.
    pub key: String,
    /// Seconds since 1970.
    pub now: i64,
}

/// Why a claim is refused; for the director's log, never for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No such token, or another one of the node was used.
    Unknown,
    /// It is of another node.
    OtherNode,
    /// It was good for a short time only.
    Expired,
    /// It was used before with another key.
    OtherKey,
    /// Its node is not wanted any more.
    NodeGone,
}

impl Refusal {
    /// Returns the text for the log.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Refusal::Unknown => "there is no such token",
            Refusal::OtherNode => "the token is of another node",
            Refusal::Expired => "the token has expired",
            Refusal::OtherKey => "the token was used before with another key: somebody else read it",
            Refusal::NodeGone => "the node is not wanted any more",
        }
    }
}

/// Records a token of a node, good until `expires` (seconds since 1970), and
/// forgets those that can be of no use any more.
pub(crate) fn insert(
    tx: &Transaction<'_>,
    hash: &str,
    tag: &NodeTag,
    expires: i64,
    now: i64,
) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM node_token WHERE expires < ?1 OR tag NOT IN (SELECT tag FROM node WHERE phase <> 'removing')",
        [now],
    )?;
    let sql = "INSERT INTO node_token (hash, tag, expires) VALUES (?1, ?2, ?3)";
    tx.execute(sql, params![hash, tag.as_str(), expires])?;
    Ok(())
}

/// Lets the tokens of nodes that are still being made be good until `expires`.
pub(crate) fn extend(tx: &Transaction<'_>, expires: i64) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE node_token SET expires = max(expires, ?1) WHERE tag IN (SELECT tag FROM node WHERE phase = 'making')",
        [expires],
    )?;
    Ok(())
}

/// Looks at a claim. The first key that is shown with a token is bound to it,
/// and all other tokens of that node are void from then on; the same key may
/// come again. Returns the node.
pub(crate) fn claim(tx: &Transaction<'_>, claim: &Claim) -> Result<Result<Node, Refusal>, StoreError> {
    let sql = "SELECT tag, expires, key FROM node_token WHERE hash = ?1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get("tag")?, row.get("expires")?, row.get("key")?));
    let found: Option<(String, i64, Option<String>)> = one(tx, sql, [&claim.hash], read)?;
    let Some((tag, expires, key)) = found else { return Ok(Err(Refusal::Unknown)) };
    if tag != claim.tag.as_str() {
        return Ok(Err(Refusal::OtherNode));
    }
    if expires < claim.now {
        return Ok(Err(Refusal::Expired));
    }
    if key.as_ref().is_some_and(|key| *key != claim.key) {
        return Ok(Err(Refusal::OtherKey));
    }
    let wanted = node::by_tag(tx, &claim.tag)?.filter(|node| node.phase != Phase::Removing);
    let Some(node) = wanted else { return Ok(Err(Refusal::NodeGone)) };
    if key.is_none() {
        tx.execute("UPDATE node_token SET key = ?2 WHERE hash = ?1", [&claim.hash, &claim.key])?;
        tx.execute("DELETE FROM node_token WHERE tag = ?1 AND hash <> ?2", [&tag, &claim.hash])?;
    }
    Ok(Ok(node))
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;
    use crate::model::NodeRole;

    const NOW: i64 = 1000;

    fn show(sample: &Sample, hash: &str, tag: &str, key: &str, now: i64) -> Result<String, Refusal> {
        let shown = Claim { hash: hash.into(), tag: tag.parse().expect("a tag"), key: key.into(), now };
        sample.run(|tx| claim(tx, &shown)).map(|node| node.wanted.tag.to_string())
    }

    /// Nodes `n1` and `n2`, and a token of `n1` that is good for ten seconds.
    fn with_token() -> (Sample, i64) {
        let sample = Sample::new(0);
        let rid = sample.add_node("n1", NodeRole::Agent);
        sample.add_node("n2", NodeRole::Agent);
        give(&sample, "h1", "n1");
        (sample, rid)
    }

    fn give(sample: &Sample, hash: &str, tag: &str) {
        sample.run(|tx| insert(tx, hash, &tag.parse().expect("a tag"), NOW + 10, NOW));
    }

    #[test]
    fn the_first_key_binds_a_token_and_may_come_again() {
        let (sample, _) = with_token();
        give(&sample, "h2", "n1");
        for _ in 0..2 {
            assert_eq!(show(&sample, "h1", "n1", "key", NOW), Ok("n1".into()));
        }
        assert_eq!(show(&sample, "h1", "n1", "other key", NOW), Err(Refusal::OtherKey));
        assert_eq!(show(&sample, "h2", "n1", "key", NOW), Err(Refusal::Unknown), "another one of the node was used");
    }

    #[test]
    fn a_token_is_good_for_its_node_while_that_is_wanted_and_for_a_short_time() {
        let (sample, rid) = with_token();
        assert_eq!(show(&sample, "h0", "n1", "key", NOW), Err(Refusal::Unknown));
        assert_eq!(show(&sample, "h1", "n2", "key", NOW), Err(Refusal::OtherNode));
        assert_eq!(show(&sample, "h1", "n1", "key", NOW + 11), Err(Refusal::Expired));
        sample.run(|tx| extend(tx, NOW + 20));
        assert_eq!(show(&sample, "h1", "n1", "key", NOW + 11), Ok("n1".into()), "the time without a director");
        sample.run(|tx| node::set_removing(tx, rid));
        assert_eq!(show(&sample, "h1", "n1", "key", NOW), Err(Refusal::NodeGone));
        give(&sample, "h3", "n2");
        assert_eq!(show(&sample, "h1", "n1", "key", NOW), Err(Refusal::Unknown), "it is forgotten");
    }
}
