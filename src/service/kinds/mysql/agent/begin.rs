//! Beginning the cluster with the data of this node, and giving up the search for the members of before.

use std::fs::OpenOptions;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::daemons::MYSQLD;
use super::member::{Intent, Started};
use super::node::MysqlAgent;
use super::place::Place;
use super::sql;
use super::wanted::{Cluster, Member, Wanted};
use crate::service::call::Call;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::sys;
use crate::sys::file::FileError;
use crate::sys::process::ProcessId;

/// The mark by which the next start begins the cluster.
const BOOTSTRAP: &str = "bootstrap";
/// Has a server that has lost the others go on without them.
const GO_ON: &str = "SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES';";
/// It does so at once, if it can.
const GO_ON_LIMIT: Duration = Duration::from_secs(4);
const GO_ON_PAUSE: Duration = Duration::from_millis(300);
/// A member that begins has this time before it is told again.
const BEGIN_PAUSE: Duration = Duration::from_secs(120);

/// `begin_cluster`: the manager knows that no other member has more data.
pub(super) async fn begin_cluster(agent: Arc<MysqlAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let member = agent.member("Cannot begin a cluster").await?;
    if agent.observer.is_serving(&agent.place).await {
        return Ok(Reply::nothing());
    }
    let has_lost_others = agent.observer.has_lost_others(&agent.place).await;
    if has_lost_others && goes_on(&agent).await {
        tracing::info!(target: "conpaas.core.agent", "This node goes on without those that are lost");
        return Ok(Reply::nothing());
    }
    // Who has no others begins by itself, and has its time for that.
    if is_alone(&agent.place, &member.cluster) {
        agent.begun.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
    }
    let begun = *agent.begun.lock().unwrap_or_else(PoisonError::into_inner);
    let was_begun = begun.is_some_and(|begun| begun.elapsed() < BEGIN_PAUSE);
    if was_begun && !has_lost_others && is_beginning(&agent, &member).await {
        return Ok(Reply::nothing());
    }
    set_mark(&agent, &member).await?;
    tracing::info!(target: "conpaas.core.agent", "This node begins the cluster");
    if intent(&agent).await == Some(Intent::Wait) {
        note_begun(&agent);
        return Ok(Reply::nothing());
    }
    end_searching_server(&agent);
    let begin = |wanted: &mut Wanted| {
        if let Some(member) = &mut wanted.member {
            member.n_begins += 1;
        }
    };
    agent.keeper.change(begin).await?;
    note_begun(&agent);
    Ok(Reply::nothing())
}

/// `forget_cluster`: a member that does not serve starts anew, and looks for members that serve. It remembers nobody with
/// whom it could become the greater part by itself: from then on it goes on only if it is told to, or finds who serves.
pub(super) async fn forget_cluster(agent: Arc<MysqlAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    agent.member("Cannot forget a cluster").await?;
    if agent.observer.is_serving(&agent.place).await {
        return Err(MethodError::refused("the member serves"));
    }
    end_searching_server(&agent);
    tracing::info!(target: "conpaas.core.agent", "This node looks anew for those who serve");
    Ok(Reply::nothing())
}

/// Has a server that runs, and has lost the others, go on, and returns whether it serves then: it needs no new start. What it
/// is told does nothing once it has found them. One that has left its cluster altogether does not understand it.
async fn goes_on(agent: &MysqlAgent) -> bool {
    if sql::run(&agent.place.socket(), GO_ON, sql::LIMIT).await.is_err() {
        return false;
    }
    let end = Instant::now() + GO_ON_LIMIT;
    while !agent.observer.is_serving(&agent.place).await {
        if Instant::now() >= end {
            return false;
        }
        tokio::time::sleep(GO_ON_PAUSE).await;
    }
    true
}

/// Returns whether the server that runs now, or is about to start, begins the cluster. One that was killed meanwhile
/// joins at its next start: its mark was used up.
async fn is_beginning(agent: &MysqlAgent, member: &Member) -> bool {
    let mark = member.directory.join(BOOTSTRAP);
    is_alone(&agent.place, &member.cluster)
        || sys::blocking(move || mark.exists()).await
        || intent(agent).await == Some(Intent::Begin)
}

/// Returns what the start of the server that there is now was about to do.
async fn intent(agent: &MysqlAgent) -> Option<Intent> {
    let process = agent.keeper.status(MYSQLD).and_then(|status| status.process);
    let noted = agent.place.position();
    let started = sys::blocking(move || Started::read(&noted)).await;
    started.filter(|started| Some(started.process) == process).map(|started| started.intent)
}

/// Returns the number by which a member's server starts that is to be in `cluster`. If others that were in it are gone and
/// nobody serves, it looks for them no longer; one that is the only one left starts anew.
pub(super) async fn n_begins(
    agent: &MysqlAgent,
    before: Option<&Member>,
    cluster: &Cluster,
) -> Result<u64, MethodError> {
    let Some(before) = before else { return Ok(0) };
    let are_all_left = before.cluster.members.iter().all(|ip| cluster.members.contains(ip));
    if are_all_left || agent.observer.is_serving(&agent.place).await {
        return Ok(before.n_begins);
    }
    if !is_alone(&agent.place, cluster) {
        return Ok(before.n_begins);
    }
    end_searching_server(agent);
    note_begun(agent);
    Ok(before.n_begins + 1)
}

/// Notes that a server begins now: its first start makes tables, or takes a backup, which takes a while.
pub(super) fn note_begun(agent: &MysqlAgent) {
    *agent.begun.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
}

fn is_alone(place: &Place, cluster: &Cluster) -> bool {
    cluster.members.iter().all(|ip| *ip == place.my_ip)
}

/// A server that looks for others hears no signal but this one, and has nothing in its hands.
fn end_searching_server(agent: &MysqlAgent) {
    let process = agent.keeper.status(MYSQLD).and_then(|status| status.process);
    if let Some(server) = process.and_then(ProcessId::of) {
        server.signal(Signal::SIGKILL);
    }
}

/// Tells the next start of the member's server to begin the cluster.
async fn set_mark(agent: &Arc<MysqlAgent>, member: &Member) -> Result<(), MethodError> {
    let (owner, mark) = (Arc::clone(agent), member.directory.join(BOOTSTRAP));
    sys::blocking(move || {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&mark);
        let made = file.and_then(|file| file.sync_all());
        made.map_err(|error| FileError::new("write", &mark, error))?;
        owner.place.home.own(&mark)
    })
    .await
}
