//! Tests that start themselves again, in namespaces of their own.

use std::process::{Command, Stdio};

/// Runs the test `name` again by `unshare`, with `variable` saying so to it, and fails as it fails.
pub(crate) fn run_inside(mut unshare: Command, variable: &str, name: &str) {
    let status = unshare
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(variable, name)
        .stdin(Stdio::null())
        .status()
        .expect("util-linux has unshare");
    assert!(status.success(), "{name} failed inside its world: {status}");
}
