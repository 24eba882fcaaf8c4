//! The record of charges: triggers in the director's database write down what it takes of credit and what for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

const TRIGGERS: &str = "
CREATE TABLE attack_audit (number INTEGER PRIMARY KEY, what TEXT NOT NULL, id INTEGER NOT NULL, amount INTEGER NOT NULL);
CREATE TRIGGER attack_charge AFTER UPDATE OF charged ON node WHEN NEW.charged <> OLD.charged BEGIN
    INSERT INTO attack_audit (what, id, amount) VALUES ('node', NEW.rid, NEW.charged - OLD.charged);
END;
CREATE TRIGGER attack_credit AFTER UPDATE OF credit ON user WHEN NEW.credit <> OLD.credit BEGIN
    INSERT INTO attack_audit (what, id, amount) VALUES ('user', NEW.uid, OLD.credit - NEW.credit);
END;
";
const HOUR: Duration = Duration::from_secs(3600);
const BUSY: Duration = Duration::from_secs(30);

/// The audit of one director.
pub(crate) struct Audit {
    database: PathBuf,
    began: Instant,
}

impl Audit {
    /// Begins it.
    pub(crate) fn begin(product: &Path) -> anyhow::Result<Audit> {
        let audit = Audit { database: product.join("director.db"), began: Instant::now() };
        audit.open()?.execute_batch(TRIGGERS)?;
        Ok(audit)
    }

    fn open(&self) -> anyhow::Result<Connection> {
        let connection = Connection::open(&self.database)?;
        connection.busy_timeout(BUSY)?;
        Ok(connection)
    }

    /// How much was charged in all, and what is wrong with it: a node that was charged for more hours than it can have
    /// begun, a node that is up and was not charged, and credit that went without a node.
    pub(crate) fn examine(&self) -> anyhow::Result<(i64, Vec<String>)> {
        let connection = self.open()?;
        let most = i64::try_from(self.began.elapsed().as_secs() / HOUR.as_secs())? + 1;
        let sums = |what: &str| {
            let mut query =
                connection.prepare("SELECT id, sum(amount) FROM attack_audit WHERE what = ?1 GROUP BY id")?;
            let rows = query.query_map([what], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<BTreeMap<i64, i64>, rusqlite::Error>>()
        };
        let (of_nodes, of_users) = (sums("node")?, sums("user")?);
        let mut wrong = Vec::new();
        for (rid, charged) in of_nodes.iter().filter(|(_, charged)| !(1..=most).contains(*charged)) {
            wrong.push(format!("node {rid} was charged {charged} hours"));
        }
        let mut query = connection.prepare("SELECT rid, charged FROM node WHERE phase = 'up'")?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for row in rows {
            let (rid, charged): (i64, i64) = row?;
            if charged < 1 || of_nodes.get(&rid) != Some(&charged) {
                wrong.push(format!("node {rid} is up and charged {charged}, by the record {:?}", of_nodes.get(&rid)));
            }
        }
        let (for_nodes, from_users): (i64, i64) = (of_nodes.values().sum(), of_users.values().sum());
        if for_nodes != from_users {
            wrong.push(format!("users paid {from_users} for {for_nodes} hours of nodes"));
        }
        Ok((for_nodes, wrong))
    }

    /// Tags in rows of a table, sorted; and how many rows are on their way.
    pub(crate) fn tags(&self, table: &str) -> anyhow::Result<(Vec<String>, usize)> {
        let connection = self.open()?;
        let mut query = connection.prepare(&format!("SELECT tag, phase FROM {table} ORDER BY tag"))?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let rows = rows.collect::<Result<Vec<(String, String)>, _>>()?;
        let n_moving = rows.iter().filter(|(_, phase)| phase == "making" || phase == "removing").count();
        Ok((rows.into_iter().map(|(tag, _)| tag).collect(), n_moving))
    }
}
