//! The second stage: the steps of a recipe, carried out over the packages, and
//! the result as an archive whose bytes follow from its inputs.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::job::{Job, Tool};
use super::{bootstrap, overlay, path_filter, sysprep};
use crate::image::recipe::output::Output;
use crate::image::recipe::step::StepKind;
use crate::image::workspace::finish;
use crate::sys::contained::Network;

/// Tells in every image what it was made of.
pub(crate) const KEY_FILE: &str = "etc/conpaas-image";
/// The place in containers of a pre-installed application.
const PREINSTALLED: &str = "opt/preinstalled";

/// The archives that a root file system is kept in.
#[derive(Debug, Clone)]
pub(crate) struct RootArchives {
    /// The root.
    pub root: PathBuf,
    /// The content of the boot partition; a directory has none.
    pub boot: Option<PathBuf>,
}

/// Makes the archives, unless they are there. `embedded` are those of the recipes that this one contains, and where they go.
///
/// # Errors
/// A step fails, or the result must not be given away.
pub(crate) async fn make(job: &Job<'_>, embedded: &[(PathBuf, PathBuf)]) -> Result<RootArchives> {
    let key = &job.plan.root_key;
    let boot = (job.plan.recipe.output != Output::Directory).then(|| job.place.stage("boot", key, "tar"));
    let archives = RootArchives { root: job.place.stage("root", key, "tar"), boot };
    // The root's is finished last.
    if archives.root.exists() {
        return Ok(archives);
    }
    let packages = bootstrap::make(job).await?;
    let scratch = job.place.scratch("root")?;
    let root = scratch.directory("root")?;
    let boot = scratch.directory("boot")?;
    job.begin("unpacking");
    unpack(job, &packages, &root).await?;
    bootstrap::tidy(&root)?;
    path_filter::check(job.plan, &root)?;
    for (archive, to) in embedded {
        let to = root.join(to.strip_prefix("/").unwrap_or(to));
        fs::create_dir_all(&to).with_context(|| format!("cannot make {}", to.display()))?;
        unpack(job, archive, &to).await?;
    }
    carry_out(job, &root, &boot).await?;
    job.begin("packing");
    sysprep::clean(&root)?;
    sysprep::check(&root)?;
    let key_file = root.join(KEY_FILE);
    fs::write(&key_file, format!("{key}\n"))
        .and_then(|()| fs::set_permissions(&key_file, fs::Permissions::from_mode(0o644)))
        .context("the root has no /etc")?;
    let unfinished = scratch.path().join("root.tar");
    if let Some(archive) = &archives.boot {
        pack(job, &boot, &unfinished).await?;
        finish(&unfinished, archive)?;
        job.place.forget_others("boot", key)?;
    }
    pack(job, &root, &unfinished).await?;
    finish(&unfinished, &archives.root)?;
    job.place.forget_others("root", key)?;
    Ok(archives)
}

/// Returns whether nothing is left to do for [`make`]. Blocking.
pub(crate) fn is_there(job: &Job<'_>) -> bool {
    job.place.stage("root", &job.plan.root_key, "tar").exists()
}

/// Removes what earlier builds left, so that all is made anew. Blocking.
///
/// # Errors
/// It cannot be removed.
pub(crate) fn forget(job: &Job<'_>) -> Result<()> {
    let (base, root) = (&job.plan.bootstrap_key, &job.plan.root_key);
    for path in [job.place.stage("root", root, "tar"), job.place.stage("base", base, "tar")] {
        crate::sys::file::ensure_absent(&path)?;
    }
    Ok(())
}

/// Unpacks one of our archives into `directory`.
pub(crate) async fn unpack(job: &Job<'_>, archive: &Path, directory: &Path) -> Result<()> {
    let tool =
        Tool::new("tar").with(["--extract", "--numeric-owner", "--same-owner", "--preserve-permissions", "--xattrs"]);
    let tool = tool.with(["--xattrs-include=*"]).option("--file=", archive.as_os_str());
    job.tool(tool.option("--directory=", directory.as_os_str())).await
}

