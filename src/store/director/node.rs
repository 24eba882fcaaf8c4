//! Nodes: what the director wants of its clouds, and what it costs.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use rusqlite::{Row, params};

use super::row::{one, parsed, parsed_option, readable, unknown, value};
use super::{orphan, running_time};
use crate::model::{ApplicationId, CloudName, NodeRole, NodeTag, RunningMark, ServiceId, UserId};
use crate::store::{StoreError, Transaction};

/// Where a node is between being wanted and being gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Wanted; its cloud may have it or not.
    Making,
    /// It answered; it costs.
    Up,
    /// Not wanted any more; its cloud may still have it.
    Removing,
}

/// A node to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewNode {
    /// Finds it again in its cloud.
    pub tag: NodeTag,
    /// Its cloud.
    pub cloud: CloudName,
    /// The program in it.
    pub role: NodeRole,
    /// Whose it is.
    pub uid: UserId,
    /// Its application.
    pub aid: ApplicationId,
    /// Its service, 0 for the manager.
    pub sid: ServiceId,
    /// The manager's operation that asked for it.
    pub operation: Option<String>,
    /// What was asked for, as JSON: enough to make its context again.
    pub request: String,
    /// Seconds since 1970.
    pub created: i64,
}

/// What the cloud gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The cloud's id.
    pub vmid: String,
    /// Address for the director and users.
    pub ip: Ipv4Addr,
    /// Address for other nodes.
    pub private_ip: Ipv4Addr,
    /// Port of the program in it.
    pub port: u16,
}

/// A node as stored.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Row number.
    pub rid: i64,
    /// Where it is.
    pub phase: Phase,
    /// What was wanted.
    pub wanted: NewNode,
    /// What the cloud gave, once it did.
    pub place: Option<Place>,
    /// Credits charged for it so far.
    pub charged: i64,
    /// How long the director's machine had run in all when it came up, in seconds.
    pub up_since: i64,
}

/// Records that a node is wanted.
pub(crate) fn insert(tx: &Transaction<'_>, node: &NewNode) -> Result<i64, StoreError> {
    tx.execute(
        "INSERT INTO node (tag, phase, cloud, program, user_id, app_id, service_id, operation, request, created)
         VALUES (?1, 'making', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            node.tag.as_str(),
            node.cloud.as_str(),
            node.role.as_str(),
            node.uid.0,
            node.aid.0,
            node.sid.0,
            node.operation,
            node.request,
            node.created
        ],
    )?;
    Ok(tx.last_insert_rowid())
}

/// Records what the cloud gave for a node that is still wanted. Returns whether it is.
///
/// # Errors
/// [`StoreError::Exists`] when another node has that `vmid`.
pub(crate) fn set_place(tx: &Transaction<'_>, rid: i64, place: &Place) -> Result<bool, StoreError> {
    let n_changed = tx.execute(
        "UPDATE node SET vmid = ?2, ip = ?3, private_ip = ?4, port = ?5 WHERE rid = ?1 AND phase <> 'removing'",
        params![rid, place.vmid, place.ip.to_string(), place.private_ip.to_string(), place.port],
    )?;
    Ok(n_changed == 1)
}

/// Records what is known of a node's wishes now.
pub(crate) fn set_request(tx: &Transaction<'_>, rid: i64, request: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE node SET request = ?2 WHERE rid = ?1", params![rid, request])?;
    Ok(())
}

/// Records that a node that is still wanted answered, at `now` (seconds since
/// 1970, for people to see); it costs from `mark` on, which is written too.
/// Returns whether it is still wanted.
pub(crate) fn set_up(tx: &Transaction<'_>, rid: i64, now: i64, mark: &RunningMark) -> Result<bool, StoreError> {
    let n_changed = tx.execute(
        "UPDATE node SET phase = 'up', created = ?2, up_since = ?3 WHERE rid = ?1 AND phase = 'making'",
        [rid, now, mark.total_seconds],
    )?;
    running_time::write(tx, mark)?;
    Ok(n_changed == 1)
}

