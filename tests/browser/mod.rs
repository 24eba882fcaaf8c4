//! What people do with the pages, and what others try, in Chromium.

mod chromium;
mod journey;
mod pictures;
mod stranger;
mod webdriver;
