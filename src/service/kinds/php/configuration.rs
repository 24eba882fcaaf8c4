//! The methods that show and change what is set of a php service.

use super::settings::PhpSettings;
use crate::api::params::bad;
use crate::api::web::{Cdn, CdnView, PhpConfiguration};
use crate::model::State;
use crate::service::call::Call;
use crate::service::care::is_autoscaling;
use crate::service::change::Change;
use crate::service::code;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::service::settings::Document;
use crate::service::web::document_root;
use crate::store::manager as store;

const REASON: &str = "Updating configuration";

/// `get_configuration`.
pub(super) async fn get(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let settings: PhpSettings = service.settings().await?.read()?;
    let code_version = service.row().await?.active_code.unwrap_or_default();
    let cdn = shown_cdn(settings.cdn);
    let autoscaling = is_autoscaling(&service).await?;
    let PhpSettings { phpconf, document_root, .. } = settings;
    Ok(Reply::of(&PhpConfiguration { cdn, code_version, autoscaling, document_root, phpconf }))
}

/// `list_code_versions`: each with the document root that it was last served with.
pub(super) async fn list_codes(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    let root = |settings| {
        let settings: PhpSettings = Document::new(Some(settings)).read().ok()?;
        Some(settings.document_root.unwrap_or_default())
    };
    code::list_with(service, call, root).await
}

/// `update_php_configuration`: another code version, other values of php.ini, another document root, or all of them.
pub(super) async fn update(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let version = code::take_optional_version(&service, &mut call).await?;
    let phpconf = call.params.object_or_empty("phpconf")?;
    let root = call.params.optional("documentRoot").map(|root| root.as_str().map(document_root::read));
    call.finish()?;
    if version.is_none() && phpconf.is_empty() && root.is_none() {
        return Err(MethodError::refused("Missing argument \"at least one of \"codeVersionId\" or \"phpconf\"\""));
    }
    let mut settings: PhpSettings = service.settings().await?.read()?;
    for (key, value) in &phpconf {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        settings.set(key, &text)?;
    }
    let is_changed = !phpconf.is_empty() || root.is_some();
    if let Some(root) = root {
        settings.document_root = root.ok_or_else(|| bad("documentRoot", "it is no text"))??;
    }
    let row = service.expect_state(State::CODE_CAN_CHANGE).await?;
    let settings = Document::of(&settings)?;
    if row.state.can_call_nodes() {
        let change = match version {
            Some(version) if !is_changed => Change::Code { version: version.id },
            None => Change::Settings { settings },
            Some(version) => Change::Both { version: version.id, settings },
        };
        return Ok(Reply::Adapt { reason: REASON.to_owned(), change });
    }
    let (sid, text) = (service.sid, settings.into_text());
    let kept = service.store.write(move |tx| {
        version.map_or(Ok(()), |version| store::set_active_code(tx, sid, &version.id))?;
        store::set_service_settings(tx, sid, text.as_deref())
    });
    kept.await?;
    Ok(Reply::nothing())
}

/// `cdn_enable`: the address is kept, whatever `enable` says, as ConPaaS 2.0 does.
pub(super) async fn cdn_enable(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let _of_no_effect = call.params.boolean("enable")?;
    let address = call.params.string_or("address", "")?;
    call.finish()?;
    let mut settings: PhpSettings = service.settings().await?.read()?;
    settings.cdn = (!address.is_empty()).then_some(address);
    let (sid, text) = (service.sid, Document::of(&settings)?.into_text());
    service.store.write(move |tx| store::set_service_settings(tx, sid, text.as_deref())).await?;
    Ok(Reply::of(&CdnView { cdn: shown_cdn(settings.cdn) }))
}

fn shown_cdn(address: Option<String>) -> Cdn {
    address.map_or(Cdn::Off(false), Cdn::Address)
}