/// Returns the highest number that any node ever had, and the numbers of an application's nodes that are wanted.
pub(crate) fn wanted_numbers(tx: &Transaction<'_>, aid: ApplicationId) -> Result<(i64, BTreeSet<i64>), StoreError> {
    let last = one(tx, "SELECT seq FROM sqlite_sequence WHERE name = 'node'", [], |row| row.get(0))?;
    let mut statement = tx.prepare_cached("SELECT rid FROM node WHERE app_id = ?1 AND phase <> 'removing'")?;
    let numbers = statement.query_map([aid.0], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok((last.unwrap_or_default(), numbers))
}

/// Records that a node is not wanted any more.
pub(crate) fn set_removing(tx: &Transaction<'_>, rid: i64) -> Result<(), StoreError> {
    tx.execute("UPDATE node SET phase = 'removing', operation = NULL WHERE rid = ?1", [rid])?;
    Ok(())
}

/// Records that no node of an application is wanted any more.
pub(crate) fn set_all_removing(tx: &Transaction<'_>, aid: ApplicationId) -> Result<(), StoreError> {
    tx.execute("UPDATE node SET phase = 'removing', operation = NULL WHERE app_id = ?1", [aid.0])?;
    Ok(())
}

/// Takes out a node that its cloud has removed.
pub(crate) fn delete(tx: &Transaction<'_>, rid: i64) -> Result<(), StoreError> {
    let sql = "DELETE FROM node WHERE rid = ?1 AND phase = 'removing' RETURNING tag";
    let tag: Option<String> = one(tx, sql, [rid], |row| row.get(0))?;
    tag.map_or(Ok(()), |tag| orphan::remember_removed(tx, &tag))
}

/// Returns where a node is; `None` when it is taken out.
pub(crate) fn phase(tx: &Transaction<'_>, rid: i64) -> Result<Option<Phase>, StoreError> {
    Ok(one(tx, "SELECT * FROM node WHERE rid = ?1", [rid], read)?.map(|node| node.phase))
}

/// Returns every node.
pub(crate) fn all(tx: &Transaction<'_>) -> Result<Vec<Node>, StoreError> {
    let mut statement = tx.prepare_cached("SELECT * FROM node ORDER BY rid")?;
    readable("node", statement.query_map([], read)?)
}

/// Returns the nodes of one user that answer, by row number.
pub(crate) fn up_of_user(tx: &Transaction<'_>, uid: UserId) -> Result<Vec<Node>, StoreError> {
    let mut statement = tx.prepare_cached("SELECT * FROM node WHERE user_id = ?1 AND phase = 'up' ORDER BY rid")?;
    readable("node", statement.query_map([uid.0], read)?)
}

/// Returns the manager's node of an application, once it answers.
pub(crate) fn manager(tx: &Transaction<'_>, aid: ApplicationId) -> Result<Option<Node>, StoreError> {
    one(
        tx,
        "SELECT * FROM node WHERE app_id = ?1 AND program = 'manager' AND phase = 'up' ORDER BY rid DESC LIMIT 1",
        [aid.0],
        read,
    )
}

/// Returns the nodes that one operation of a manager asked for, by row number.
pub(crate) fn of_operation(tx: &Transaction<'_>, aid: ApplicationId, operation: &str) -> Result<Vec<Node>, StoreError> {
    let mut statement = tx.prepare("SELECT * FROM node WHERE app_id = ?1 AND operation = ?2 ORDER BY rid")?;
    Ok(statement.query_map(params![aid.0, operation], read)?.collect::<Result<_, _>>()?)
}

/// Returns a node of an application by the cloud's id, unless it is on its way out.
pub(crate) fn by_vmid(tx: &Transaction<'_>, aid: ApplicationId, vmid: &str) -> Result<Option<Node>, StoreError> {
    one(tx, "SELECT * FROM node WHERE app_id = ?1 AND vmid = ?2 AND phase <> 'removing'", params![aid.0, vmid], read)
}

/// Returns whether an application has a node by the cloud's id, also if it is on its way out.
pub(crate) fn is_known(tx: &Transaction<'_>, aid: ApplicationId, vmid: &str) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM node WHERE app_id = ?1 AND vmid = ?2)";
    Ok(tx.query_row(sql, params![aid.0, vmid], |row| row.get(0))?)
}

/// Returns a node by its tag.
pub(crate) fn by_tag(tx: &Transaction<'_>, tag: &NodeTag) -> Result<Option<Node>, StoreError> {
    one(tx, "SELECT * FROM node WHERE tag = ?1", [tag.as_str()], read)
}

/// Returns whether an application has a node of this role that is still wanted.
pub(crate) fn has_role(tx: &Transaction<'_>, aid: ApplicationId, role: NodeRole) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM node WHERE app_id = ?1 AND program = ?2 AND phase <> 'removing')";
    value(tx, sql, params![aid.0, role.as_str()])
}

/// Returns whether a node is still wanted and has this role and this application.
pub(crate) fn is_wanted(
    tx: &Transaction<'_>,
    rid: i64,
    aid: ApplicationId,
    role: NodeRole,
) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM node
               WHERE rid = ?1 AND app_id = ?2 AND program = ?3 AND phase <> 'removing')";
    value(tx, sql, params![rid, aid.0, role.as_str()])
}

