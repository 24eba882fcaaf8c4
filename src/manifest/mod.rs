//! Manifests: an application with its services in one file.
//!
//! - [`document`]: its keys, as they are written.
//! - [`mod@read`]: reads one, and names key and line of what is wrong.
//! - [`describe`]: from a service that is there to its entry.
//! - [`mod@order`]: which service comes before which.
//! - [`source`]: where files come from that it names: beside it, or from the web.
//! - [`public`]: which addresses of the web are of no private network.
//!
//! Client and director read a manifest in the same way. Must not know: applications that are there, managers.

mod describe;
mod document;
mod order;
mod public;
mod read;
mod source;

pub(crate) use describe::Described;
pub(crate) use document::{Manifest, ServiceEntry, Start};
pub(crate) use order::order;
pub(crate) use public::is_public;
pub(crate) use read::read;
pub(crate) use source::{Source, host_of};
