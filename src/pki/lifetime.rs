//! How long certificates are good.

use std::time::Duration;

use time::OffsetDateTime;

use super::subject::Subject;
use crate::clock;
use crate::model::CertificateRole;

/// The time by which a node's certificate is good before its issue, so that a
/// peer whose clock is a little behind takes it.
pub(crate) const BACKDATED_SECONDS: i64 = 24 * 3600;

/// The time for which a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime(pub Duration);

impl Lifetime {
    /// The authority's own: ten years.
    pub const AUTHORITY: Lifetime = Lifetime(Duration::from_secs(3650 * 24 * 3600));
    /// The director's: five years, as upstream.
    pub const DIRECTOR: Lifetime = Lifetime(Duration::from_secs(1826 * 24 * 3600));
    /// A user's: one year, as upstream.
    pub const USER: Lifetime = Lifetime(Duration::from_secs(365 * 24 * 3600));
    /// A web server's: a month less than browsers bear, renewed when a third of it is left.
    pub const WEB: Lifetime = Lifetime(Duration::from_secs(366 * 24 * 3600));
    /// A node's: thirty days, renewed while it runs.
    pub const NODE: Lifetime = Lifetime(Duration::from_secs(30 * 24 * 3600));
}

/// Returns the time from which a certificate is good. A machine without a clock may go back
/// to a time before the one at which it was issued, but never to one before
/// its program was built; what lives for years is good from then on. A node
/// gets a new one whenever it starts.
pub(super) fn begin(subject: &Subject, now: OffsetDateTime) -> OffsetDateTime {
    match subject.role {
        Some(CertificateRole::Manager | CertificateRole::Agent) => now,
        _ => OffsetDateTime::from_unix_timestamp(clock::build_time().timestamp()).map_or(now, |built| built.min(now)),
    }
}
