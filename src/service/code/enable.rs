//! `enable_code`: which code version a service runs.

use super::versions::take_version;
use crate::model::State;
use crate::node::Level;
use crate::service::call::Call;
use crate::service::change::Change;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::store::manager as store;

/// Enables a version: at once without nodes, by an operation with them. `check` refuses what the
/// kind does not allow while its nodes work.
///
/// # Errors
/// No such version, a state that does not allow it, or what `check` says.
pub(crate) async fn enable_code<F>(
    service: ServiceContext,
    mut call: Call,
    check: impl FnOnce(ServiceContext) -> F,
) -> Result<Reply, MethodError>
where
    F: Future<Output = Result<(), MethodError>>,
{
    let code = take_version(&service, &mut call).await?;
    call.finish()?;
    for note in &code.notes {
        service.note(Level::Warning, &format!("Code version '{}': {note}", code.id));
    }
    let row = service.expect_state(State::CODE_CAN_CHANGE).await?;
    if !row.state.can_call_nodes() {
        let sid = service.sid;
        service.store.write(move |tx| store::set_active_code(tx, sid, &code.id)).await?;
        return Ok(Reply::nothing());
    }
    check(service).await?;
    let change = Change::Code { version: code.id };
    Ok(Reply::Adapt { reason: "Updating configuration".to_owned(), change })
}
