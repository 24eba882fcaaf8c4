//! The door of the director: routes, who may call them, and one file for each noun.
//!
//! A handler extracts, asks for the deed, and shows the result. Must not know: transactions and clouds.

mod accounts;
mod administration;
mod applications;
mod call;
mod certificates;
mod credits;
mod downloads;
mod events;
mod external;
mod failure;
mod information;
mod join;
mod manifests;
mod nodes;
mod published;
mod routes;
mod services;
mod totp;
mod user_info;
mod volumes;

pub use call::Access;
pub(crate) use routes::answer;
pub use routes::route_table;
