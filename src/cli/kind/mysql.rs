//! `mysql`: clusters of MariaDB.

mod backups;
mod change;
mod cluster;
mod pieces;

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use clap::{Args, Subcommand};
use serde::de::IgnoredAny;
use tokio::fs::File;

use self::backups::BackupCommand;
use self::cluster::ClusterCommand;
use self::pieces::Sending;
use crate::cli::command::every_service::{KindCommand, Roles};
use crate::cli::command::service_names::ServiceNames;
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::cli::output::prompt;
use crate::client::error::Failure;
use crate::client::manager::Counts;
use crate::rpc::RpcCall;

pub(crate) use self::change::NAME;

/// The account of a new cluster.
const USER: &str = "mysqldb";

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum MysqlCommand {
    /// What all kinds have
    #[command(flatten)]
    Every(KindCommand<MysqlCounts>),
    /// Set the password of the account mysqldb
    SetPassword(SetPassword),
    /// Write all data and accounts to standard output
    Dump(ServiceNames),
    /// Load a dump
    LoadDump {
        #[command(flatten)]
        names: ServiceNames,
        /// File containing the dump
        filename: PathBuf,
    },
    /// Back up and restore
    #[command(flatten)]
    Backups(BackupCommand),
    /// See and mend the cluster
    #[command(flatten)]
    Cluster(ClusterCommand),
    /// Set a variable of the servers, such as wait_timeout
    SetVariable(SetVariable),
}

/// How many nodes of each role.
#[derive(Debug, Args)]
pub(crate) struct MysqlCounts {
    /// Number of nodes that have the data; 1 when no role is given
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    mysql: Option<i64>,
    /// Number of nodes that pass connections on
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    glb: Option<i64>,
}

/// A new password.
#[derive(Debug, Args)]
pub(crate) struct SetPassword {
    /// The password; asked for when it is left out, which keeps it out of the list of processes
    #[arg(short, long, value_name = "PASSWORD", allow_hyphen_values = true)]
    password: Option<String>,
    #[command(flatten)]
    names: ServiceNames,
}

/// A new value of a variable.
#[derive(Debug, Args)]
pub(crate) struct SetVariable {
    #[command(flatten)]
    names: ServiceNames,
    /// The variable
    variable: String,
    /// Its value
    value: String,
}

impl Roles for MysqlCounts {
    fn counts(&self) -> Counts {
        let default = i64::from(self.mysql.is_none() && self.glb.is_none());
        Counts::from([("mysql", self.mysql.unwrap_or(default)), ("glb", self.glb.unwrap_or(0))])
    }
}

#[async_trait(?Send)]
impl Action for MysqlCommand {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        match *self {
            MysqlCommand::Every(command) => command.run(run, NAME).await,
            MysqlCommand::SetPassword(new) => set_password(run, new).await,
            MysqlCommand::Dump(names) => dump(run, &names).await,
            MysqlCommand::LoadDump { names, filename } => load_dump(run, &names, &filename).await,
            MysqlCommand::Backups(command) => command.run(run).await,
            MysqlCommand::Cluster(command) => command.run(run).await,
            MysqlCommand::SetVariable(SetVariable { names, variable, value }) => {
                let found = names.find(&run.session, Some(NAME)).await?;
                let call = RpcCall::get(found.service.0, "setMySqlParams");
                let call = call.param("variable", variable.as_str()).param("value", value.as_str());
                run.session.manager::<IgnoredAny>(found.application, call).await?;
                Ok(Reply::done(format!("{variable} is set to '{value}'.")))
            }
        }
    }
}

async fn set_password(run: &Invocation, new: SetPassword) -> Result<Reply, Failure> {
    let found = new.names.find(&run.session, Some(NAME)).await?;
    let password = match new.password {
        Some(password) => password,
        None => prompt::ask_twice(run.printer)?,
    };
    let call = RpcCall::post(found.service.0, "set_password").param("user", USER).param("password", password);
    run.session.manager::<IgnoredAny>(found.application, call).await?;
    Ok(Reply::done(format!("MySQL password successfully updated for user '{USER}'.")))
}

/// Writes the dump as it comes: it may be larger than this machine's memory.
async fn dump(run: &Invocation, names: &ServiceNames) -> Result<Reply, Failure> {
    let found = names.find(&run.session, Some(NAME)).await?;
    if run.printer.is_json {
        let text: String = run.session.service(&found, "sqldump").await?;
        return Ok(Reply::line(text.as_str(), &text));
    }
    let output = std::io::stdout().as_fd().try_clone_to_owned();
    let output = output.map_err(|error| Failure::said(format!("cannot write to standard output: {error}")))?;
    let call = RpcCall::get(found.service.0, "sqldump").param("form", "file");
    run.session.manager_stream(found.application, call, &mut File::from_std(output.into())).await?;
    Ok(Reply::lines(&[], &()))
}

async fn load_dump(run: &Invocation, names: &ServiceNames, path: &Path) -> Result<Reply, Failure> {
    let found = names.find(&run.session, Some(NAME)).await?;
    let progress = run.printer.begin_upload(path);
    let sending = Sending { whole: "load_dump", piece: "load_dump_piece", field: "mysqldump_file", path };
    let loading = async {
        let last = sending.all_but_last(run, &found, &progress).await?;
        run.session.manager::<IgnoredAny>(found.application, last).await
    };
    progress.while_sending(loading).await?;
    Ok(Reply::done(format!("MySQL dump '{}' loaded successfully.", path.display())))
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    fn parsed(line: &str) -> Result<MysqlCommand, clap::Error> {
        let command = MysqlCommand::augment_subcommands(clap::Command::new("cps-mysql"));
        let matches = command.try_get_matches_from(std::iter::once("cps-mysql").chain(line.split(' ')))?;
        MysqlCommand::from_arg_matches(&matches)
    }

    #[test]
    fn one_node_with_data_is_meant_when_no_role_is_named() {
        let counts = |mysql, glb| MysqlCounts { mysql, glb }.counts();
        assert_eq!(counts(None, None), Counts::from([("mysql", 1), ("glb", 0)]));
        assert_eq!(counts(None, Some(2)), Counts::from([("mysql", 0), ("glb", 2)]));
        assert_eq!(counts(Some(3), None), Counts::from([("mysql", 3), ("glb", 0)]));
    }

    #[test]
    fn a_password_may_begin_with_a_hyphen() {
        let Ok(MysqlCommand::SetPassword(new)) = parsed("set_password -p -x' shop 1") else { panic!("not set") };
        assert_eq!(new.password.as_deref(), Some("-x'"));
        assert!(
            parsed("dump shop 1").is_ok() && parsed("load_dump shop 1 a.sql").is_ok() && parsed("dump shop").is_err()
        );
    }
}
