//! The settings that people give a machine before its first boot: `conpaas.txt`, Raspberry
//! Pi Imager's customisation, the image's own defaults.
//!
//! Each source is read into [`Entry`] values, `key = value` with the place
//! where it stands; [`resolve()`] makes them one checked [`Settings`].
//!
//! # Guarantees
//! - Whatever the sources hold, settings come out: what cannot be used is a
//!   [`Problem`] that names file, line, key and what would be right.
//! - No value reaches a file or a program of the system unchecked.
//!
//! Must not know: where anything is written on the machine.

mod checked;
mod entry;
mod keys;
mod plan;
mod resolve;
mod text;
mod value;

pub use checked::{Account, AccountPassword, FirstUser, Lan, MachineRole, Settings, Wifi, WifiSecret};
pub(crate) use entry::{Entry, Origin, Problem};
pub(crate) use keys::is_secret;
pub use resolve::resolve;
pub use text::read;
pub(crate) use text::{MAX_BYTES, masked};
pub(crate) use value::{KEY_TYPES, flag};

#[cfg(test)]
mod tests;
