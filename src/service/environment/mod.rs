//! The environment of programs: variables that a service's user set, and those of what it is linked to.
//!
//! - [`variables`]: which variables there may be, and those of a link.
//! - [`files`]: the same in files of a node, for programs that read no environment.

mod files;
mod variables;

pub(crate) use files::LinkFiles;
pub(crate) use variables::{Account, Offer, is_plain_name, of_links, parse};
