//! `open`: where an application answers, and a browser that shows it.

use std::io::IsTerminal;
use std::process::{Command, Stdio};

use async_trait::async_trait;
use clap::Args;
use serde::Serialize;

use super::entry;
use super::names::SiteNames;
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::lookup::FoundService;
use crate::client::session::Session;
use crate::sys::program;

/// What opens a URL, where somebody looks at a screen.
const OPENERS: [&str; 3] = ["xdg-open", "open", "wslview"];

/// Which application is opened.
#[derive(Debug, Args)]
pub(crate) struct Open {
    #[command(flatten)]
    names: SiteNames,
}

/// Where it answers, as `--json` prints it.
#[derive(Serialize)]
struct Opened {
    urls: Vec<String>,
}

#[async_trait(?Send)]
impl Action for Open {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        let (app, found, deployment) = self.names.find(&run.session).await?;
        let urls = match published(&run.session, &found).await {
            urls if urls.is_empty() => entry::urls(&run.session, &found, deployment.entry).await?,
            urls => urls,
        };
        let Some(first) = urls.first() else {
            let (kind, name, sid) = (deployment.kind, &app.name, found.service);
            return Err(Failure::said(format!(
                "service {sid} of application '{name}' has no nodes: 'conpaas {kind} start {name} {sid}' makes them"
            )));
        };
        let is_watched = std::io::stdout().is_terminal() && !run.printer.is_json;
        let has_screen = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
        if is_watched && has_screen {
            show(run, first);
        }
        Ok(Reply::lines(&urls, &Opened { urls: urls.clone() }))
    }
}

/// Returns where the service is published. A director that does not know of that publishes nothing.
async fn published(session: &Session, found: &FoundService) -> Vec<String> {
    let all = session.published().await.unwrap_or_default().into_iter();
    let own = all.filter(|one| (one.app_id, one.service_id) == (found.application, found.service));
    own.flat_map(|one| one.urls).collect()
}

/// The address is printed in any case, so that a browser that does not come is no failure.
fn show(run: &Invocation, url: &str) {
    let Some(opener) = OPENERS.into_iter().find_map(program::find) else { return };
    let started =
        Command::new(&opener).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if let Err(error) = started {
        run.printer.note(&format!("cannot run {}: {error}", opener.display()));
    }
}
