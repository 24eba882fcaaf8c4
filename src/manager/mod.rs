//! The manager of one application.

use std::process::ExitCode;

use crate::service::node::Options;

/// placeholder until the next slice
pub fn run(_options: &Options) -> ExitCode {
    ExitCode::FAILURE
}
