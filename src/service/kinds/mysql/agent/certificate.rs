//! The database goes on with the certificate of its node after that was renewed.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::node::MysqlAgent;
use super::sql;
use super::tls::place_certificate;
use crate::service::error::MethodError;
use crate::sys;

/// Looking costs nothing, and a certificate is renewed long before its end.
const PAUSE: Duration = Duration::from_secs(10);
const RELOAD: &str = "FLUSH SSL; SET GLOBAL wsrep_provider_options = 'socket.ssl_reload=1';";

/// Has the database use the certificate of the node also after that was renewed, until `stop`.
pub(super) async fn keep_renewed(agent: Arc<MysqlAgent>, stop: CancellationToken) {
    let (mut is_due, mut said) = (false, String::new());
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
        let problem = match look(&agent, &mut is_due).await {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        };
        if problem != said && !problem.is_empty() {
            tracing::error!(target: "conpaas.core.agent", "the database does not use the node's new certificate: {problem}");
        }
        said = problem;
    }
}

async fn look(agent: &Arc<MysqlAgent>, is_due: &mut bool) -> Result<(), MethodError> {
    let wanted = agent.keeper.wanted().await?;
    if !wanted.uses_tls() {
        return Ok(());
    }
    let owner = Arc::clone(agent);
    *is_due |= sys::blocking(move || place_certificate(&owner.place)).await?;
    if !*is_due {
        return Ok(());
    }
    if wanted.member.is_some() {
        sql::run(&agent.place.socket(), RELOAD, sql::LIMIT).await.map_err(MethodError::refused)?;
    }
    *is_due = false;
    // A member without data has to start again for that.
    agent.keeper.again();
    tracing::info!(target: "conpaas.core.agent", "The database uses the node's new certificate");
    Ok(())
}
