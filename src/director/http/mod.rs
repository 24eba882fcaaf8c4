//! The door of the director: routes, who may call them, and one file for each noun.
//!
//! A handler extracts, asks for the deed, and shows the result. It must not know: transactions and clouds.

pub(crate) mod certificates;
pub(crate) mod downloads;
pub(crate) mod information;
pub(crate) mod routes;
pub(crate) mod user_info;
