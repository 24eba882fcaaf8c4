//! What a process tells the service manager that started it. Where there is
//! none, as in a container or a test, nothing is told.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

/// Tells that the process is ready.
pub(crate) fn ready() {
    tell(&NotifyState::Ready);
}

/// Tells that the process is about to end.
pub(crate) fn stopping() {
    tell(&NotifyState::Stopping);
}

/// Tells that the process lives.
pub(crate) fn alive() {
    tell(&NotifyState::Watchdog);
}

/// Returns how often [`alive`] should be told; `None` when nobody asks for it.
pub(crate) fn watchdog_pause() -> Option<Duration> {
    // Half of the limit, as sd_watchdog_enabled(3) advises.
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

/// Tells that the process lives, as often as its unit asks for, until it stops.
pub(crate) async fn watchdog(stopping: CancellationToken) {
    let Some(pause) = watchdog_pause() else { return };
    loop {
        alive();
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn tell(state: &NotifyState<'_>) {
    let _no_service_manager_is_fine = sd_notify::notify(std::slice::from_ref(state));
}
