//! What every client of a director and of managers shares: sessions, names, the check of the clock, errors.
//!
//! Must not know: how results are shown to people.

pub(crate) mod clock_check;
pub(crate) mod error;
pub(crate) mod lookup;
pub(crate) mod session;
pub(crate) mod upload;
