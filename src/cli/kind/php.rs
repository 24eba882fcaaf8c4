//! `php`: sites in PHP.

use std::path::Path;

use async_trait::async_trait;
use clap::{Args, Subcommand, ValueEnum};

use crate::api::python::dict_order;
use crate::api::web::{Cdn, PhpConfiguration};
use crate::cli::command::care::CareCommand;
use crate::cli::command::code::CodeCommand;
use crate::cli::command::every_service::KindCommand;
use crate::cli::command::service_names::ServiceNames;
use crate::cli::command::web_counts::WebCounts;
use crate::cli::deployment::{Deployment, Entry, Parcel};
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::session::Session;
use crate::client::wait::{self, Awaited};
use crate::model::State;

/// The kind's name.
pub(crate) const NAME: &str = "php";

/// How `deploy` brings a site on the air.
pub(super) const DEPLOYMENT: Deployment = Deployment {
    kind: NAME,
    enable_method: "update_php_configuration",
    looks_like,
    parcel: Parcel::directory,
    entry: Entry::Site("proxy"),
};

/// A site without a program is served as well.
fn looks_like(directory: &Path) -> Option<&'static str> {
    let has = |name: &str| directory.join(name).is_file();
    if has("index.php") || has("public/index.php") {
        return Some("its first page is in PHP");
    }
    if has("composer.json") {
        return Some("it has composer.json");
    }
    if has("index.html") {
        return Some("its first page is index.html");
    }
    let mut entries = std::fs::read_dir(directory).ok()?.flatten();
    entries.any(|entry| entry.path().extension().is_some_and(|end| end == "php")).then_some("it has pages in PHP")
}

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum PhpCommand {
    /// What all kinds have
    #[command(flatten)]
    Every(KindCommand<WebCounts>),
    /// What kinds with code have
    #[command(flatten)]
    Code(CodeCommand),
    /// What kinds have that their manager looks after
    #[command(flatten)]
    Care(CareCommand),
    /// Display the PHP configuration
    GetPhpConfig(ServiceNames),
    /// Set a value of the PHP configuration
    SetPhpConfig(NewValue),
    /// Enable or disable debug mode, in which pages show errors
    Debug(Debug),
}

/// A value of the PHP configuration.
#[derive(Debug, Args)]
pub(crate) struct NewValue {
    #[command(flatten)]
    names: ServiceNames,
    /// The key, such as memory_limit
    key: String,
    /// The value, such as 256M
    value: String,
}

/// Whether pages show errors.
#[derive(Debug, Args)]
pub(crate) struct Debug {
    #[command(flatten)]
    names: ServiceNames,
    /// Whether pages show errors
    mode: Switch,
}

/// On or off.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[async_trait(?Send)]
impl Action for PhpCommand {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        match *self {
            PhpCommand::Every(command) => command.run(run, NAME).await,
            PhpCommand::Code(command) => command.run(run, NAME, DEPLOYMENT.enable_method).await,
            PhpCommand::Care(command) => command.run(run, NAME).await,
            PhpCommand::GetPhpConfig(names) => get_php_config(&run.session, &names).await,
            PhpCommand::SetPhpConfig(new) => {
                let text = format!("{} is set to '{}'.", new.key, new.value);
                set(run, &new.names, &new.key, &new.value, text).await
            }
            PhpCommand::Debug(debug) => {
                let value = match debug.mode {
                    Switch::On => "On",
                    Switch::Off => "Off",
                };
                set(run, &debug.names, "display_errors", value, format!("Debug mode set to '{value}'.")).await
            }
        }
    }
}

async fn get_php_config(session: &Session, names: &ServiceNames) -> Result<Reply, Failure> {
    let found = names.find(session, Some(NAME)).await?;
    let configuration: PhpConfiguration = session.service(&found, "get_configuration").await?;
    let PhpConfiguration { code_version, phpconf, cdn, autoscaling } = &configuration;
    let cdn = match cdn {
        Cdn::Off(_) => "False",
        Cdn::Address(address) => address,
    };
    let autoscaling = if *autoscaling { "True" } else { "False" };
    let mut lines = vec![
        format!("cdn: {cdn}"),
        format!("codeVersionId: {code_version}"),
        format!("autoscaling: {autoscaling}"),
        "phpconf:".to_owned(),
    ];
    let values = dict_order(phpconf.iter().collect(), |(key, _)| *key);
    lines.extend(values.into_iter().map(|(key, value)| format!("\t{key}: {value}")));
    Ok(Reply::lines(&lines, &configuration))
}

/// Sets a value and waits until all nodes have it.
async fn set(run: &Invocation, names: &ServiceNames, key: &str, value: &str, text: String) -> Result<Reply, Failure> {
    let found = names.find(&run.session, Some(NAME)).await?;
    let operation = run.session.set_php_value(&found, key, value).await?;
    let awaited = Awaited { operation: &operation, ends: &[State::Init, State::Stopped, State::Running] };
    let end = wait::for_service(&run.session, &found, awaited, &|_| {}).await?;
    if end.is_failure {
        let reason = end.reason.unwrap_or_else(|| "its manager does not say why".to_owned());
        return Err(Failure::said(format!("{key} is not set to '{value}': {reason}")));
    }
    Ok(Reply::done(text))
}
