//! The nodes of a database as a cluster: where they stand, and how it goes on without one that is gone.

use clap::{Args, Subcommand};
use serde::de::IgnoredAny;

use super::change::{NAME, expect_done};
use crate::api::Accepted;
use crate::api::mysql::MemberView;
use crate::cli::command::care::SelfHealing;
use crate::cli::command::loss::{self, Consent};
use crate::cli::command::service_names::ServiceNames;
use crate::cli::invocation::Invocation;
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::lookup::FoundService;
use crate::rpc::RpcCall;

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum ClusterCommand {
    /// List the nodes that have the data, and how far it is
    ListMembers(ServiceNames),
    /// Go on without a node of which nobody knows how far its data is
    Recover(Recover),
    /// Say whether nodes that died are made anew
    SelfHealing(SelfHealing),
    /// Let nodes of a service of an older program talk with each other by TLS; all of them start anew
    Encrypt {
        #[command(flatten)]
        names: ServiceNames,
        #[command(flatten)]
        consent: Consent,
    },
    /// Say how large the volumes of nodes are; those that there are grow while they serve
    SetVolumeSize {
        #[command(flatten)]
        names: ServiceNames,
        /// In MB; 1024 until it is said
        #[arg(allow_negative_numbers = true)]
        size: i64,
    },
}

/// Without whom.
#[derive(Debug, Args)]
pub(crate) struct Recover {
    #[command(flatten)]
    names: ServiceNames,
    /// The node that is given up; may be repeated
    #[arg(long, value_name = "NODE", required = true)]
    without: Vec<String>,
    #[command(flatten)]
    consent: Consent,
}

impl ClusterCommand {
    /// Runs the sub-command.
    ///
    /// # Errors
    /// The service is not found, or its manager refuses.
    pub(crate) async fn run(self, run: &Invocation) -> Result<Reply, Failure> {
        match self {
            ClusterCommand::ListMembers(names) => {
                let found = names.find(&run.session, Some(NAME)).await?;
                let members = members(run, &found).await?;
                Ok(Reply::table(&["id", "ip", "stage", "position", "reason"], &members, "No nodes have the data"))
            }
            ClusterCommand::Recover(wanted) => recover(run, wanted).await,
            ClusterCommand::SelfHealing(wanted) => wanted.run(&run.session, NAME).await,
            ClusterCommand::Encrypt { names, consent } => {
                let found = names.find(&run.session, Some(NAME)).await?;
                let lost = ["all connections of clients: nobody serves for some seconds".to_owned()];
                loss::agree_for(run, "Starting all nodes anew", &lost, consent)?;
                let operation =
                    run.session.accepted(found.application, RpcCall::post(found.service.0, "encrypt")).await?;
                expect_done(run, &found, &operation, "the nodes do not talk by TLS").await?;
                Ok(Reply::done("The nodes talk with each other by TLS."))
            }
            ClusterCommand::SetVolumeSize { names, size } => {
                let found = names.find(&run.session, Some(NAME)).await?;
                let call = RpcCall::post(found.service.0, "set_volume_size").param("size", size);
                run.session.manager::<IgnoredAny>(found.application, call).await?;
                Ok(Reply::done(format!(
                    "Nodes have a volume of {size} MB; those that there are grow while they serve."
                )))
            }
        }
    }
}

async fn recover(run: &Invocation, wanted: Recover) -> Result<Reply, Failure> {
    let Recover { names, without, consent } = wanted;
    let found = names.find(&run.session, Some(NAME)).await?;
    let lost = loss_of(&members(run, &found).await?, &without);
    loss::agree_for(run, "Going on without a node", &lost, consent)?;
    let call = RpcCall::post(found.service.0, "recover").param("without", without.clone());
    run.session.manager::<IgnoredAny>(found.application, call).await?;
    expect_done(run, &found, &Accepted::default(), "nobody was given up").await?;
    let names = without.join(", ");
    Ok(Reply::done(format!("The service goes on without {names}: in a minute the node with the newest data begins.")))
}

/// Returns what may be lost with these nodes.
fn loss_of(members: &[MemberView], without: &[String]) -> Vec<String> {
    let left = members.iter().filter(|member| !without.contains(&member.id));
    let newest = left.filter_map(|member| Some((member.position.as_ref()?.change, &member.id))).max();
    let after = newest.map_or_else(
        || "everything, because no other node says how far its data is".to_owned(),
        |(change, id)| {
            format!("what was acknowledged after change {change}, which node {id} has, and which only they have")
        },
    );
    let volumes = without.iter().map(|id| format!("node {id} with its volume and the backups on it"));
    std::iter::once(after).chain(volumes).collect()
}

async fn members(run: &Invocation, found: &FoundService) -> Result<Vec<MemberView>, Failure> {
    run.session.service(found, "get_members").await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::mysql::Stage;

    #[test]
    fn what_may_be_lost_is_told_by_the_newest_data_that_is_left() {
        let member = |id: &str, change: Option<i64>| MemberView {
            id: id.to_owned(),
            ip: "10.0.0.2".to_owned(),
            stage: Some(Stage::Joining),
            position: change.map(|change| format!("e4b3f1c2-0000-11ef-8d2a-0242ac110002:{change}").parse().unwrap()),
            reason: None,
        };
        let lost = loss_of(&[member("a", Some(7)), member("b", Some(9)), member("c", None)], &["c".to_owned()]);
        assert!(lost[0].contains("after change 9, which node b has"), "{lost:?}");
        assert_eq!(lost[1], "node c with its volume and the backups on it");
        assert!(loss_of(&[member("c", None)], &["c".to_owned()])[0].starts_with("everything"));
    }
}
