//! What an ingress works with: a directory that the director fills, and that may be copied to another machine.
//!
//! It holds the ingress's own certificate and the director's URL. May be made again and again: what is good is kept.

use super::frontend_files::{FrontendFilesError, ensure_client};
use crate::config::DirectorConfig;
use crate::pki::{Authority, Subject};

/// In the director's certificate directory.
const DIRECTORY: &str = "ingress";

/// Makes what is missing or due at `now`, in seconds since 1970. Returns a line for each thing that was made. Blocking.
///
/// # Errors
/// The first step that failed.
pub(crate) fn ensure(
    config: &DirectorConfig,
    authority: &Authority,
    now: i64,
) -> Result<Vec<String>, FrontendFilesError> {
    let is_new = ensure_client(config, &config.cert_dir.join(DIRECTORY), authority, &Subject::ingress(), now)?;
    Ok(is_new.then(|| "issued the ingress's certificate".to_owned()).into_iter().collect())
}
