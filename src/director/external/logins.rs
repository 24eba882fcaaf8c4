//! The provider of a director, and logins on their way.

use super::provider::{Provider, ProviderError};
use super::underway::{Departed, Returned, Underway};
use crate::config::OpenIdConfig;

/// The provider, and logins on their way.
pub(crate) struct External {
    pub(super) provider: Provider,
    pub(super) departed: Departed,
    pub(super) returned: Returned,
}

impl External {
    /// Reads the files of the configuration. Blocking.
    ///
    /// # Errors
    /// One of them is of no use.
    pub(crate) fn new(config: OpenIdConfig) -> Result<Self, ProviderError> {
        Ok(External { provider: Provider::new(config)?, departed: Underway::new(), returned: Underway::new() })
    }
}
