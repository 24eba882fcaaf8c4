//! The command line client against stand-ins for the director and a manager.

mod certificate;
mod ours;
mod place;
mod session;
