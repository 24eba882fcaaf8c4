//! What is published of services, and the doors behind it.

use std::net::{Ipv4Addr, SocketAddrV4};

use rusqlite::{Row, params};

use super::row::{one, parsed, parsed_option, readable, value};
use crate::model::{ApplicationId, Protocol, PublishedName, ServiceId, UserId};
use crate::store::{StoreError, Transaction};

/// A published service as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    /// Row number; 0 before it is stored.
    pub number: i64,
    /// The application.
    pub aid: ApplicationId,
    /// The service.
    pub sid: ServiceId,
    /// What is spoken there.
    pub protocol: Protocol,
    /// The port of the machine.
    pub port: u16,
    /// The name, if it has one.
    pub name: Option<PublishedName>,
    /// The port of the service's nodes, where it is not the one that its manager says.
    pub target: Option<u16>,
    /// Who is let in: a user's name and the hash of his password.
    pub auth: Option<(String, String)>,
    /// Whether visitors are told that it is being worked on.
    pub is_in_maintenance: bool,
    /// Whether who asks for its name by HTTP is sent to HTTPS, once it opens there.
    pub is_https_forced: bool,
}

impl Published {
    /// Returns a service that everybody reaches by HTTP at a port.
    pub(crate) fn at(aid: ApplicationId, sid: ServiceId, port: u16) -> Self {
        Published {
            number: 0,
            aid,
            sid,
            protocol: Protocol::Http,
            port,
            name: None,
            target: None,
            auth: None,
            is_in_maintenance: false,
            is_https_forced: false,
        }
    }
}

/// A node of a service at which visitors come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Door {
    /// The application.
    pub aid: ApplicationId,
    /// The service.
    pub sid: ServiceId,
    /// Where.
    pub address: SocketAddrV4,
}

/// Records what is published of a service, in the place of what was before.
///
/// # Errors
/// [`StoreError::Exists`] when another service has its port or its name.
pub(crate) fn put(tx: &Transaction<'_>, row: &Published) -> Result<(), StoreError> {
    let (user, hash) = row.auth.clone().unzip();
    tx.execute(
        "INSERT INTO published
           (application_id, service_id, protocol, port, name, target, auth_user, auth_hash, maintenance, force_https)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (application_id, service_id) DO UPDATE SET protocol = ?3, port = ?4, name = ?5, target = ?6,
           auth_user = ?7, auth_hash = ?8, maintenance = ?9, force_https = ?10",
        params![
            row.aid.0,
            row.sid.0,
            row.protocol.as_str(),
            row.port,
            row.name.as_ref().map(PublishedName::as_str),
            row.target,
            user,
            hash,
            row.is_in_maintenance,
            row.is_https_forced
        ],
    )?;
    Ok(())
}

/// Takes out what is published of a service. Returns whether something was.
pub(crate) fn delete(tx: &Transaction<'_>, aid: ApplicationId, sid: ServiceId) -> Result<bool, StoreError> {
    let sql = "DELETE FROM published WHERE application_id = ?1 AND service_id = ?2";
    Ok(tx.execute(sql, [aid.0, sid.0])? > 0)
}

/// Returns what is published of a service.
pub(crate) fn get(tx: &Transaction<'_>, aid: ApplicationId, sid: ServiceId) -> Result<Option<Published>, StoreError> {
    one(tx, "SELECT * FROM published WHERE application_id = ?1 AND service_id = ?2", [aid.0, sid.0], read)
}

/// Returns everything that is published.
pub(crate) fn all(tx: &Transaction<'_>) -> Result<Vec<Published>, StoreError> {
    let mut statement = tx.prepare_cached("SELECT * FROM published ORDER BY number")?;
    readable("published", statement.query_map([], read)?)
}

/// Returns what a user has published.
pub(crate) fn of_user(tx: &Transaction<'_>, uid: UserId) -> Result<Vec<Published>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT published.* FROM published JOIN application ON aid = application_id WHERE user_id = ?1 ORDER BY number",
    )?;
    readable("published", statement.query_map([uid.0], read)?)
}

/// Returns whether another service has this port.
pub(crate) fn is_port_taken(tx: &Transaction<'_>, port: u16) -> Result<bool, StoreError> {
    value(tx, "SELECT EXISTS (SELECT 1 FROM published WHERE port = ?1)", [port])
}

/// Returns whether a service has this name.
pub(crate) fn is_name_taken(tx: &Transaction<'_>, name: &PublishedName) -> Result<bool, StoreError> {
    value(tx, "SELECT EXISTS (SELECT 1 FROM published WHERE name = ?1)", [name.as_str()])
}

/// Records all doors of an application, in the place of those before. Returns whether they are others.
pub(crate) fn set_doors(tx: &Transaction<'_>, aid: ApplicationId, doors: &[Door]) -> Result<bool, StoreError> {
    let mut statement = tx.prepare_cached("SELECT * FROM door WHERE application_id = ?1")?;
    let mut before = readable("door", statement.query_map([aid.0], read_door)?)?;
    let mut wanted = doors.to_vec();
    before.sort_unstable();
    wanted.sort_unstable();
    if before == wanted {
        return Ok(false);
    }
    tx.execute("DELETE FROM door WHERE application_id = ?1", [aid.0])?;
    for Door { sid, address, .. } in wanted {
        tx.execute(
            "INSERT OR REPLACE INTO door (application_id, service_id, ip, port) VALUES (?1, ?2, ?3, ?4)",
            params![aid.0, sid.0, address.ip().to_string(), address.port()],
        )?;
    }
    Ok(true)
}

