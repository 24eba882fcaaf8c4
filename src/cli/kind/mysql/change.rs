//! What all sub-commands of a database that change it have in common.

use crate::api::Accepted;
use crate::cli::invocation::Invocation;
use crate::client::error::Failure;
use crate::client::lookup::FoundService;
use crate::client::wait::{self, Awaited};
use crate::model::State;

/// The kind's name.
pub(crate) const NAME: &str = "mysql";

/// Waits for the end of a change, and tells why it failed if it did.
///
/// # Errors
/// The change failed, or nobody knows what became of it.
pub(super) async fn expect_done(
    run: &Invocation,
    found: &FoundService,
    operation: &Accepted,
    what: &str,
) -> Result<(), Failure> {
    let awaited = Awaited { operation, ends: &[State::Running] };
    let end = wait::for_service(&run.session, found, awaited, &|_| {}).await?;
    if !end.is_failure {
        return Ok(());
    }
    let reason = end.reason.unwrap_or_else(|| "its manager does not say why".to_owned());
    Err(Failure::said(format!("{what}: {reason}")))
}
