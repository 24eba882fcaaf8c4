//! An ext4 file system in a file, made of a tree without mounting anything.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::image::recipe::disk_ids::DiskIds;
use crate::image::recipe::output::{Layout, RootSize};
use crate::image::root::job::{Job, Tool};
use crate::sys::program;

const MIB: u64 = 1 << 20;
const BLOCK: u64 = 4096;
const INODE_BYTES: u64 = 256;
/// One inode for so many bytes.
const INODE_RATIO: u64 = 16384;
const JOURNAL_MB: u64 = 32;
/// Sizes are a multiple of this, as erase blocks of cards are.
const ALIGN_MB: u64 = 4;
/// The features that Debian 12's kernels and e2fsprogs know, whatever this machine's configuration says.
const FEATURES: &str = "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,\
                        large_file,huge_file,dir_nlink,extra_isize,metadata_csum";
const CONFIGURATION: &str = "[defaults]\n[fs_types]\n\text4 = {\n\t}\n\tdefault = {\n\t}\n";
/// The first inode that is no file system's own.
const FIRST_INODE: u64 = 11;
const ROOT_INODE: u64 = 2;

/// Makes the file system with the content of `tree` in the file `image`.
///
/// # Errors
/// The tree does not fit.
pub(crate) async fn make(job: &Job<'_>, tree: &Path, layout: &Layout, image: &Path) -> Result<()> {
    let ids = DiskIds::of(&job.plan.root_key);
    let size = size(tree, layout.root_size)?;
    let file = OpenOptions::new().write(true).create_new(true).open(image);
    file.and_then(|file| file.set_len(size)).with_context(|| format!("cannot make {}", image.display()))?;
    let epoch = job.plan.epoch.to_string();
    // Not what the machine's own configuration says.
    let configuration = image.with_extension("mke2fs.conf");
    fs::write(&configuration, CONFIGURATION)?;
    let mkfs = Tool::new("mkfs.ext4").set("E2FSPROGS_FAKE_TIME", &epoch).set("MKE2FS_CONFIG", &configuration);
    let mkfs = mkfs.with([
        "-q",
        "-F",
        "-t",
        "ext4",
        "-T",
        "default",
        "-b",
        &BLOCK.to_string(),
        "-I",
        &INODE_BYTES.to_string(),
    ]);
    let mkfs = mkfs.with(["-i", &INODE_RATIO.to_string(), "-m", "1", "-O", FEATURES, "-L", &layout.root_label]);
    let extended = format!("hash_seed={},lazy_itable_init=0,lazy_journal_init=0", ids.hash_seed);
    let mkfs = mkfs.with(["-J", &format!("size={JOURNAL_MB}"), "-U", &ids.root, "-E", &extended]);
    job.tool(mkfs.with(["-d".as_ref(), tree.as_os_str(), image.as_os_str()])).await?;
    set_times(job, image).await?;
    job.tool(Tool::new("e2fsck").with(["-f", "-n"]).with([image])).await
}

/// Returns the size of the file system in bytes. Blocking.
fn size(tree: &Path, wanted: RootSize) -> Result<u64> {
    let content = content(tree, &mut HashSet::new())?;
    let needed = content.bytes + content.bytes / 100 + JOURNAL_MB * MIB + 8 * MIB;
    let size = match wanted {
        RootSize::Free(free_mb) => {
            // The tables of inodes and what only root may use grow with the whole.
            let whole = needed + free_mb * MIB;
            whole + whole / 50 + whole / INODE_RATIO * INODE_BYTES
        }
        RootSize::Whole(whole_mb) if whole_mb * MIB < needed + needed / 50 => {
            bail!("the root file system has {} MB and does not fit into root_mb = {whole_mb}", needed / MIB)
        }
        RootSize::Whole(whole_mb) => whole_mb * MIB,
    };
    if size / INODE_RATIO < content.inodes + FIRST_INODE {
        bail!("{} files are too many for {} MB: give it more room", content.inodes, size / MIB);
    }
    Ok(size.div_ceil(ALIGN_MB * MIB) * ALIGN_MB * MIB)
}

struct Content {
    bytes: u64,
    inodes: u64,
}

fn content(tree: &Path, seen: &mut HashSet<u64>) -> Result<Content> {
    let mut content = Content { bytes: BLOCK, inodes: 1 };
    for entry in fs::read_dir(tree).with_context(|| format!("cannot read {}", tree.display()))? {
        let path = entry?.path();
        let metadata = fs::symlink_metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if metadata.is_dir() {
            let inner = self::content(&path, seen)?;
            content.bytes += inner.bytes;
            content.inodes += inner.inodes;
        } else if metadata.nlink() == 1 || seen.insert(metadata.ino()) {
            content.bytes += metadata.len().div_ceil(BLOCK) * BLOCK;
            content.inodes += 1;
        }
        content.bytes += 64;
    }
    Ok(content)
}

/// Sets the times that `mkfs.ext4 -d` takes from this machine's file system, where they tell when the tree was unpacked.
async fn set_times(job: &Job<'_>, image: &Path) -> Result<()> {
    let path = image.to_str().context("the path of the output must be plain text")?;
    let dump = program::run("dumpe2fs", &[path], program::LIMIT).await?;
    let free = free_inodes(&dump);
    let count = number_after(&dump, "Inode count:").context("dumpe2fs tells no number of inodes")?;
    let mut commands = format!("set_current_time @{}\n", job.plan.epoch);
    for inode in std::iter::once(ROOT_INODE).chain(FIRST_INODE..=count) {
        if !free.iter().any(|(first, last)| (*first..=*last).contains(&inode)) {
            for field in ["ctime", "atime", "crtime"] {
                commands.push_str(&format!("set_inode_field <{inode}> {field} @{}\n", job.plan.epoch));
            }
        }
    }
    let script = image.with_extension("debugfs");
    fs::write(&script, commands)?;
    // It repeats every command, and complains on the other channel.
    let quiet = Tool::new("sh").with(["-c", r#"exec debugfs -w -f "$1" "$2" > /dev/null"#, "debugfs"]);
    job.tool(quiet.with([&script, image])).await
}

/// Ranges of inodes that no file has, both ends included.
fn free_inodes(dump: &str) -> Vec<(u64, u64)> {
    // Only the lines of groups are indented; the first tells how many there are.
    let lines = dump.lines().filter_map(|line| line.strip_prefix("  Free inodes:"));
    let ranges = lines.flat_map(|line| line.split(','));
    ranges
        .filter_map(|range| {
            let (first, last) = range.trim().split_once('-').unwrap_or((range.trim(), range.trim()));
            Some((first.parse().ok()?, last.parse().ok()?))
        })
        .collect()
}

fn number_after(dump: &str, label: &str) -> Option<u64> {
    dump.lines().find_map(|line| line.strip_prefix(label)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_free_inodes_of_all_groups_are_found() {
        let dump = "Inode count:              128\nFree inodes:              100\nGroup 0:\n  Free blocks: 1-2\n  Free inodes: 18-64\nGroup 1:\n  Free inodes: 65, 67-128\n";
        assert_eq!(number_after(dump, "Inode count:"), Some(128));
        assert_eq!(free_inodes(dump), [(18, 64), (65, 65), (67, 128)]);
    }
}