/// Returns the doors that stand in a node of their own service that works: a manager's word alone opens no way to another
/// machine.
pub(crate) fn open_doors(tx: &Transaction<'_>) -> Result<Vec<Door>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT DISTINCT door.* FROM door JOIN node
           ON node.app_id = door.application_id AND node.service_id = door.service_id AND node.ip = door.ip
         WHERE node.phase = 'up' AND node.program = 'agent' ORDER BY door.application_id, door.service_id, door.ip",
    )?;
    readable("door", statement.query_map([], read_door)?)
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Published> {
    let (user, hash): (Option<String>, Option<String>) = (row.get("auth_user")?, row.get("auth_hash")?);
    Ok(Published {
        number: row.get("number")?,
        aid: ApplicationId(row.get("application_id")?),
        sid: ServiceId(row.get("service_id")?),
        protocol: parsed(row, "protocol")?,
        port: row.get("port")?,
        name: parsed_option(row, "name")?,
        target: row.get("target")?,
        auth: user.zip(hash),
        is_in_maintenance: row.get("maintenance")?,
        is_https_forced: row.get("force_https")?,
    })
}

fn read_door(row: &Row<'_>) -> rusqlite::Result<Door> {
    let ip: Ipv4Addr = parsed(row, "ip")?;
    Ok(Door {
        aid: ApplicationId(row.get("application_id")?),
        sid: ServiceId(row.get("service_id")?),
        address: SocketAddrV4::new(ip, row.get("port")?),
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::super::{application, node};
    use super::*;
    use crate::model::{NodeRole, RunningMark, SinceBoot};
    use crate::store::director::node::Place;

    fn row(aid: ApplicationId, port: u16, name: Option<&str>) -> Published {
        Published { name: name.map(|name| name.parse().unwrap()), ..Published::at(aid, ServiceId(1), port) }
    }

    #[test]
    fn a_service_keeps_one_row_and_the_row_goes_with_its_application() {
        let sample = Sample::new(0);
        let first = row(sample.aid, 8001, Some("blog"));
        let changed = Published { auth: Some(("me".into(), "$6$x".into())), is_in_maintenance: true, ..first.clone() };
        sample.run(|tx| put(tx, &first));
        sample.run(|tx| put(tx, &changed));
        let stored = sample.run(|tx| of_user(tx, sample.uid));
        assert_eq!(stored, [Published { number: stored[0].number, ..changed }]);
        assert!(sample.run(|tx| is_port_taken(tx, 8001)) && !sample.run(|tx| is_port_taken(tx, 8002)));
        assert!(sample.run(|tx| is_name_taken(tx, &"blog.local".parse().unwrap())));
        let other = sample.run(|tx| application::insert(tx, sample.uid, "other"));
        assert!(matches!(sample.write(|tx| put(tx, &row(other, 8001, None))), Err(StoreError::Exists(_))));
        assert!(matches!(sample.write(|tx| put(tx, &row(other, 8002, Some("blog")))), Err(StoreError::Exists(_))));
        sample.run(|tx| application::delete(tx, sample.aid));
        assert!(sample.run(all).is_empty());
    }

    #[test]
    fn a_door_is_open_only_in_a_working_node_of_its_own_service() {
        let sample = Sample::new(0);
        let aid = sample.aid;
        let (agent, manager) = (sample.add_node("n1", NodeRole::Agent), sample.add_node("n2", NodeRole::Manager));
        let mark = RunningMark { at: SinceBoot { boot: "a".into(), seconds: 7 }, total_seconds: 7 };
        for (rid, last) in [(agent, 2), (manager, 3)] {
            let ip = Ipv4Addr::new(10, 0, 0, last);
            let place = Place { vmid: format!("v{last}"), ip, private_ip: ip, port: 5555 };
            assert!(sample.run(|tx| node::set_place(tx, rid, &place)));
            assert!(sample.run(|tx| node::set_up(tx, rid, 0, &mark)));
        }
        let door = |sid, ip: [u8; 4]| Door { aid, sid: ServiceId(sid), address: SocketAddrV4::new(ip.into(), 80) };
        // Of another service, of the manager, of the machine itself, of nobody.
        let said = [door(1, [10, 0, 0, 2]), door(2, [10, 0, 0, 2]), door(1, [10, 0, 0, 3]), door(1, [127, 0, 0, 1])];
        assert!(sample.run(|tx| set_doors(tx, aid, &said)));
        assert!(!sample.run(|tx| set_doors(tx, aid, &said)), "nothing is new");
        assert_eq!(sample.run(open_doors), [said[0]]);
        sample.run(|tx| node::set_removing(tx, agent));
        assert!(sample.run(open_doors).is_empty());
        assert!(sample.run(|tx| set_doors(tx, aid, &[])));
    }
}
