//! Work that is done again and again while a role runs.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Does some work every now and then, with a pause before each time, until `stop`; what is under way then is broken off.
pub(crate) async fn every<F: Future<Output = ()>>(
    pause: Duration,
    stop: CancellationToken,
    mut work: impl FnMut() -> F,
) {
    let repeated = async {
        loop {
            tokio::time::sleep(pause).await;
            work().await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = repeated => {}
    }
}
