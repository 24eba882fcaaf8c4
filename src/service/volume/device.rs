//! Which block device of a node is a volume.
//!
//! A cloud is asked to attach a volume as `sdb`, and the kernel calls it
//! `vdb`, `xvdf` or `nvme1n1`. What a disk says of itself counts first: its
//! serial number is the volume's id, or begins it (virtio cuts it after 20
//! characters, EC2 leaves the dash out). Then the name counts, unless that disk
//! says that it is another volume. What remains is a disk that says nothing
//! (`nova` with containers): the only one that nobody uses.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::sys::mount;

/// Shorter ones are of the hypervisor, as QEMU's `QM00001`.
const MIN_SERIAL: usize = 10;
/// Kinds of disks that clouds attach.
const PREFIXES: [&str; 4] = ["sd", "vd", "xvd", "nvme"];

/// A whole disk of the node.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Disk {
    path: PathBuf,
    name: String,
    /// Letters and digits alone; empty when it says none.
    serial: String,
    is_used: bool,
}

/// The disk that is the volume `id`, which was to be attached as `device`. Blocking.
pub(crate) fn find(root: &Path, device: &str, id: Option<&str>) -> Option<PathBuf> {
    let disks = disks(&root.join("dev"), device);
    choose(&disks, device, id).map(|disk| disk.path.clone())
}

fn choose<'a>(disks: &'a [Disk], device: &str, id: Option<&str>) -> Option<&'a Disk> {
    let id = id.map(plain).filter(|id| !id.is_empty());
    let is_it =
        |disk: &Disk| disk.serial.len() >= MIN_SERIAL && id.as_ref().is_some_and(|id| id.starts_with(&disk.serial));
    if let Some(disk) = disks.iter().find(|disk| is_it(disk)) {
        return Some(disk);
    }
    // One that says something may be another volume; without an id only the name is left to go by.
    let may_be_it = |disk: &&Disk| id.is_none() || disk.serial.len() < MIN_SERIAL;
    let names = names(device);
    let named = names.iter().find_map(|name| disks.iter().find(|disk| disk.name == *name));
    if let Some(disk) = named.filter(may_be_it) {
        return Some(disk);
    }
    let mut silent = disks.iter().filter(|disk| id.is_some() && disk.serial.is_empty() && !disk.is_used);
    let first = silent.next()?;
    silent.next().is_none().then_some(first)
}

/// What the kernel may call a device that was asked for by this name.
fn names(device: &str) -> Vec<String> {
    let mut names = vec![device.to_owned()];
    let last = device.strip_prefix("sd").or_else(|| device.strip_prefix("vd")).unwrap_or_default();
    if !last.is_empty() {
        names.extend([format!("xvd{last}"), format!("vd{last}")]);
    }
    names
}

/// All disks of `dev`, and what is there under the name of `device` whatever it is. Blocking.
fn disks(dev: &Path, device: &str) -> Vec<Disk> {
    let mounted: Vec<String> = mount::all().unwrap_or_default().into_iter().map(|mount| mount.device).collect();
    let wanted = names(device);
    let mut found = Vec::new();
    for entry in fs::read_dir(dev).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_candidate = wanted.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let Some(metadata) = entry.metadata().ok().filter(|_| is_candidate) else { continue };
        if !metadata.file_type().is_block_device() {
            continue;
        }
        let number = format!("{}:{}", nix::sys::stat::major(metadata.rdev()), nix::sys::stat::minor(metadata.rdev()));
        let about = PathBuf::from("/sys/dev/block").join(&number);
        if about.join("partition").exists() {
            continue;
        }
        let is_used = mounted.contains(&number) || has_parts_or_holders(&about);
        found.push(Disk { path: entry.path(), serial: serial(&about), is_used, name });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Blocking.
fn has_parts_or_holders(about: &Path) -> bool {
    let has_parts =
        fs::read_dir(about).into_iter().flatten().flatten().any(|entry| entry.path().join("partition").exists());
    has_parts || fs::read_dir(about.join("holders")).is_ok_and(|mut holders| holders.next().is_some())
}

/// What a disk says of itself: virtio's, NVMe's, SCSI's. Blocking.
fn serial(about: &Path) -> String {
    for file in ["serial", "device/serial"] {
        if let Ok(text) = fs::read_to_string(about.join(file)) {
            return plain(&text);
        }
    }
    // A page of SCSI: four bytes of head, then the text.
    let page = fs::read(about.join("device/vpd_pg80")).unwrap_or_default();
    plain(&String::from_utf8_lossy(page.get(4..).unwrap_or_default()))
}

fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(name: &str, serial: &str, is_used: bool) -> Disk {
        Disk { path: Path::new("/dev").join(name), name: name.to_owned(), serial: plain(serial), is_used }
    }

    fn chosen<'a>(disks: &'a [Disk], device: &str, id: Option<&str>) -> Option<&'a str> {
        choose(disks, device, id).map(|disk| disk.name.as_str())
    }

    #[test]
    fn a_serial_number_tells_whatever_the_name_is() {
        let ec2 = [disk("nvme0n1", "vol0aaaaaaaaaaaaaaaa", true), disk("nvme1n1", "vol0123456789abcdef0", false)];
        assert_eq!(chosen(&ec2, "sdf", Some("vol-0123456789abcdef0")), Some("nvme1n1"));
        assert_eq!(chosen(&ec2, "sdf", Some("vol-0fedcba9876543210")), None);
        // The kernel has called another volume vdb.
        let cinder = "5f0c1a2b-3c4d-4e5f-8a9b-0c1d2e3f4a5b";
        let virtio =
            [disk("vda", "", true), disk("vdb", "77777777-3c4d-4e5f-8", false), disk("vdc", &cinder[..20], false)];
        assert_eq!(chosen(&virtio, "vdb", Some(cinder)), Some("vdc"));
        assert_eq!(chosen(&virtio[..2], "vdb", Some(cinder)), None, "that one is another volume");
        assert_eq!(chosen(&virtio, "vdb", None), Some("vdb"), "an older manager sends no id");
    }

    #[test]
    fn a_disk_that_says_nothing_goes_by_its_name_or_by_being_the_only_one() {
        let xen = [disk("xvda", "", true), disk("xvdf", "", false)];
        assert_eq!(chosen(&xen, "sdf", Some("vol-0123456789abcdef0")), Some("xvdf"));
        let qemu = [disk("sda", "QM00001", true), disk("sdb", "QM00002", false)];
        assert_eq!(chosen(&qemu, "sdb", Some("vol-0123456789abcdef0")), Some("sdb"));
        let nova = [disk("vda", "", true), disk("vdb", "", false)];
        assert_eq!(chosen(&nova, "sdf", Some("5f0c1a2b-3c4d-4e5f-8a9b-0c1d2e3f4a5b")), Some("vdb"));
        assert_eq!(chosen(&nova, "sdf", None), None);
        let two = [disk("vdb", "", false), disk("vdc", "", false)];
        assert_eq!(chosen(&two, "sdf", Some("5f0c1a2b-3c4d-4e5f-8a9b-0c1d2e3f4a5b")), None, "nobody can know which");
    }
}
