//! Backups of all data of a database: to a file of the user, or by themselves on a volume of the service.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::change::{NAME, expect_done};
use super::pieces::Sending;
use crate::api::mysql::BackupsView;
use crate::cli::command::loss::{self, Consent};
use crate::cli::command::service_names::ServiceNames;
use crate::cli::invocation::Invocation;
use crate::cli::output::printer::Reply;
use crate::cli::output::table::value_of;
use crate::client::error::Failure;
use crate::client::lookup::FoundService;
use crate::rpc::RpcCall;

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum BackupCommand {
    /// Write all data, as it is on the disks, to a compressed file
    Backup {
        #[command(flatten)]
        names: ServiceNames,
        /// File to be written
        filename: PathBuf,
    },
    /// Put a backup in the place of all data
    Restore {
        #[command(flatten)]
        names: ServiceNames,
        /// File that 'backup' has written
        #[arg(required_unless_present = "kept")]
        filename: Option<PathBuf>,
        /// A backup that 'list_backups' shows, in the place of a file
        #[arg(long, value_name = "NAME", conflicts_with = "filename")]
        kept: Option<String>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Make backups by themselves, and keep them on a volume of the service
    ScheduleBackup(Schedule),
    /// List the backups that were made by themselves
    ListBackups(ServiceNames),
}

/// When backups are made.
#[derive(Debug, Args)]
pub(crate) struct Schedule {
    #[command(flatten)]
    names: ServiceNames,
    /// How often; the first one is made at once
    #[arg(long)]
    every: Every,
    /// Time of the day in UTC; for every hour the minute counts, weeks begin on Sunday
    #[arg(long, value_name = "HH:MM", default_value = "03:00")]
    at: String,
    /// How many are kept; the oldest goes when a new one is complete
    #[arg(long, value_name = "COUNT", default_value_t = 7, allow_negative_numbers = true)]
    keep: i64,
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Every {
    Hour,
    Day,
    Week,
    /// Not any more; those that are there stay
    Never,
}

impl BackupCommand {
    /// Runs the sub-command.
    ///
    /// # Errors
    /// The service is not found, its manager refuses, or a file cannot be read or written.
    pub(crate) async fn run(self, run: &Invocation) -> Result<Reply, Failure> {
        match self {
            BackupCommand::Backup { names, filename } => {
                let found = names.find(&run.session, Some(NAME)).await?;
                let call = RpcCall::get(found.service.0, "backup");
                let n_bytes = run.session.manager_file(found.application, call, &filename).await?;
                Ok(Reply::done(format!("Backup '{}' written, {n_bytes} bytes.", filename.display())))
            }
            BackupCommand::Restore { names, filename, kept, consent } => {
                let found = names.find(&run.session, Some(NAME)).await?;
                let lost = ["everything that the databases hold now, and all accounts".to_owned()];
                loss::agree_for(run, "Restoring a backup", &lost, consent)?;
                match (filename, kept) {
                    (Some(path), _) => restore(run, &found, &path).await,
                    (None, kept) => restore_kept(run, &found, &kept.unwrap_or_default()).await,
                }
            }
            BackupCommand::ScheduleBackup(wanted) => schedule(run, wanted).await,
            BackupCommand::ListBackups(names) => list(run, &names).await,
        }
    }
}

async fn restore(run: &Invocation, found: &FoundService, path: &Path) -> Result<Reply, Failure> {
    let progress = run.printer.begin_upload(path);
    let sending = Sending { whole: "restore", piece: "restore_piece", field: "backup", path };
    let taking = async {
        let last = sending.all_but_last(run, found, &progress).await?;
        run.session.accepted(found.application, last).await
    };
    let operation = progress.while_sending(taking).await?;
    expect_done(run, found, &operation, "the backup is not restored").await?;
    Ok(Reply::done(format!("Backup '{}' restored.", path.display())))
}

async fn restore_kept(run: &Invocation, found: &FoundService, name: &str) -> Result<Reply, Failure> {
    let call = RpcCall::post(found.service.0, "restore_kept").param("name", name);
    let operation = run.session.accepted(found.application, call).await?;
    expect_done(run, found, &operation, "the backup is not restored").await?;
    Ok(Reply::done(format!("Backup '{name}' restored.")))
}

async fn schedule(run: &Invocation, wanted: Schedule) -> Result<Reply, Failure> {
    let found = wanted.names.find(&run.session, Some(NAME)).await?;
    let Schedule { every, at, keep, .. } = wanted;
    let period = every.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let call = RpcCall::post(found.service.0, "schedule_backup").param("every", period.as_str());
    let call = call.param("at", at.as_str()).param("keep", keep);
    let operation = run.session.accepted(found.application, call).await?;
    expect_done(run, &found, &operation, "the schedule is not set").await?;
    Ok(Reply::done(match every {
        Every::Never => "No more backups are made by themselves.".to_owned(),
        _ => format!("A backup is made every {period} at {at} UTC; {keep} are kept."),
    }))
}

async fn list(run: &Invocation, names: &ServiceNames) -> Result<Reply, Failure> {
    let found = names.find(&run.session, Some(NAME)).await?;
    let shown: BackupsView = run.session.service(&found, "list_backups").await?;
    let mut reply = Reply::table(&["name", "node", "size"], &shown.backups, "No backups");
    if let Some(error) = shown.last.as_ref().and_then(|last| last.error.as_ref()) {
        run.printer.note(&format!("The last one failed: {error}"));
    }
    reply.value = value_of(&shown);
    Ok(reply)
}
