//! Lines that users add to the configuration of nginx: ConPaaS 2.0's hook files, kept with the service and given to all
//! of its proxies.

use super::methods::SiteSettings;
use crate::api::web::Hooks;
use crate::model::State;
use crate::service::call::Call;
use crate::service::change::Change;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::service::settings::Document;
use crate::store::manager as store;

/// Of each place.
const MAX_BYTES: u64 = 64 << 10;

/// `get_nginx_hooks`.
///
/// # Errors
/// Returns an error if a parameter is left.
pub(crate) async fn get_nginx_hooks<T: SiteSettings>(
    service: ServiceContext,
    call: Call,
) -> Result<Reply, MethodError> {
    call.finish()?;
    let mut settings: T = service.settings().await?.read()?;
    Ok(Reply::of(settings.hooks()))
}

/// `set_nginx_hook`: an empty file takes the lines away. While the service runs, nginx checks them in every proxy; lines
/// that it refuses leave the configuration as it was, and the operation fails with its words.
///
/// # Errors
/// Returns an error if the file is no text, or too large, or the state does not allow it.
pub(crate) async fn set_nginx_hook<T: SiteSettings>(
    service: ServiceContext,
    mut call: Call,
) -> Result<Reply, MethodError> {
    let file = call.file("hook")?;
    let place = call.params.one_of("place", &["server", "rootloc"])?;
    call.finish()?;
    let bytes = file.read(MAX_BYTES).await.map_err(|error| MethodError::refused(error.to_string()))?;
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    let text = text.ok_or_else(|| MethodError::invalid("lines for nginx are a text, without zero bytes"))?;
    let row = service.expect_state(State::CODE_CAN_CHANGE).await?;
    let mut settings: T = service.settings().await?.read()?;
    let Hooks { server, rootloc } = settings.hooks();
    *(if place == "server" { server } else { rootloc }) = text;
    let settings = Document::of(&settings)?;
    if row.state.can_call_nodes() {
        return Ok(Reply::Adapt { reason: "Updating configuration".to_owned(), change: Change::Settings { settings } });
    }
    let (sid, text) = (service.sid, settings.into_text());
    service.store.write(move |tx| store::set_service_settings(tx, sid, text.as_deref())).await?;
    Ok(Reply::nothing())
}
