//! What the manager does about a push: code versions, and their start where a service is to run what is pushed.
//!
//! - [`listen`]: the socket by which git's hook tells of a push, and hears what becomes of it.
//! - [`take`]: makes code versions of a revision.
//! - [`enable`]: enables them where a service wants that.
//!
//! # Guarantees
//! - A revision of `main` or `master` becomes a code version, also when the manager was killed meanwhile: the mark in the
//!   repository that it did comes last.

mod enable;
mod listen;
mod take;

pub(crate) use listen::begin;
