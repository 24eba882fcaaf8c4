//! The database goes on with the certificate of its node after that was renewed.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::node::MysqlAgent;
use super::sql;
use super::tls::{TlsFiles, place_certificate};
use crate::service::error::MethodError;
use crate::sys::{self, file};

/// Looking costs nothing, and a certificate is renewed long before its end.
const PAUSE: Duration = Duration::from_secs(10);
const RELOAD: &str = "FLUSH SSL; SET GLOBAL wsrep_provider_options = 'socket.ssl_reload=1';";

/// Has the database use the certificate of the node also after that was renewed, until `stop`.
pub(super) async fn keep_renewed(agent: Arc<MysqlAgent>, stop: CancellationToken) {
    // What the database was told of last; whoever placed it.
    let (mut told, mut said) = (Vec::new(), String::new());
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
        let problem = match look(&agent, &mut told).await {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        };
        if problem != said && !problem.is_empty() {
            tracing::error!(target: "conpaas.core.agent", "the database does not use the node's new certificate: {problem}");
        }
        said = problem;
    }
}

async fn look(agent: &Arc<MysqlAgent>, told: &mut Vec<u8>) -> Result<(), MethodError> {
    let wanted = agent.keeper.wanted().await?;
    // A server that starts reads the certificate by itself.
    if !wanted.uses_tls() || (wanted.member.is_some() && !agent.observer.is_serving(&agent.place).await) {
        return Ok(());
    }
    let owner = Arc::clone(agent);
    let placed = sys::blocking(move || {
        place_certificate(&owner.place)?;
        Ok::<_, MethodError>(file::read(&TlsFiles::of(&owner.place).node)?)
    });
    let placed = placed.await?;
    if placed == *told {
        return Ok(());
    }
    if wanted.member.is_some() {
        sql::run(&agent.place.socket(), RELOAD, sql::LIMIT).await.map_err(MethodError::refused)?;
    }
    *told = placed;
    // A member without data has to start again for that.
    agent.keeper.again();
    tracing::info!(target: "conpaas.core.agent", "The database uses the node's new certificate");
    Ok(())
}
