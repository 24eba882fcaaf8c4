//! `enable_code`: which code version a service runs.

use serde::{Deserialize, Serialize};

use super::versions::take_version;
use crate::model::State;
use crate::service::call::Call;
use crate::service::context::ServiceContext;
use crate::service::reply::{MethodError, Reply};
use crate::service::work::Work;
use crate::store::manager as store;

/// What a kind's `on_adapt` is given when a version is enabled while the service works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EnableCode {
    /// The id of the version.
    #[serde(rename = "codeVersionId")]
    pub version: String,
}

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
    let row = service.expect_state(&[State::Init, State::Stopped, State::Running]).await?;
    if row.state != State::Running {
        activate(&service, &code.id).await?;
        return Ok(Reply::nothing());
    }
    check(service).await?;
    let work = Work::of(&EnableCode { version: code.id });
    Ok(Reply::Adapt { reason: "Updating configuration".to_owned(), work })
}

/// Notes which version is active.
pub(super) async fn activate(service: &ServiceContext, version: &str) -> Result<(), MethodError> {
    let (sid, version) = (service.sid, version.to_owned());
    Ok(service.store.write(move |tx| store::set_active_code(tx, sid, &version)).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_an_older_program_recorded_is_read() {
        let work: Work = serde_json::from_str(r#"{"codeVersionId": "code-a"}"#).unwrap();
        assert_eq!(work.read::<EnableCode>().unwrap(), EnableCode { version: "code-a".to_owned() });
        assert_eq!(Work::of(&EnableCode { version: "code-a".to_owned() }), work);
    }
}
