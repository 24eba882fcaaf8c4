//! The line on a terminal that shows how far an upload is.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const TEMPLATE: &str = "{spinner} {bytes} of {total_bytes} sent, {binary_bytes_per_sec} ({elapsed})";
const PAUSE: Duration = Duration::from_millis(200);

/// An upload that somebody may look at.
pub(crate) struct UploadLine {
    sent: Arc<AtomicU64>,
    bar: Option<ProgressBar>,
}

impl UploadLine {
    /// Returns the line of an upload of the file at `path`, or one that shows nothing. Blocking for a moment.
    pub(crate) fn new(path: &Path, is_seen: bool) -> Self {
        let bar = is_seen.then(|| {
            let size = path.metadata().map_or(0, |metadata| metadata.len());
            let bar = ProgressBar::new(size);
            if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
                bar.set_style(style);
            }
            bar
        });
        UploadLine { sent: Arc::default(), bar }
    }

    /// Returns where the bytes that are sent are counted.
    pub(crate) fn sent(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.sent)
    }

    /// Shows how far `upload` is until it ends.
    pub(crate) async fn while_sending<T>(&self, upload: impl Future<Output = T>) -> T {
        let Some(bar) = &self.bar else { return upload.await };
        tokio::pin!(upload);
        let outcome = loop {
            tokio::select! {
                outcome = &mut upload => break outcome,
                () = tokio::time::sleep(PAUSE) => bar.set_position(self.sent.load(Ordering::Relaxed)),
            }
        };
        bar.finish_and_clear();
        outcome
    }
}
