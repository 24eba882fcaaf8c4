//! A FAT32 file system in a file, made of a tree without mounting anything.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::image::recipe::disk_ids::DiskIds;
use crate::image::recipe::output::Layout;
use crate::image::root::job::{Job, Tool};

const MIB: u64 = 1 << 20;
/// The tables and the ends of half-full clusters.
const OVERHEAD_MB: u64 = 4;

/// Makes the file system with the content of `tree` in the file `image`.
///
/// # Errors
/// The tree does not fit or has a link in it.
pub(crate) async fn make(job: &Job<'_>, tree: &Path, layout: &Layout, image: &Path) -> Result<()> {
    let mut directories = BTreeMap::new();
    let bytes = gather(tree, Path::new(""), &mut directories)?;
    if bytes.div_ceil(MIB) + OVERHEAD_MB > layout.boot_mb {
        let needed = bytes.div_ceil(MIB) + OVERHEAD_MB;
        bail!("the boot partition needs {needed} MB and does not fit into boot_mb = {}", layout.boot_mb);
    }
    let serial = format!("{:08x}", DiskIds::of(&job.plan.root_key).boot_serial);
    let mkfs = Tool::new("mkfs.vfat").with(["-F", "32", "--invariant", "-i", &serial, "-n", &layout.boot_label, "-C"]);
    job.tool(mkfs.with([image]).with([(layout.boot_mb * 1024).to_string()])).await?;
    // Parents come before what is in them, because they are sorted.
    for (directory, files) in directories {
        let inside = |name: &Path| format!("::/{}", name.display());
        if directory != Path::new("") {
            job.tool(Tool::new("mmd").with(["-i".as_ref(), image.as_os_str()]).with([inside(&directory)])).await?;
        }
        if !files.is_empty() {
            let copy =
                Tool::new("mcopy").set("LC_ALL", "C.UTF-8").with(["-m".as_ref(), "-i".as_ref(), image.as_os_str()]);
            job.tool(copy.with(["--"]).with(files).with([inside(&directory)])).await?;
        }
    }
    Ok(())
}

/// Finds the files of each directory, and returns how many bytes they take.
fn gather(tree: &Path, directory: &Path, found: &mut BTreeMap<PathBuf, Vec<PathBuf>>) -> Result<u64> {
    let mut bytes = 0;
    let mut files = Vec::new();
    let place = tree.join(directory);
    for entry in fs::read_dir(&place).with_context(|| format!("cannot read {}", place.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        let metadata = fs::symlink_metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if name.to_str().is_none_or(|name| name.contains(['\\', ':', '*', '?', '"', '<', '>', '|'])) {
            bail!("FAT has no file called {}: rename it", path.display());
        }
        if metadata.is_dir() {
            bytes += gather(tree, &directory.join(name), found)?;
        } else if metadata.is_file() {
            bytes += metadata.len();
            files.push(path);
        } else {
            bail!("FAT has only files and directories, and {} is neither: copy what it leads to", path.display());
        }
    }
    files.sort();
    found.insert(directory.to_owned(), files);
    Ok(bytes)
}
