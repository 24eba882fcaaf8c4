//! Where the machine is in its life, whatever the time of day is.

use std::sync::OnceLock;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::model::SinceBoot;
use crate::sys::{file, random};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Returns how long the machine has run since it was booted; sleep does not count.
/// Setting the clock does not change it.
#[must_use]
pub(crate) fn since_boot() -> SinceBoot {
    // Only an unknown clock fails, and every Linux knows this one.
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
    SinceBoot { boot: boot().to_owned(), seconds: i64::try_from(time.as_secs()).unwrap_or(i64::MAX) }
}

/// Returns the kernel's name of this boot; where it has none, each process is a boot of its own.
fn boot() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(|| match file::read_text(BOOT_ID.as_ref()) {
        Ok(text) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => format!("unknown-{}", random::alphanumeric(16)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_looks_are_of_one_boot_and_in_order() {
        let (first, second) = (since_boot(), since_boot());
        assert_eq!(first.boot, second.boot);
        assert!(!first.boot.starts_with("unknown-") && second.seconds >= first.seconds && first.seconds > 0);
    }
}
