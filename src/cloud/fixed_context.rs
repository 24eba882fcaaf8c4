//! A context for tests that never changes.

use std::net::Ipv4Addr;
use std::sync::Arc;

use async_trait::async_trait;

use super::{ContextError, ContextFile, NodeContext};

struct Fixed {
    files: Vec<ContextFile>,
}

/// A context of these files; its invitation names none of them.
pub(crate) fn fixed(files: Vec<ContextFile>) -> Arc<dyn NodeContext> {
    Arc::new(Fixed { files })
}

#[async_trait]
impl NodeContext for Fixed {
    fn files(&self, _address: Ipv4Addr) -> Result<Vec<ContextFile>, ContextError> {
        Ok(self.files.clone())
    }

    async fn invitation(&self) -> Result<String, ContextError> {
        Ok("#an invitation\n".to_owned())
    }
}
