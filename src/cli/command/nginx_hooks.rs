//! Lines of users for nginx: the sub-commands of every kind of service whose nodes serve visitors. A kind's group flattens
//! [`NginxHookCommand`] among its own.

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};

use super::service_names::ServiceNames;
use super::wait;
use crate::api::web::Hooks;
use crate::cli::invocation::Invocation;
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::lookup::FoundService;
use crate::client::upload;
use crate::client::wait::Awaited;
use crate::model::State;
use crate::rpc::RpcCall;

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum NginxHookCommand {
    /// Add lines to the configuration of nginx, which looks at them before it uses them
    SetNginxHook {
        #[command(flatten)]
        names: ServiceNames,
        /// The block that they stand in
        place: Place,
        /// File with the lines; those that are there go when it is left out
        filename: Option<PathBuf>,
    },
    /// Display the lines that are added to the configuration of nginx
    GetNginxHooks(ServiceNames),
}

/// A block of the configuration.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Place {
    /// The whole site
    Server,
    /// The paths that no other rule covers (location /)
    Rootloc,
}

impl NginxHookCommand {
    /// Runs the sub-command for services of `kind`.
    ///
    /// # Errors
    /// The service is not found, the file cannot be read, or the manager refuses.
    pub(crate) async fn run(self, run: &Invocation, kind: &str) -> Result<Reply, Failure> {
        match self {
            NginxHookCommand::SetNginxHook { names, place, filename } => {
                let found = names.find(&run.session, Some(kind)).await?;
                set(run, &found, place, filename.as_deref()).await
            }
            NginxHookCommand::GetNginxHooks(names) => {
                let found = names.find(&run.session, Some(kind)).await?;
                let hooks: Hooks = run.session.service(&found, "get_nginx_hooks").await?;
                let of_place = |name: &str, lines: &str| {
                    let lines = lines.lines().map(|line| format!("\t{line}"));
                    std::iter::once(format!("{name}:")).chain(lines).collect::<Vec<_>>()
                };
                let lines = [of_place("server", &hooks.server), of_place("rootloc", &hooks.rootloc)].concat();
                Ok(Reply::lines(&lines, &hooks))
            }
        }
    }
}

async fn set(run: &Invocation, found: &FoundService, place: Place, path: Option<&Path>) -> Result<Reply, Failure> {
    let place = match place {
        Place::Server => "server",
        Place::Rootloc => "rootloc",
    };
    let call = RpcCall::upload(found.service.0, "set_nginx_hook").param("place", place);
    let nothing = tempfile::NamedTempFile::new();
    let nothing = nothing.map_err(|error| Failure::said(format!("cannot make a temporary file: {error}")))?;
    let call = upload::with_file(call, "hook", path.unwrap_or(nothing.path()))?;
    let operation = run.session.accepted(found.application, call).await?;
    let words = match path {
        Some(_) => format!("Adding lines to the block '{place}' of nginx... "),
        None => format!("Taking lines out of the block '{place}' of nginx... "),
    };
    let ends = &[State::Init, State::Stopped, State::Running];
    wait::for_service(run, found, &words, Awaited { operation: &operation, ends }).await
}
