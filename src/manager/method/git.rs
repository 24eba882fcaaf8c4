//! What a push into the manager's git repository brings.

use std::sync::Arc;

use crate::manager::core::Manager;
use crate::model::CodeFormat;
use crate::service::code::repository_head;
use crate::service::{Call, MethodError, Reply, now};
use crate::store::StoreError;
use crate::store::manager::{self as store, CodeRow};

pub(crate) async fn git_push_hook(manager: Arc<Manager>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let head = repository_head(&manager.config.base).await?;
    let id = format!("git-{}", head.revision);
    let rows = manager.store.read(store::list_services).await?;
    let services = rows.into_iter().filter_map(|row| manager.service(row));
    let takers = services.filter(|service| service.kind.manager.has_git_code());
    let takers: Vec<_> = takers.map(|service| service.row.sid).collect();
    let code = CodeRow {
        id: id.clone(),
        filename: head.revision,
        description: head.subject,
        format: CodeFormat::Git,
        time: now(),
        notes: Vec::new(),
    };
    let added = manager.store.write(move |tx| {
        takers.iter().try_for_each(|sid| store::insert_code(tx, *sid, &code))?;
        Ok::<_, StoreError>(())
    });
    added.await?;
    Ok(Reply::of(&format!("code version: {id}")))
}
