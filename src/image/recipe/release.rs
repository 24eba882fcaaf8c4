//! Releases of Debian that steps may be for.
//!
//! A recipe names any suite; a step that is for one release only names it by its codename.

use std::str::FromStr;

/// A release of Debian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// Debian 12.
    Bookworm,
    /// Debian 13.
    Trixie,
}

impl Release {
    /// All of them.
    const ALL: [Release; 2] = [Release::Bookworm, Release::Trixie];

    /// Returns Debian's name.
    pub(crate) fn codename(self) -> &'static str {
        match self {
            Release::Bookworm => "bookworm",
            Release::Trixie => "trixie",
        }
    }
}

impl FromStr for Release {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Release::ALL.into_iter().find(|release| release.codename() == text).ok_or(())
    }
}
