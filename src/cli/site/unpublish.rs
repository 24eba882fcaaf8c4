//! `unpublish`: a service that others do not reach any more.

use async_trait::async_trait;
use clap::Args;

use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::lookup;

/// What is not published any more. Its port and its name are free then.
#[derive(Debug, Args)]
pub(crate) struct Unpublish {
    /// Name or identifier of an application
    app_name_or_id: String,
    /// Name or identifier of a service
    serv_name_or_id: String,
}

#[async_trait(?Send)]
impl Action for Unpublish {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        let found = lookup::service(&run.session, None, &self.app_name_or_id, &self.serv_name_or_id).await?;
        run.session.unpublish(&found).await?;
        Ok(Reply::done("done."))
    }
}
