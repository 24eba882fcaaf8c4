//! The first boot of a machine: from an image that is the same for everybody
//! to a machine with its own name, keys, accounts, network and director.
//!
//! [`run()`] is the composition root. What people want is read from the FAT
//! partition ([`settings`], [`imager`]), recorded, and carried out in steps
//! that may be repeated: after a power cut at any line the next boot does the
//! same again and comes to the same end. [`announce`] tells the console at
//! every boot where ConPaaS is; [`take_first_login`] hands out, once, the
//! passwords that were made up.
//!
//! # Guarantees
//! - A boot never stops here: what fails is told and tried again at the next boot.
//! - No password is set before it is recorded, and none is known that was not
//!   made on this machine or given by its owner.
//! - Nothing from the FAT partition is run, or reaches a file or a program unchecked.
//! - Secrets are taken off the FAT partition once they are recorded, and out
//!   of the record once they are applied.
//!
//! Must not know: how a director works inside. It types the commands that people type.

pub(crate) mod imager;
pub mod settings;

mod card;
mod check;
mod console;
mod error;
mod fit;
mod gather;
mod login;
mod place;
mod record;
mod run;
mod step;
mod take;

pub(crate) use check::check_settings;
pub(crate) use console::{announce, reload as reload_console};
pub(crate) use error::FirstBootError;
pub(crate) use place::Place;
pub(crate) use run::RunOptions;
pub(crate) use run::run;
pub(crate) use step::script::forget_script;
pub(crate) use take::take_first_login;
