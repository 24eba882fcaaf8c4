//! Recipes: what they say, which steps they have, and the plan that is made of them.

pub(crate) mod architecture;
pub(crate) mod cache_key;
pub(crate) mod deb;
pub(crate) mod definition;
pub(crate) mod directory;
pub(crate) mod disk_ids;
pub(crate) mod plan;
pub(crate) mod step;
#[cfg(test)]
pub(crate) mod tests;
