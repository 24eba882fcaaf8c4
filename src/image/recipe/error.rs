//! Why a recipe cannot be used.
//!
//! Lies below all other files about recipes, so that each of them can say it.

use std::path::PathBuf;

use super::architecture::Architecture;
use crate::sys::file::FileError;

/// A value in `recipe.toml` that cannot be used, before it is known in which file it stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ValueError {
    /// The key.
    pub key: &'static str,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl ValueError {
    /// Returns the error of the value of `key`.
    pub(super) fn new(key: &'static str, reason: String) -> Self {
        ValueError { key, reason }
    }
}

/// Why a recipe cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// There are no recipes in this directory.
    #[error("there are no recipes in {}: name their directory with --recipes DIR", .0.display())]
    NoRecipes(PathBuf),
    /// No recipe of this name.
    #[error("there is no recipe '{name}'; there is {known}")]
    Unknown {
        /// The name.
        name: String,
        /// All names.
        known: String,
    },
    /// `recipe.toml` is not what it must be.
    #[error("{} line {line}: {text}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// Where in it.
        line: usize,
        /// What is wrong.
        text: String,
    },
    /// A value in `recipe.toml` cannot be used.
    #[error("{}: {key}: {reason}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A file that is no step.
    #[error(
        "{} is no step: call it NN-name.packages, .deb, .overlay, .script, .chroot or .boot, with .amd64, .arm64 or .armhf, and then \
         .bookworm or .trixie, before that if it is for one machine or release, or put it into files/", .0.display()
    )]
    NoStep(PathBuf),
    /// A directory in place of a file, or the other way round.
    #[error("{} must be {wanted}", path.display())]
    StepType {
        /// The step.
        path: PathBuf,
        /// What it must be.
        wanted: &'static str,
    },
    /// Something other than an overlay comes before the packages.
    #[error("{}: steps 00 to 09 come before the packages, so only overlays can have such a number", .0.display())]
    EarlyStep(PathBuf),
    /// Two steps of one name.
    #[error("{} and {} have the same name: rename one of them", .0.display(), .1.display())]
    SameStep(PathBuf, PathBuf),
    /// A boot step in a recipe without a boot partition.
    #[error("{}: a directory has no boot partition, so there can be no .boot step", .0.display())]
    BootStep(PathBuf),
    /// A part that is not there.
    #[error("recipe {recipe} names the part '{part}', and there is no directory {}", directory.display())]
    Part {
        /// The recipe.
        recipe: String,
        /// The part.
        part: String,
        /// Where it must be.
        directory: PathBuf,
    },
    /// The recipe cannot be made for this architecture.
    #[error("recipe {recipe} cannot be made for {wanted}, only for {offered}")]
    Architecture {
        /// The recipe.
        recipe: String,
        /// What was asked for.
        wanted: String,
        /// What it offers.
        offered: String,
    },
    /// RecipeDirectory that contain each other.
    #[error("these recipes contain each other: {}", .0.join(" → "))]
    Cycle(Vec<String>),
    /// A line that names no package.
    #[error("{} line {line}: '{text}' is no package's name", path.display())]
    Package {
        /// The file.
        path: PathBuf,
        /// Where in it.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// A kind of service without a directory.
    #[error("there is nothing for the service kind '{kind}' in {}; there is {known}", directory.display())]
    Kind {
        /// The kind.
        kind: String,
        /// Where kinds are.
        directory: PathBuf,
        /// All kinds there.
        known: String,
    },
    /// Kinds were chosen, and nothing that is made knows kinds.
    #[error("recipe {0} contains no root file system of containers, so --service and --preinstall mean nothing to it")]
    NoContainers(String),
    /// A package of ours that was not found.
    #[error(
        "recipe {recipe} needs the Debian package {package} for {architecture}: `make dist ARCH={architecture}` makes it, or name \
         it with --package FILE"
    )]
    NoDeb {
        /// The recipe.
        recipe: String,
        /// The package.
        package: String,
        /// For which machines.
        architecture: Architecture,
    },
    /// A file failed.
    #[error(transparent)]
    File(#[from] FileError),
}
