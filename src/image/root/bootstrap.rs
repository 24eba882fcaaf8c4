//! The first stage: Debian packages, installed by mmdebstrap into an archive.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::apt_sources::AptSources;
use super::job::{Job, Tool};
use super::own_packages;
use super::own_packages::OwnPackages;
use super::{emulation, overlay};
use crate::image::workspace::{Scratch, finish};

/// mmdebstrap's name for our list of sources in the root.
const SOURCES: &str = "0000debian.list";
/// mmdebstrap's name for the list of our own packages.
const OURS: &str = "0001ours.list";

/// Makes the archive of the installed packages, unless it is there, and returns its path.
///
/// # Errors
/// A package is not to be had, or its scripts fail.
pub(crate) async fn make(job: &Job<'_>) -> Result<PathBuf> {
    let plan = job.plan;
    let archive = job.place.stage("base", &plan.bootstrap_key, "tar");
    let notes = job.place.stage("base", &plan.bootstrap_key, "notes");
    if archive.exists() {
        for warning in fs::read_to_string(&notes).unwrap_or_default().lines() {
            job.report.warn(&plan.name, warning);
        }
        return Ok(archive);
    }
    if let Some(same) = job.place.same_elsewhere(&archive) {
        // Finished stages are never written to, so they can be shared.
        let shared = fs::copy(same.with_extension("notes"), &notes).and_then(|_| fs::hard_link(&same, &archive));
        if shared.is_ok() {
            return Box::pin(make(job)).await;
        }
    }
    job.begin("packages");
    emulation::ensure(plan.architecture)?;
    let scratch = job.place.scratch("base")?;
    let sources = AptSources::find(plan, scratch.path()).await?;
    for warning in &sources.warnings {
        job.report.warn(&plan.name, warning);
    }
    let ours = own_packages::make(job, &scratch).await?;
    let unfinished = scratch.path().join("base.tar");
    job.tool(mmdebstrap(job, &sources, ours.as_ref(), &scratch, &unfinished)?)
        .await
        .context("the packages cannot be installed")?;
    fs::write(scratch.path().join("notes"), sources.warnings.join("\n"))?;
    finish(&scratch.path().join("notes"), &notes)?;
    finish(&unfinished, &archive)?;
    job.place.forget_others("base", &plan.bootstrap_key)?;
    Ok(archive)
}

/// Takes out of an unpacked root what only its making needed. Blocking.
///
/// # Errors
/// The root is not one of ours.
pub(crate) fn tidy(root: &Path) -> Result<()> {
    let sources = root.join("etc/apt/sources.list.d");
    for path in [
        sources.join(OURS),
        root.join("etc/apt/apt.conf.d/99mmdebstrap"),
        root.join("etc/dpkg/dpkg.cfg.d/99mmdebstrap"),
        // mmdebstrap lends both from the machine that builds; a step of the recipe may write its own.
        root.join("etc/hostname"),
    ] {
        crate::sys::file::ensure_absent(&path)?;
    }
    let resolver = root.join("etc/resolv.conf");
    if fs::symlink_metadata(&resolver).is_ok_and(|metadata| metadata.is_file()) {
        crate::sys::file::ensure_absent(&resolver)?;
    }
    fs::rename(sources.join(SOURCES), sources.join("debian.list")).context("the root has no apt sources of ours")
}

fn mmdebstrap(
    job: &Job<'_>,
    sources: &AptSources,
    ours: Option<&OwnPackages>,
    scratch: &Scratch,
    archive: &Path,
) -> Result<Tool<'static>> {
    let plan = job.plan;
    let lists = lists(sources, ours, scratch)?;
    let early = scratch.directory("early")?;
    for step in &plan.early {
        overlay::lay(&step.path, &early)?;
    }
    // Kept short, as sockets of programs in it may be.
    let work = scratch.directory("tmp")?;
    let recipe = &plan.recipe;
    let mut packages = plan.packages.clone();
    packages.extend(ours.into_iter().flat_map(|ours| ours.packages.iter().cloned()));
    let mut tool = Tool::new("mmdebstrap").on_network().set("TMPDIR", &work).set("EARLY", &early);
    tool = tool.with(["--mode=root", "--format=tar"]);
    tool =
        tool.with([format!("--variant={}", recipe.variant.word()), format!("--architectures={}", plan.architecture)]);
    if !packages.is_empty() {
        tool = tool.with([format!("--include={}", packages.join(","))]);
    }
    let options = sources.options.iter().map(String::as_str).chain([r#"Acquire::Languages "none";"#]);
    tool = tool.with(options.map(|option| format!("--aptopt={option}")));
    // Nothing of it is kept after a power cut, so dpkg need not wait for the disk.
    tool = tool.with(["--dpkgopt=force-unsafe-io", r#"--setup-hook=cp -a "$EARLY/." "$1""#]);
    Ok(tool.with([OsStr::new(&recipe.suite), archive.as_os_str()]).with(lists))
}

/// Files with apt's sources: Debian's, and our own archive.
fn lists(sources: &AptSources, ours: Option<&OwnPackages>, scratch: &Scratch) -> Result<Vec<PathBuf>> {
    let directory = scratch.directory("lists")?;
    let debian = directory.join("debian.list");
    fs::write(&debian, sources.lines.join("\n") + "\n")?;
    let mut lists = vec![debian];
    if let Some(ours) = ours {
        lists.push(directory.join("ours.list"));
        fs::write(&lists[1], format!("{}\n", ours.source))?;
    }
    Ok(lists)
}