/// Records credits that were charged for a node.
pub(crate) fn set_charged(tx: &Transaction<'_>, rid: i64, charged: i64) -> Result<(), StoreError> {
    tx.execute("UPDATE node SET charged = ?2 WHERE rid = ?1", [rid, charged])?;
    Ok(())
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Node> {
    let phase: String = row.get("phase")?;
    let vmid: Option<String> = row.get("vmid")?;
    let place = match (vmid, parsed_option(row, "ip")?, parsed_option(row, "private_ip")?, row.get("port")?) {
        (Some(vmid), Some(ip), Some(private_ip), Some(port)) => Some(Place { vmid, ip, private_ip, port }),
        _ => None,
    };
    Ok(Node {
        rid: row.get("rid")?,
        phase: match phase.as_str() {
            "making" => Phase::Making,
            "up" => Phase::Up,
            "removing" => Phase::Removing,
            // Taken for one of them, a damaged row would end a node that is wanted.
            _ => return Err(unknown(&phase)),
        },
        wanted: NewNode {
            tag: parsed(row, "tag")?,
            cloud: parsed(row, "cloud")?,
            role: parsed(row, "program")?,
            uid: UserId(row.get("user_id")?),
            aid: ApplicationId(row.get("app_id")?),
            sid: ServiceId(row.get("service_id")?),
            operation: row.get("operation")?,
            request: row.get("request")?,
            created: row.get("created")?,
        },
        place,
        charged: row.get("charged")?,
        up_since: row.get("up_since")?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;
    use crate::model::SinceBoot;

    fn place(vmid: &str) -> Place {
        let (ip, private_ip) = (Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(192, 168, 0, 2));
        Place { vmid: vmid.into(), ip, private_ip, port: 5555 }
    }

    fn come_up(sample: &Sample, rid: i64) -> bool {
        let mark = RunningMark { at: SinceBoot { boot: "a".into(), seconds: 7 }, total_seconds: 7 };
        sample.run(|tx| set_up(tx, rid, 100, &mark))
    }

    fn rids(nodes: Vec<Node>) -> Vec<i64> {
        nodes.into_iter().map(|node| node.rid).collect()
    }

    #[test]
    fn a_node_reads_back_as_it_was_wanted_and_placed() {
        let sample = Sample::new(0);
        let wanted = NewNode { operation: Some("op".into()), ..sample.new_node("n1", NodeRole::Agent) };
        let rid = sample.run(|tx| insert(tx, &wanted));
        let read = || sample.run(all).pop().expect("a row");
        assert_eq!((read().phase, read().place.clone(), read().wanted.role), (Phase::Making, None, NodeRole::Agent));
        assert!(sample.run(|tx| set_place(tx, rid, &place("v1"))) && come_up(&sample, rid));
        let node = read();
        assert_eq!((node.phase, node.place, node.up_since), (Phase::Up, Some(place("v1")), 7));
        assert_eq!((node.wanted.tag, node.wanted.operation.as_deref()), (wanted.tag, Some("op")));
    }

    #[test]
    fn what_is_not_wanted_any_more_neither_comes_up_nor_is_placed() {
        let sample = Sample::new(0);
        let rid = sample.add_node("n1", NodeRole::Agent);
        sample.run(|tx| set_removing(tx, rid));
        assert!(!sample.run(|tx| set_place(tx, rid, &place("v1"))));
        assert!(!come_up(&sample, rid));
        assert_eq!(sample.phase(rid), Some(Phase::Removing));
    }

    #[test]
    fn only_what_is_not_wanted_any_more_can_be_taken_out() {
        let sample = Sample::new(0);
        let rid = sample.add_node("n1", NodeRole::Agent);
        sample.run(|tx| delete(tx, rid));
        assert_eq!(sample.phase(rid), Some(Phase::Making));
        sample.run(|tx| set_all_removing(tx, sample.aid));
        sample.run(|tx| delete(tx, rid));
        assert_eq!(sample.phase(rid), None);
    }

    #[test]
    fn nodes_are_found_while_they_are_wanted() {
        let sample = Sample::new(0);
        let (manager_rid, agent) = (sample.add_node("n1", NodeRole::Manager), sample.add_node("n2", NodeRole::Agent));
        let aid = sample.aid;
        assert_eq!(sample.run(|tx| manager(tx, aid)).map(|node| node.rid), None, "it does not answer yet");
        for (rid, vmid) in [(manager_rid, "v1"), (agent, "v2")] {
            assert!(sample.run(|tx| set_place(tx, rid, &place(vmid))) && come_up(&sample, rid));
        }
        assert_eq!(sample.run(|tx| manager(tx, aid)).map(|node| node.rid), Some(manager_rid));
        assert_eq!(rids(sample.run(|tx| up_of_user(tx, sample.uid))), [manager_rid, agent]);
        assert_eq!(sample.run(|tx| by_vmid(tx, aid, "v2")).map(|node| node.rid), Some(agent));
        assert!(sample.run(|tx| by_vmid(tx, ApplicationId(99), "v2")).is_none(), "of another application");
        assert!(sample.run(|tx| is_wanted(tx, agent, aid, NodeRole::Agent)));
        assert!(!sample.run(|tx| is_wanted(tx, agent, aid, NodeRole::Manager)));
        assert!(matches!(sample.write(|tx| set_place(tx, agent, &place("v1"))), Err(StoreError::Exists(_))));
        sample.run(|tx| set_removing(tx, agent));
        assert!(sample.run(|tx| by_vmid(tx, aid, "v2")).is_none());
        assert!(sample.run(|tx| has_role(tx, aid, NodeRole::Manager)));
        assert!(!sample.run(|tx| has_role(tx, aid, NodeRole::Agent)));
    }

    #[test]
    fn an_operation_finds_its_nodes_until_they_are_given_up() {
        let sample = Sample::new(0);
        let add = |tag: &str, operation: &str| {
            let wanted = NewNode { operation: Some(operation.into()), ..sample.new_node(tag, NodeRole::Agent) };
            sample.run(|tx| insert(tx, &wanted))
        };
        let (first, second, _other) = (add("n1", "a"), add("n2", "a"), add("n3", "b"));
        let of = |operation| rids(sample.run(|tx| of_operation(tx, sample.aid, operation)));
        assert_eq!(of("a"), [first, second]);
        sample.run(|tx| set_removing(tx, first));
        assert_eq!(of("a"), [second]);
    }
}
