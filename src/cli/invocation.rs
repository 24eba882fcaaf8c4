//! One run of a client's command: what the commands of every group are given,
//! and what they return.

use async_trait::async_trait;

use super::old_names;
use super::output::printer::{Printer, Reply};
use crate::client::error::Failure;
use crate::client::session::{Account, Session};
use crate::config::ClientConfig;

/// One run of a command: whose it is, and who looks.
pub(crate) struct Invocation {
    /// Calls director and managers.
    pub session: Session,
    /// What `cps-tools.conf` and the command line say.
    pub settings: ClientConfig,
    /// Writes what comes out.
    pub printer: Printer,
    /// Whether the program was called by a name of ConPaaS 2.0's client, as old scripts do.
    pub has_old_name: bool,
}

impl Invocation {
    /// Reads the user's certificates, where there are some. Blocking.
    /// `program` is by which words it was called.
    pub(crate) fn new(settings: ClientConfig, printer: Printer, program: &str) -> Self {
        let session = Session::new(Account::read(&settings), Box::new(move |text| printer.note(text)));
        Invocation { session, settings, printer, has_old_name: old_names::is_one(program) }
    }
}

/// What a sub-command does.
#[async_trait(?Send)]
pub(crate) trait Action {
    /// Does it. What it prints while it works goes through the printer.
    ///
    /// # Errors
    /// In the words that the user sees.
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure>;
}
