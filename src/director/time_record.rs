//! The file that remembers when the director last ran. In the default state
//! directory it is also the one by which `conpaas time` sets the clock after power-on.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::clock::{self, Clock};
use crate::sys;

/// Returns where the record is.
pub(crate) fn time_record(state_dir: &Path) -> PathBuf {
    state_dir.join(clock::RECORD_NAME)
}

/// Records the time, again and again, until `stopping` fires.
pub(crate) async fn record_time(state_dir: PathBuf, stopping: CancellationToken) {
    loop {
        let path = time_record(&state_dir);
        let outcome = sys::blocking(move || clock::record(&path, Clock::system().now())).await;
        if let Err(error) = outcome {
            tracing::warn!(error = %error, "cannot record the time");
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(clock::RECORD_INTERVAL) => {}
        }
    }
}
