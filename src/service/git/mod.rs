//! The door by which users push code: an SSH server in the manager's node that lets in the holders of uploaded keys, to one
//! git repository and to nothing else.
//!
//! - [`place`]: where all of it lies.
//! - [`door`]: makes what the door needs, and keeps the SSH server running.
//! - [`rules`]: what a push may bring. Written by the manager, read by the programs that run as the account `git`.
//! - [`run`]: git at work in the repository, as the account.
//! - [`update`]: what a push changed, as git tells its hooks and they tell the manager.
//!
//! # Guarantees
//! - The door is there only while a key is. The host key is made once in a manager's life.
//! - Whoever comes in runs `conpaas git-serve` (`git/`), whatever was asked for.
//! - No hook and no configuration that a push brings is ever read: hooks and configuration belong to root.
//!
//! Must not know: services and their code versions.

mod daemon;
mod door;
mod host_key;
pub(crate) mod place;
mod rules;
mod run;
mod update;

pub(crate) use door::GitDoor;
pub(crate) use rules::Rules;
pub(crate) use run::{git, git_into};
pub(crate) use update::{Pushed, Update};
