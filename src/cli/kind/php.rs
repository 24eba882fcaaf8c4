//! `php`: sites in PHP.

use std::path::Path;

use async_trait::async_trait;
use clap::{Args, Subcommand, ValueEnum};

use crate::api::Accepted;
use crate::api::python::dict_order;
use crate::api::web::{Cdn, PhpConfiguration};
use crate::cli::command::care::CareCommand;
use crate::cli::command::code::CodeCommand;
use crate::cli::command::every_service::KindCommand;
use crate::cli::command::nginx_hooks::NginxHookCommand;
use crate::cli::command::service_names::ServiceNames;
use crate::cli::command::web_counts::WebCounts;
use crate::cli::deployment::{Deployment, Entry, Parcel};
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::lookup::FoundService;
use crate::client::session::Session;
use crate::client::wait::{self, Awaited};
use crate::model::State;
use crate::rpc::RpcCall;

/// The kind's name.
pub(crate) const NAME: &str = "php";

/// How `deploy` brings a site on the air.
pub(super) const DEPLOYMENT: Deployment = Deployment {
    kind: NAME,
    enable_method: "update_php_configuration",
    looks_like,
    parcel: Parcel::directory,
    entry: Entry::Site("proxy"),
    document_root: Some(document_root),
};

/// What visitors see of a program that Composer installs, whatever else lies at its top.
fn document_root(directory: &Path) -> Option<&'static str> {
    let has = |name: &str| directory.join(name).is_file();
    (has("composer.json") && has("public/index.php")).then_some("public")
}

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
    /// What kinds have that serve visitors
    #[command(flatten)]
    NginxHook(NginxHookCommand),
    /// Display the PHP configuration
    GetPhpConfig(ServiceNames),
    /// Set a value of the PHP configuration
    SetPhpConfig(NewValue),
    /// Say which directory of the code visitors see
    SetDocumentRoot(DocumentRoot),
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

/// What visitors see of the code.
#[derive(Debug, Args)]
pub(crate) struct DocumentRoot {
    #[command(flatten)]
    names: ServiceNames,
    /// The directory below the top of the code, such as public; / for the top, auto for what the code has
    directory: String,
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
            PhpCommand::NginxHook(command) => command.run(run, NAME).await,
            PhpCommand::GetPhpConfig(names) => get_php_config(&run.session, &names).await,
            PhpCommand::SetPhpConfig(new) => {
                let text = format!("{} is set to '{}'.", new.key, new.value);
                set(run, &new.names, &new.key, &new.value, text).await
            }
            PhpCommand::SetDocumentRoot(root) => set_document_root(run, &root).await,
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
    let PhpConfiguration { code_version, phpconf, cdn, autoscaling, document_root } = &configuration;
    let cdn = match cdn {
        Cdn::Off(_) => "False",
        Cdn::Address(address) => address,
    };
    let autoscaling = if *autoscaling { "True" } else { "False" };
    let mut lines =
        vec![format!("cdn: {cdn}"), format!("codeVersionId: {code_version}"), format!("autoscaling: {autoscaling}")];
    lines.extend(document_root.as_ref().map(|root| format!("documentRoot: {root}")));
    lines.push("phpconf:".to_owned());
    let values = dict_order(phpconf.iter().collect(), |(key, _)| *key);
    lines.extend(values.into_iter().map(|(key, value)| format!("\t{key}: {value}")));
    Ok(Reply::lines(&lines, &configuration))
}

/// Sets a value and waits until all nodes have it.
async fn set(run: &Invocation, names: &ServiceNames, key: &str, value: &str, text: String) -> Result<Reply, Failure> {
    let found = names.find(&run.session, Some(NAME)).await?;
    let operation = run.session.set_php_value(&found, key, value).await?;
    is_set(run, &found, &operation, format!("{key} is not set to '{value}'")).await?;
    Ok(Reply::done(text))
}

async fn set_document_root(run: &Invocation, root: &DocumentRoot) -> Result<Reply, Failure> {
    let found = root.names.find(&run.session, Some(NAME)).await?;
    let directory = if root.directory == "auto" { "" } else { &root.directory };
    let call = RpcCall::post(found.service.0, "update_php_configuration").param("documentRoot", directory);
    let operation = run.session.accepted(found.application, call).await?;
    is_set(run, &found, &operation, "the document root stays as it was".to_owned()).await?;
    Ok(Reply::done(match directory {
        "" => "What visitors see is found out by what the code has.".to_owned(),
        directory => format!("Visitors see the directory '{directory}' of the code."),
    }))
}

/// Waits until all nodes have a setting.
///
/// # Errors
/// `complaint` with the reason, if they do not get it.
async fn is_set(
    run: &Invocation,
    found: &FoundService,
    operation: &Accepted,
    complaint: String,
) -> Result<(), Failure> {
    let awaited = Awaited { operation, ends: &[State::Init, State::Stopped, State::Running] };
    let end = wait::for_service(&run.session, found, awaited, &|_| {}).await?;
    if end.is_failure {
        let reason = end.reason.unwrap_or_else(|| "its manager does not say why".to_owned());
        return Err(Failure::said(format!("{complaint}: {reason}")));
    }
    Ok(())
}