/// Packs a tree so that the same tree makes the same bytes, and nothing in it is younger than the image.
async fn pack(job: &Job<'_>, directory: &Path, archive: &Path) -> Result<()> {
    let tool = Tool::new("tar").with(["--create", "--format=posix", "--sort=name", "--numeric-owner", "--clamp-mtime"]);
    let tool = tool.with([format!("--mtime=@{}", job.plan.epoch)]);
    // Which programs have capabilities belongs to the tree; a label of this machine's security system does not.
    let tool = tool.with(["--xattrs", "--xattrs-include=security.capability"]);
    let tool = tool.with(["--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"]);
    let tool = tool.option("--directory=", directory.as_os_str()).option("--file=", archive.as_os_str());
    job.tool(tool.with(["."])).await
}

/// Packs files of a directory, in this order, so that the same files make the same bytes.
pub(crate) async fn pack_files(job: &Job<'_>, directory: &Path, names: &[&str], archive: &Path) -> Result<()> {
    let tool = Tool::new("tar").with(["--create", "--format=ustar", "--owner=0", "--group=0", "--mode=0644"]);
    let tool = tool.with(["--numeric-owner".to_owned(), format!("--mtime=@{}", job.plan.epoch)]);
    let tool = tool.option("--directory=", directory.as_os_str()).option("--file=", archive.as_os_str());
    job.tool(tool.with(["--"]).with(names)).await
}

async fn carry_out(job: &Job<'_>, root: &Path, boot: &Path) -> Result<()> {
    for step in job.plan.steps.iter().filter(|step| step.kind != StepKind::Boot) {
        job.begin(&step.name);
        match step.kind {
            StepKind::Overlay => overlay::lay(&step.path, root)?,
            StepKind::Script => job.script(step, &[root]).await?,
            StepKind::Chroot => job.chroot(step, root).await?,
            StepKind::Packages | StepKind::Deb | StepKind::Boot => {}
        }
    }
    if let Some(preinstall) = &job.plan.preinstall {
        job.begin("preinstall");
        preinstalled(job, preinstall, root)
            .await
            .with_context(|| format!("cannot pre-install {}", preinstall.display()))?;
    }
    for step in job.plan.steps.iter().filter(|step| step.kind == StepKind::Boot) {
        job.begin(&step.name);
        job.script(step, &[root, boot]).await?;
    }
    Ok(())
}

/// A directory is copied; a script is run inside the root, where it may use the network.
async fn preinstalled(job: &Job<'_>, source: &Path, root: &Path) -> Result<()> {
    if source.is_dir() {
        let to = root.join(PREINSTALLED);
        fs::create_dir_all(&to).with_context(|| format!("cannot make {}", to.display()))?;
        return overlay::copy(source, &to);
    }
    let script = tempfile::Builder::new().prefix(".preinstall").tempdir_in(root)?;
    let file = script.path().join("script");
    fs::copy(source, &file)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o700))?;
    let resolver = lend_resolver(root)?;
    let name = script.path().file_name().unwrap_or_default();
    let words: [OsString; 4] = ["-euc".into(), r#"exec "/$1/script""#.into(), "preinstall".into(), name.to_owned()];
    let outcome = job.inside(root, &words, Network::Shared).await;
    if let Some(path) = resolver {
        crate::sys::file::ensure_absent(&path)?;
    }
    outcome
}

/// Lends this machine's resolver to a root that has none, and returns the file, which is to be taken away again.
fn lend_resolver(root: &Path) -> Result<Option<PathBuf>> {
    let path = root.join("etc/resolv.conf");
    if fs::symlink_metadata(&path).is_ok() {
        return Ok(None);
    }
    let Ok(text) = fs::read("/etc/resolv.conf") else { return Ok(None) };
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Some(path))
}
