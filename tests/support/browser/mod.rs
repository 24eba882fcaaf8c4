//! Debian's Chromium as people use it, and what it sees.

pub(crate) mod axe;
pub(crate) mod chromium;
mod webdriver;
