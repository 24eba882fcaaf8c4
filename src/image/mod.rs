//! Images: root file systems for containers and disks for machines, made from
//! Debian packages by recipes that are data (`images/`).
//!
//! A recipe goes through stages, each of which is a file in the output's `work` directory that is whole or absent:
//! packages (mmdebstrap) → the root file system (overlays, scripts) → for disks, file systems → the disk. A stage's file
//! carries a key over everything that went into it, so a build that was interrupted goes on where it was, and one that
//! has nothing to do does nothing.
//!
//! # Guarantees
//! - The same recipes, packages and `SOURCE_DATE_EPOCH` make the same bytes, at any time and in any directory.
//! - No loop device and no mount in this process's namespace; programs run where they can leave nothing behind
//!   ([`crate::sys::contained`]).
//! - An output appears under its name when it is whole; a failed build leaves those of earlier ones untouched.
//! - No image has a machine's identity or a password in it: it is refused otherwise (`root/sysprep.rs`).
//!
//! # Errors
//! Every function that writes or runs a program also fails when the disk is full, and when the build is asked to stop.
//!
//! # Assumptions
//! Recipes and Debian's packages are trusted: their scripts run as root. `--preinstall` names data, whatever its files are called.
//!
//! # Parts
//! [`recipe`] reads what is to be made, [`root`] makes root file systems, [`disk`] makes disks of them, and [`publish`] tells
//! people what there is. `build.rs` puts these together.
//!
//! Must not know: clouds, directors, what an image is used for. It asks [`crate::service`] only for the names of kinds.

mod build;
pub(crate) mod disk;
mod options;
pub(crate) mod publish;
pub(crate) mod recipe;
mod report;
mod requirements;
pub(crate) mod root;
mod workspace;

pub(crate) use build::build;
pub(crate) use options::{BuildOptions, Compression};
pub(crate) use publish::artefact::Built;
pub use recipe::architecture::Architecture;
pub use recipe::directory::RecipeDirectory;
pub use recipe::output::Output;
pub use recipe::plan::overview;
pub(crate) use report::Report;
