//! The welcome page of a machine: `http://<name>.local/`.
//!
//! It says what this machine is, how to reach its director and how to check
//! that it is the right one; and it gives the first login away, once.
//!
//! # Guarantees
//! - This role holds no secret and may read none: the first login comes from
//!   root, over a socket, when somebody asks for it, and is gone then.
//! - Only neighbours on the local network are answered, never a container;
//!   no page of another site can ask in a visitor's name ([`guard`]).
//! - Pages need no script and load nothing from elsewhere.
//!
//! Must not know: how a machine is set up, how a director works inside.

mod guard;
mod options;
mod page;
mod routes;
mod run;

pub(crate) use options::WebOptions;
pub(crate) use run::run;
