//! Why a node does not come up.

use std::time::Duration;

use crate::cloud::{CloudError, ContextError};
use crate::director::error::Failure;
use crate::rpc::{Endpoint, TlsError};
use crate::store::StoreError;
use crate::sys::chain;

/// Why a node did not come up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BringUpError {
    /// Its cloud failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its context cannot be made.
    #[error("cannot prepare the node: {0}")]
    Context(String),
    /// It was made and never answered.
    #[error("the node at {endpoint} did not answer within {} s: {last}{console}", limit.as_secs())]
    Silent {
        /// Where.
        endpoint: Endpoint,
        /// The time it had.
        limit: Duration,
        /// The last failure.
        last: String,
        /// The end of its console, if there is one.
        console: String,
    },
    /// It ended while it was made, and again when it was started anew.
    #[error("the node ended while it was made, {n_deaths} times{console}")]
    Died {
        /// How often.
        n_deaths: u32,
        /// The end of its console, if there is one.
        console: String,
    },
    /// It was stopped meanwhile.
    #[error("the node is not wanted any more")]
    Unwanted,
}

impl From<ContextError> for BringUpError {
    fn from(error: ContextError) -> Self {
        BringUpError::Cloud(CloudError::Context(error))
    }
}

impl From<TlsError> for BringUpError {
    fn from(error: TlsError) -> Self {
        BringUpError::Context(chain(&error))
    }
}

impl From<Failure> for BringUpError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => BringUpError::Store(error),
            Failure::CloudFailed(error) => BringUpError::Cloud(error),
            other => BringUpError::Context(other.to_string()),
        }
    }
}
