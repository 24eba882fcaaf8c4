//! How volumes are kept: policies in the words of ConPaaS 2.0, and what becomes of them.
//!
//! Of a replication policy the factor counts: so many servers have each file. All copies can be written, and agree. What is
//! said of stripes is kept and shown, and changes nothing: chunks of 64 MB spread by themselves. The same holds for the
//! choice among servers, unless it names labels: then the servers that bear them have the volume.

use super::labels;
use super::roles::n_servers;
use super::volumes::{self, find};
use crate::api::params::bad;
use crate::api::xtreemfs::{PolicyNames, PolicyOutput};
use crate::model::State;
use crate::service::call::Call;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::reply::Reply;

/// A kind of policy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// What it is called in texts.
    name: &'static str,
    /// Its policies.
    policies: &'static [&'static str],
}

pub(super) const STRIPING: Kind = Kind { name: "striping", policies: &["RAID0"] };
pub(super) const REPLICATION: Kind = Kind { name: "replication", policies: &["ronly", "WaR1", "WqRq"] };
pub(super) const OSD_SELECTION: Kind =
    Kind { name: "OSD selection", policies: &["DEFAULT", "FQDN", "UUID", "DCMAP", "VIVALDI"] };
pub(super) const REPLICA_SELECTION: Kind =
    Kind { name: "replica selection", policies: &["DEFAULT", "FQDN", "DCMAP", "VIVALDI"] };

/// The OSD selection policy by which any server may have a volume.
const ANY_SERVER: &str = "DEFAULT";
/// More copies than that the servers do not keep.
const MOST_COPIES: i64 = 9;

/// `list_striping_policies` and the like.
pub(super) async fn list(call: Call, kind: Kind) -> Result<Reply, MethodError> {
    call.finish()?;
    Ok(Reply::of(&PolicyNames { policies: kind.policies.join(", ") }))
}

/// `set_osd_sel_policy`; with `labels` (ours) it says which servers have the volume, and `DEFAULT` says that all may.
pub(super) async fn set_osd_selection(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let name = call.params.string("volumeName")?;
    let policy = call.params.string("policy")?;
    let labels = labels::parse_list(&call.params.string_or("labels", "")?)?;
    call.finish()?;
    if labels.is_empty() && policy != ANY_SERVER {
        return note(&service, OSD_SELECTION, &name, &policy, &policy).await;
    }
    service.expect_state(&[State::Running]).await?;
    expect_known(OSD_SELECTION, &policy)?;
    let chosen = labels::choose(&service, &name, OSD_SELECTION.name, &policy, labels).await;
    let stdout = chosen.map_err(|error| not_set(OSD_SELECTION, &error))?;
    Ok(Reply::of(&PolicyOutput { stdout }))
}

/// `set_replica_sel_policy`.
pub(super) async fn set_replica_selection(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let name = call.params.string("volumeName")?;
    let policy = call.params.string("policy")?;
    call.finish()?;
    note(&service, REPLICA_SELECTION, &name, &policy, &policy).await
}

/// `set_striping_policy`.
pub(super) async fn set_striping(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let name = call.params.string("volumeName")?;
    let policy = call.params.string("policy")?;
    let width = call.params.positive("width")?;
    let size = call.params.positive("stripe-size")?;
    call.finish()?;
    note(&service, STRIPING, &name, &policy, &format!("{policy}, width {width}, stripe size {size} kB")).await
}

/// `set_replication_policy`.
pub(super) async fn set_replication(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let name = call.params.string("volumeName")?;
    let policy = call.params.string("policy")?;
    let factor = call.params.positive("factor")?;
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let failed = |error: &MethodError| not_set(REPLICATION, error);
    expect_known(REPLICATION, &policy)?;
    let n_servers = n_servers(&service.nodes().await?);
    let copies = u32::try_from(factor).ok().filter(|_| factor <= MOST_COPIES);
    let copies = copies.ok_or_else(|| bad("factor", &format!("{factor} is more than {MOST_COPIES}")))?;
    if copies as usize > n_servers {
        let text = format!("{copies} copies need {copies} osd nodes, and there are {n_servers}: add nodes first");
        return Err(failed(&MethodError::refused(text)));
    }
    let kept = format!("{policy}, factor {copies}");
    let change = volumes::change(&service, &name, move |volume| {
        volume.copies = Some(copies);
        volume.policies.insert(REPLICATION.name.to_owned(), kept);
    });
    change.await.map_err(|error| failed(&error))?;
    let stdout = format!("{copies} servers have each file of volume '{name}'; all copies can be written and agree\n");
    Ok(Reply::of(&PolicyOutput { stdout }))
}

/// Keeps a policy that changes nothing.
async fn note(
    service: &ServiceContext,
    kind: Kind,
    name: &str,
    policy: &str,
    kept: &str,
) -> Result<Reply, MethodError> {
    service.expect_state(&[State::Running]).await?;
    expect_known(kind, policy)?;
    let (key, text) = (name.to_owned(), kept.to_owned());
    let noted = volumes::set(service, move |settings| {
        find(settings, &key)?.policies.insert(kind.name.to_owned(), text);
        Ok(())
    });
    noted.await.map_err(|error| not_set(kind, &error))?;
    let what = kind.name;
    let stdout = format!(
        "The {what} policy of volume '{name}' is {kept}. It is kept and has no effect: files spread over all servers by \
         themselves\n"
    );
    Ok(Reply::of(&PolicyOutput { stdout }))
}

fn expect_known(kind: Kind, policy: &str) -> Result<(), MethodError> {
    if kind.policies.contains(&policy) {
        return Ok(());
    }
    let text = format!("'{}' is none of {}", policy.escape_debug(), kind.policies.join(", "));
    Err(not_set(kind, &MethodError::refused(text)))
}

fn not_set(kind: Kind, error: &MethodError) -> MethodError {
    MethodError::refused(format!("Failed to set {} policy: ; {error}", kind.name))
}
