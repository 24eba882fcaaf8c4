//! The methods of service 0 and those that every service has: one table ([`table`]), one file for each noun
//! (reference: `docs/reference/manager-api.md` §3 and §4).

mod about;
mod describe;
mod exec;
mod git;
mod links;
mod metrics;
mod nodes;
mod operation;
mod parameters;
mod services;
mod startup;
mod storage;
mod table;
mod volumes;

pub(crate) use table::{Addressed, OF_EVERY_SERVICE, OWN};
