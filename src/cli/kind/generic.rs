//! `generic`: services that run a user's own scripts.

use async_trait::async_trait;
use clap::{Args, Subcommand};

use crate::api::manager::ScriptsOfNodes;
use crate::cli::command::code::CodeCommand;
use crate::cli::command::every_service::{Count, KindCommand};
use crate::cli::command::service_names::ServiceNames;
use crate::cli::command::volume::VolumeCommand;
use crate::cli::deployment::{Deployment, Entry, Parcel};
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::session::Session;

/// The kind's name.
pub(crate) const NAME: &str = "generic";

/// How `deploy` brings a program on the air.
pub(super) const DEPLOYMENT: Deployment = Deployment {
    kind: NAME,
    enable_method: "enable_code",
    looks_like: |directory| directory.join("run.sh").is_file().then_some("it has run.sh"),
    parcel: Parcel::directory,
    entry: Entry::Program,
    document_root: None,
};

const SCRIPTS: [&str; 5] = ["init.sh", "notify.sh", "run.sh", "interrupt.sh", "cleanup.sh"];

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum GenericCommand {
    /// What all kinds have
    #[command(flatten)]
    Every(KindCommand<Count>),
    /// What kinds with volumes have
    #[command(flatten)]
    Volume(VolumeCommand),
    /// What kinds with code have
    #[command(flatten)]
    Code(CodeCommand),
    /// Execute the run.sh script
    Run(Script),
    /// Execute the interrupt.sh script
    Interrupt(Script),
    /// Execute the cleanup.sh script
    Cleanup(Script),
    /// Get the status of the agents' scripts
    GetScriptStatus(ServiceNames),
}

/// A script and what it is told.
#[derive(Debug, Args)]
pub(crate) struct Script {
    /// Parameters that will be passed to the script
    #[arg(short, long = "parameters", value_name = "PARAM", allow_hyphen_values = true)]
    parameters: Option<String>,
    #[command(flatten)]
    names: ServiceNames,
    /// More parameters, when they were not quoted
    #[arg(hide = true, requires = "parameters")]
    more: Vec<String>,
}

#[async_trait(?Send)]
impl Action for GenericCommand {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        match *self {
            GenericCommand::Every(command) => command.run(run, NAME).await,
            GenericCommand::Volume(command) => command.run(run, NAME).await,
            GenericCommand::Code(command) => command.run(run, NAME, DEPLOYMENT.enable_method).await,
            GenericCommand::Run(script) => execute(&run.session, script, "run").await,
            GenericCommand::Interrupt(script) => execute(&run.session, script, "interrupt").await,
            GenericCommand::Cleanup(script) => execute(&run.session, script, "cleanup").await,
            GenericCommand::GetScriptStatus(names) => get_script_status(&run.session, &names).await,
        }
    }
}

async fn execute(session: &Session, script: Script, command: &str) -> Result<Reply, Failure> {
    let found = script.names.find(session, Some(NAME)).await?;
    let words: Vec<String> = script.parameters.into_iter().chain(script.more).collect();
    session.execute_script(&found, command, &words.join(" ")).await?;
    let or_killing = match command {
        "interrupt" => " or killing all scripts if 'interrupt.sh' is already running",
        _ => "",
    };
    Ok(Reply::done(format!("Service started executing '{command}.sh' on all the agents{or_killing}.")))
}

async fn get_script_status(session: &Session, names: &ServiceNames) -> Result<Reply, Failure> {
    let found = names.find(session, Some(NAME)).await?;
    let status = session.script_status(&found).await?;
    if status.agents.is_empty() {
        return Ok(Reply::line("No generic agents are running.", &status.agents));
    }
    Ok(Reply::lines(&status_lines(&status), &status.agents))
}

fn status_lines(status: &ScriptsOfNodes) -> Vec<String> {
    let mut lines = vec![String::new()];
    for (agent, scripts) in &status.agents {
        lines.push(format!("Agent {agent}:"));
        let shown = |script: &str| scripts.get(script).map_or_else(|| "UNKNOWN".to_owned(), ToString::to_string);
        lines.extend(SCRIPTS.iter().map(|script| format!("  {script}\t{}", shown(script))));
        lines.push(String::new());
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::FromArgMatches;

    use super::*;
    use crate::api::agent::ScriptStatus;

    fn parsed(line: &str) -> Result<GenericCommand, clap::Error> {
        let command = GenericCommand::augment_subcommands(clap::Command::new("cps-generic"));
        let matches = command.try_get_matches_from(std::iter::once("cps-generic").chain(line.split(' ')))?;
        GenericCommand::from_arg_matches(&matches)
    }

    #[test]
    fn parameters_need_no_quotes() {
        let Ok(GenericCommand::Run(script)) = parsed("run -p --fast shop 1 now please") else { panic!("not run") };
        assert_eq!(script.parameters.as_deref(), Some("--fast"));
        assert_eq!((script.names.app_name_or_id.as_str(), script.names.serv_name_or_id.as_str()), ("shop", "1"));
        assert_eq!(script.more, ["now", "please"]);
        assert!(parsed("run shop 1 now").is_err(), "what is no parameter is too much");
    }

    #[test]
    fn shared_groups_stand_between_what_all_kinds_have_and_its_own() {
        assert!(matches!(parsed("add shop"), Ok(GenericCommand::Every(_))));
        assert!(matches!(parsed("create_volume shop v -5 n"), Ok(GenericCommand::Volume(_))));
        assert!(matches!(parsed("enable_code shop 1 code-x"), Ok(GenericCommand::Code(_))));
        let command = GenericCommand::augment_subcommands(clap::Command::new("cps-generic"));
        let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        let place = |name: &str| names.iter().position(|other| *other == name);
        assert!(place("list_nodes") < place("create_volume") && place("delete_code") < place("run"), "{names:?}");
    }

    #[test]
    fn a_script_that_a_node_does_not_tell_of_is_unknown() {
        let scripts = BTreeMap::from([
            ("init.sh".to_owned(), ScriptStatus::Stopped(0)),
            ("run.sh".to_owned(), ScriptStatus::Running),
            ("notify.sh".to_owned(), ScriptStatus::NeverStarted),
        ]);
        let lines = status_lines(&ScriptsOfNodes { agents: BTreeMap::from([("iaas1".to_owned(), scripts)]) });
        assert_eq!(
            lines.join("\n"),
            "\nAgent iaas1:\n  init.sh\tSTOPPED (return code 0)\n  notify.sh\tNEVER STARTED\n  run.sh\tRUNNING\n\
             \u{20} interrupt.sh\tUNKNOWN\n  cleanup.sh\tUNKNOWN\n"
        );
    }
}
