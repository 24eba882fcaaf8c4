//! The time now, as the wire writes it: ISO 8601 with microseconds and no zone.

/// Returns the local time now.
pub(crate) fn local_now() -> String {
    chrono::Local::now().format("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

/// Returns the UTC time now.
pub(crate) fn utc_now() -> String {
    chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}
