//! Recipes: what they say, which steps they have, and the plan that is made of them.
//!
//! A recipe is read and checked whole, so that a plan can be carried out without asking again. A kind of service has its
//! packages in `images/services/kinds/<kind>`; its files there are all that a new kind adds.
//!
//! Must not know how a step is carried out. Nothing here writes, and only `deb.rs` runs a program (`dpkg-deb`).

pub(crate) mod architecture;
pub(crate) mod cache_key;
pub(crate) mod deb;
pub(crate) mod definition;
pub(crate) mod directory;
pub(crate) mod disk_ids;
pub(crate) mod error;
pub(crate) mod name;
pub(crate) mod output;
pub(crate) mod plan;
mod release;
pub(crate) mod step;
#[cfg(test)]
pub(crate) mod tests;
