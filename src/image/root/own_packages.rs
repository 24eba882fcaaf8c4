//! Packages of our own, as an archive that apt reads: files that were named or
//! found, and small ones that are made of trees in a recipe.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use anyhow::{Context, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use super::job::{Job, Tool};
use super::overlay;
use crate::image::recipe::deb::Deb;
use crate::image::recipe::step::Step;
use crate::image::workspace::Scratch;

/// What stands for itself in the path of a URL is not encoded.
const IN_A_URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_');

/// An archive on this machine.
pub(crate) struct OwnPackages {
    /// A line of apt's sources.
    pub source: String,
    /// The packages in it.
    pub packages: Vec<String>,
}

/// Makes the archive in `scratch`; there is none if a plan has no such packages.
///
/// # Errors
/// A tree is not that of a package.
pub(crate) async fn make(job: &Job<'_>, scratch: &Scratch) -> Result<Option<OwnPackages>> {
    let plan = job.plan;
    if plan.debs.is_empty() && plan.own_packages.is_empty() {
        return Ok(None);
    }
    let archive = scratch.directory("ours")?;
    let mut debs = plan.debs.clone();
    for step in &plan.own_packages {
        let made = pack(job, scratch, step).await.with_context(|| format!("{} is no package", step.path.display()))?;
        debs.push(made);
    }
    let mut entries = Vec::new();
    for (number, deb) in debs.iter().enumerate() {
        let name = format!("{number}.deb");
        fs::copy(&deb.path, archive.join(&name)).with_context(|| format!("cannot copy {}", deb.path.display()))?;
        entries.push(deb.entry(&name));
    }
    fs::write(archive.join("Packages"), entries.join("\n")).context("cannot write a list of packages")?;
    // In apt's lists of sources spaces end a word.
    let place = percent_encoding::percent_encode(archive.as_os_str().as_bytes(), IN_A_URL);
    let source = format!("deb [trusted=yes] copy:{place} ./");
    Ok(Some(OwnPackages { source, packages: debs.into_iter().map(|deb| deb.package).collect() }))
}

async fn pack(job: &Job<'_>, scratch: &Scratch, step: &Step) -> Result<Deb> {
    // As in overlays: modes are those of git, whatever the umask was when it was checked out.
    let tree = scratch.directory(&step.name)?;
    overlay::lay(&step.path, &tree)?;
    let package: PathBuf = tree.with_extension("built.deb");
    let tool = Tool::new("dpkg-deb").with(["--root-owner-group", "-Zxz", "--build"]);
    job.tool(tool.with([&tree, &package])).await?;
    Deb::read(&package).await
}
