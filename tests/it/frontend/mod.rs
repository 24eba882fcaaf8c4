//! The web frontend through its own door: real TLS, a real director, nodes as processes, browsers without a script.

mod administration;
mod beyond;
mod external;
mod gate;
mod hostile;
mod journey;
mod routes;
mod terminal;
