//! The command line client against stand-ins for the director and a manager.

mod backend;
mod certificate;
mod local;
mod outcome;
mod place;
mod real;
mod replay;
mod scripted;
mod session;
mod sites;
