//! `xtreemfs`: shared storage.

mod certificates;
mod policies;
mod volumes;

use async_trait::async_trait;
use clap::{Args, Subcommand};

use self::certificates::CertificateCommand;
use self::policies::PolicyCommand;
use self::volumes::VolumeCommand;
use crate::cli::command::every_service::{KindCommand, Roles};
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::manager::Counts;

pub(crate) use self::volumes::NAME;

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum XtreemfsCommand {
    /// What all kinds have
    #[command(flatten)]
    Every(KindCommand<XtreemfsCounts>),
    /// Volumes and the servers that have them
    #[command(flatten)]
    Volumes(VolumeCommand),
    /// How volumes are kept
    #[command(flatten)]
    Policies(PolicyCommand),
    /// Certificates
    #[command(flatten)]
    Certificates(CertificateCommand),
}

/// How many nodes of each role.
#[derive(Debug, Args)]
pub(crate) struct XtreemfsCounts {
    /// Number of nodes that have data; 1 when no role is given
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    osd: Option<i64>,
    /// Number of nodes that keep a copy of the metadata
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    dir: Option<i64>,
}

impl Roles for XtreemfsCounts {
    fn counts(&self) -> Counts {
        let default = i64::from(self.osd.is_none() && self.dir.is_none());
        let osd = ("osd", self.osd.unwrap_or(default));
        // ConPaaS 2.0 knows of no further directory.
        match self.dir {
            Some(n) => Counts::from([osd, ("dir", n)]),
            None => Counts::from([osd]),
        }
    }
}

#[async_trait(?Send)]
impl Action for XtreemfsCommand {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        match *self {
            XtreemfsCommand::Every(command) => command.run(run, NAME).await,
            XtreemfsCommand::Volumes(command) => command.run(run).await,
            XtreemfsCommand::Policies(command) => command.run(run).await,
            XtreemfsCommand::Certificates(command) => command.run(run).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_node_with_data_is_meant_when_no_role_is_named() {
        let counts = |osd, dir| XtreemfsCounts { osd, dir }.counts();
        assert_eq!(counts(None, None), Counts::from([("osd", 1)]));
        assert_eq!(counts(None, Some(1)), Counts::from([("osd", 0), ("dir", 1)]));
        assert_eq!(counts(Some(3), None), Counts::from([("osd", 3)]));
    }
}
