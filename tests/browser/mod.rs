//! What people do with the pages, and what others try, in Chromium.

mod accessible;
mod external;
mod first_site;
mod furnished;
mod journey;
mod large_file;
mod pictures;
mod stranger;
mod tabs;
mod terminal;
