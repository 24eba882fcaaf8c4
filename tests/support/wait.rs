//! Waiting for a condition, with a limit; no test waits for a time to pass.

use std::time::{Duration, Instant};

/// How long a condition may take to come true on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// How long to wait before the next look.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until `ask` returns something, and returns it.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, ask: impl FnMut() -> F) -> T {
    eventually_within(LIMIT, what, ask).await
}

/// The same with another limit.
pub(crate) async fn eventually_within<T, F: Future<Output = Option<T>>>(
    limit: Duration,
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = ask().await {
            return value;
        }
        assert!(Instant::now() < end, "waited in vain until {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits in a thread until `is_so` returns something, and returns it.
pub(crate) fn wait_until<T>(what: &str, is_so: impl FnMut() -> Option<T>) -> T {
    wait_until_within(LIMIT, what, is_so)
}

/// The same with another limit.
pub(crate) fn wait_until_within<T>(limit: Duration, what: &str, is_so: impl FnMut() -> Option<T>) -> T {
    try_until_within(limit, is_so).unwrap_or_else(|| panic!("waited in vain until {what}"))
}

/// Waits in a thread until `is_so` returns something; `None` after the limit.
pub(crate) fn try_until_within<T>(limit: Duration, mut is_so: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        let found = is_so();
        if found.is_some() || Instant::now() > end {
            return found;
        }
        std::thread::sleep(PAUSE);
    }
}
