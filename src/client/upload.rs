//! Files that go to a manager.

use std::path::Path;

use super::error::Failure;
use crate::rpc::RpcCall;

/// Adds the file at `path` to an upload, under its own name. Blocking for the time of opening it.
///
/// # Errors
/// It cannot be read.
pub(crate) fn with_file(call: RpcCall, parameter: &str, path: &Path) -> Result<RpcCall, Failure> {
    if !is_readable(path) {
        return Err(Failure::said(format!("cannot read the file '{}'", path.display())));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(call.file(parameter, path, &name))
}

/// Whether there is a file that may be read.
pub(crate) fn is_readable(path: &Path) -> bool {
    path.is_file() && std::fs::File::open(path).is_ok()
}
