//! Images: root file systems for containers and disks for machines, made from
//! Debian packages by recipes that are data (`images/`).
//!
//! A recipe goes through stages, each of which is a file in the output's `work` directory that is whole or absent:
//! packages (mmdebstrap) → the root file system (overlays, scripts) → for disks, file systems → the disk. A stage's file
//! carries a key over everything that went into it, so a build that was interrupted goes on where it was, and one that
//! has nothing to do does nothing.
//!
//! # Guarantees
//! - The same recipes, packages and `SOURCE_DATE_EPOCH` give the same bytes, whenever and in whichever directory.
//! - No loop device and no mount in this process's namespace; programs run where they can leave nothing behind
//!   ([`crate::sys::contained`]).
//! - An output appears under its name when it is whole; a failed build leaves those of earlier ones untouched.
//! - No image has a machine's identity or a password in it: it is refused otherwise (`seal`).
//!
//! # Assumptions
//! Recipes and Debian's packages are trusted: their scripts run as root. What `--preinstall` names is data, whatever its names.
//!
//! Must not know: clouds, directors, what an image is used for. It asks [`crate::service`] only for the kinds there are.

mod build;
pub(crate) mod disk;
pub(crate) mod publish;
pub(crate) mod recipe;
pub(crate) mod root;
mod workspace;

pub(crate) use build::{BuildOptions, Compression, Outcome, Report, build};
pub(crate) use publish::artefact::Built;
pub(crate) use recipe::architecture::Architecture;
pub use recipe::definition::Output;
pub use recipe::directory::Recipes;
pub use recipe::plan::overview;
