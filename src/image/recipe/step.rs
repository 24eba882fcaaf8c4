//! The steps of a recipe: numbered files and directories.
//!
//! `NN-name[.architecture][.release].kind`, in the recipe's directory, in those of its parts and of the chosen kinds of service.

use std::path::{Path, PathBuf};

use super::architecture::Architecture;
use super::error::RecipeError;
use super::release::Release;
use crate::sys::file::FileError;

/// The work of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepKind {
    /// Names Debian packages, which are installed together with those of all other steps.
    Packages,
    /// Is the tree of a small Debian package of our own, which is installed with the others.
    Deb,
    /// Is a tree that is laid over the root.
    Overlay,
    /// Is a shell script on the machine that builds.
    Script,
    /// Is a shell script inside the root.
    Chroot,
    /// Is a shell script on the machine that builds, which fills the boot partition.
    Boot,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Its file's name, which begins with the number and sorts the steps.
    pub name: String,
    /// Its work.
    pub kind: StepKind,
    /// Its file or directory.
    pub path: PathBuf,
}

impl Step {
    /// Returns whether it is carried out before the packages are installed.
    pub(crate) fn is_early(&self) -> bool {
        self.name.starts_with('0')
    }

    /// Returns the directory of data for scripts, beside the step; it need not be there.
    pub(crate) fn files(&self) -> PathBuf {
        self.path.with_file_name(FILES)
    }
}

/// Files and directories that may stand beside steps.
const FILES: &str = "files";
const BESIDE_STEPS: [&str; 4] = ["recipe.toml", "README.md", FILES, KINDS];
/// The file that makes a tree that of a Debian package.
const CONTROL: &str = "DEBIAN/control";
/// Holds one directory of steps for each kind of service.
pub(crate) const KINDS: &str = "kinds";

/// For whom the steps of a recipe are carried out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// The machine.
    pub architecture: Architecture,
    /// The recipe's suite.
    pub suite: &'a str,
}

/// Reads the steps in `directory` that are for `target`, unsorted. Blocking.
///
/// # Errors
/// A file that is neither a step nor what may stand beside one, or of the wrong type.
pub(crate) fn read_steps(directory: &Path, target: Target<'_>) -> Result<Vec<Step>, RecipeError> {
    let fail = |source| RecipeError::File(FileError::new("read the steps in", directory, source));
    let mut steps = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if BESIDE_STEPS.contains(&name.as_str()) {
            continue;
        }
        let Parsed { kind, architecture, release } = parse(&name).ok_or_else(|| RecipeError::NoStep(path.clone()))?;
        let step = Step { name, kind, path };
        check(&step)?;
        let is_for_release = release.is_none_or(|only| only.codename() == target.suite);
        if is_for_release && architecture.is_none_or(|only| only == target.architecture) {
            steps.push(step);
        }
    }
    Ok(steps)
}

fn check(step: &Step) -> Result<(), RecipeError> {
    let wants_directory = matches!(step.kind, StepKind::Overlay | StepKind::Deb);
    let metadata = std::fs::symlink_metadata(&step.path)
        .map_err(|source| RecipeError::File(FileError::new("read", &step.path, source)))?;
    if metadata.is_symlink() || metadata.is_dir() != wants_directory {
        let wanted = if wants_directory { "a directory" } else { "a file" };
        return Err(RecipeError::StepType { path: step.path.clone(), wanted });
    }
    if step.kind == StepKind::Deb && !step.path.join(CONTROL).is_file() {
        return Err(RecipeError::StepType {
            path: step.path.clone(),
            wanted: "the tree of a package, with DEBIAN/control",
        });
    }
    if step.is_early() && step.kind != StepKind::Overlay {
        return Err(RecipeError::EarlyStep(step.path.clone()));
    }
    Ok(())
}

/// What a step's name says besides its number and its words.
#[derive(Debug, PartialEq, Eq)]
struct Parsed {
    kind: StepKind,
    architecture: Option<Architecture>,
    release: Option<Release>,
}

fn parse(name: &str) -> Option<Parsed> {
    let (stem, kind) = name.rsplit_once('.')?;
    let kind = match kind {
        "packages" => StepKind::Packages,
        "deb" => StepKind::Deb,
        "overlay" => StepKind::Overlay,
        "script" => StepKind::Script,
        "chroot" => StepKind::Chroot,
        "boot" => StepKind::Boot,
        _ => return None,
    };
    let mut parts = stem.split('.');
    let (number, words) = parts.next()?.split_once('-')?;
    let (mut architecture, mut release) = (None, None);
    for word in parts {
        if let Ok(named) = word.parse() {
            let is_second = release.is_some() || architecture.replace(named).is_some();
            (!is_second).then_some(())?;
        } else {
            let is_second = release.replace(word.parse().ok()?).is_some();
            (!is_second).then_some(())?;
        }
    }
    let is_number = number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let are_words = !words.is_empty() && words.chars().all(is_word);
    (is_number && are_words).then_some(Parsed { kind, architecture, release })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steps_name_says_when_where_and_what() {
        let named = |kind, architecture, release| Some(Parsed { kind, architecture, release });
        let (arm64, trixie) = (Some(Architecture::Arm64), Some(Release::Trixie));
        assert_eq!(parse("10-base.packages"), named(StepKind::Packages, None, None));
        assert_eq!(parse("20-kernel.arm64.script"), named(StepKind::Script, arm64, None));
        assert_eq!(parse("20-kernel.trixie.packages"), named(StepKind::Packages, None, trixie));
        assert_eq!(parse("20-kernel.arm64.trixie.overlay"), named(StepKind::Overlay, arm64, trixie));
        for wrong in [
            "base.packages",
            "1-base.packages",
            "10-.packages",
            "10-base",
            "10-base.txt",
            "10-b.mips.boot",
            "10-b.woody.boot",
            "10-b.trixie.arm64.boot",
            "10-b.arm64.arm64.boot",
            "10-b.trixie.bookworm.boot",
            "10-B.boot",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
