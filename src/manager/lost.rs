//! A manager that has lost its database: it says so to whoever calls, and
//! does not start from nothing. Its services and their nodes are not forgotten
//! by that; a database that is put back is used by its next start.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::dispatch::is_accepted;
use crate::config::ManagerConfig;
use crate::node::Dispatch;
use crate::pki::Identity;
use crate::rpc::{Response, RpcRequest};
use crate::service::{MethodError, respond};
use crate::store::{Store, manager as store};
use crate::sys::chain;
use crate::sys::file::FileError;

/// Answers every call with what is wrong.
pub(crate) struct LostDispatch {
    pub(crate) config: Arc<ManagerConfig>,
    pub(crate) reason: String,
}

#[async_trait]
impl Dispatch for LostDispatch {
    fn accepts(&self, identity: &Identity) -> bool {
        is_accepted(&self.config, identity)
    }

    async fn dispatch(&self, request: RpcRequest) -> Response {
        respond(Err(MethodError::refused(self.reason.clone())), &request.method, &request.id).await
    }
}

/// Opens the manager's database; makes it if this is the manager's first
/// start. The inner error says what became of one that was there. Blocking.
///
/// # Errors
/// The directory cannot be written.
pub(crate) fn open_database(path: &Path) -> Result<Result<Store, String>, FileError> {
    let begun = begun(path);
    let has_begun = begun.exists();
    let lost = |why: &str| {
        format!(
            "the manager's database {} {why}: its services are not known any more; put the file back and end the \
             manager's process, or stop the application and start it again",
            path.display()
        )
    };
    if has_begun && std::fs::metadata(path).map_or(0, |found| found.len()) == 0 {
        return Ok(Err(lost("is gone or empty")));
    }
    let opened = Store::open(path, store::MIGRATIONS).and_then(|store| store.check().map(|()| store));
    let store = match opened {
        Ok(store) => store,
        Err(error) => return Ok(Err(lost(&format!("cannot be used ({})", chain(&error))))),
    };
    if !has_begun {
        // Without waiting for the disk: a power cut takes it back with what was begun.
        std::fs::write(&begun, "").map_err(|source| FileError::new("write", &begun, source))?;
    }
    Ok(Ok(store))
}

/// Says that there was a database: it is there from the first start on.
fn begun(path: &Path) -> PathBuf {
    path.with_extension("begun")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_made_once_and_its_loss_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("manager.db");
        for _ in 0..2 {
            assert!(open_database(&path).unwrap().is_ok());
        }
        let aside = directory.path().join("aside.db");
        std::fs::rename(&path, &aside).unwrap();
        let told = || open_database(&path).unwrap().err().unwrap();
        assert!(told().contains("is gone or empty"));
        assert!(!path.exists(), "it does not start from nothing");
        std::fs::write(&path, "").unwrap();
        assert!(told().contains("is gone or empty"));
        std::fs::write(&path, "no database at all, but long enough to be read as one".repeat(40)).unwrap();
        assert!(told().contains("cannot be used"));
        std::fs::rename(&aside, &path).unwrap();
        assert!(open_database(&path).unwrap().is_ok(), "what is put back is used");
    }
}
