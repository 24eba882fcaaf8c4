//! `rollback`: back to the code version before the present one.

use async_trait::async_trait;
use clap::Args;

use super::deploy::bring_up;
use super::names::SiteNames;
use crate::api::manager::before;
use crate::cli::command::code::NewCode;
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;

/// What goes back.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    names: SiteNames,
}

#[async_trait(?Send)]
impl Action for Rollback {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        let (app, found, deployment) = self.names.find(&run.session).await?;
        let versions = run.session.code_versions(&found).await?;
        let version = before(&versions).ok_or_else(|| {
            Failure::said(format!("application '{}' has no older code version to go back to", app.name))
        })?;
        // What `deploy` found out of a newer version is not true of this one.
        let root = version.document_root.as_deref();
        let new = NewCode { version: &version.id, document_root: root };
        bring_up(run, &app, &found, deployment, new, None).await
    }
}
