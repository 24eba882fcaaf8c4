//! The output of a recipe: a tree or a disk, and the form of each.
//!
//! Must not know how it is made, nor the rest of `recipe.toml`.

use serde::Deserialize;

use super::error::ValueError;
use super::name::is_name;

/// The thing that is made of a recipe's root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// The tree itself, for containers.
    Directory,
    /// A disk image for an SD card: MBR, FAT and ext4.
    Sd(Layout, Option<Imager>),
    /// A disk image for a virtual machine or a PC: GPT, EFI system partition and ext4.
    Disk(Layout, Machine),
}

impl Output {
    /// Returns the word for it in `recipe.toml`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Output::Directory => "directory",
            Output::Sd(..) => "sd",
            Output::Disk(..) => "disk",
        }
    }
}

/// The partitions of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Size of the FAT partition.
    pub boot_mb: u64,
    /// Its label.
    pub boot_label: String,
    /// Size of the ext4 partition.
    pub root_size: RootSize,
    /// Its label.
    pub root_label: String,
    /// The forms in which the disk is written.
    pub formats: Vec<Format>,
    /// Whether it also boots where there is no UEFI.
    pub boots_by_bios: bool,
}

/// The size of a root file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootSize {
    /// The whole file system, in MB.
    Whole(u64),
    /// The room that stays free beside the content, in MB.
    Free(u64),
}

/// A form of disk image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// The bytes of the disk.
    Raw,
    /// QEMU's.
    Qcow2,
    /// VMware's and VirtualBox's.
    Vmdk,
    /// A whole appliance for VirtualBox and VMware.
    Ova,
}

impl Format {
    /// Returns the ending of its files' names.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Format::Raw => "img",
            Format::Qcow2 => "qcow2",
            Format::Vmdk => "vmdk",
            Format::Ova => "ova",
        }
    }
}

/// The virtual machine that an appliance asks for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Machine {
    /// The name that people see.
    pub name: String,
    /// Memory.
    pub memory_mb: u64,
    /// Processors.
    pub cpus: u32,
    /// Size of its disk in the forms that virtual machines take; as big as its content if it is not said.
    pub disk_mb: Option<u64>,
    /// Network cards, by what each is connected to in VirtualBox's words: `NAT`, `Bridged`, `HostOnly`.
    pub networks: Vec<String>,
}

impl Default for Machine {
    fn default() -> Self {
        let networks = vec!["NAT".to_owned()];
        Machine { name: "ConPaaS".to_owned(), memory_mb: 2048, cpus: 2, disk_mb: None, networks }
    }
}

/// The texts that Raspberry Pi Imager shows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imager {
    /// The name that people see.
    pub name: String,
    /// The URL of a picture.
    pub icon: String,
    /// A page about it.
    pub website: Option<String>,
}

/// The table `disk` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenDisk {
    boot_mb: u64,
    root_mb: Option<u64>,
    root_free_mb: Option<u64>,
    boot_label: Option<String>,
    root_label: Option<String>,
    formats: Option<Vec<Format>>,
    #[serde(default)]
    bios: bool,
}

/// The word for an output as it is written.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum OutputWord {
    Directory,
    Sd,
    Disk,
}

/// Checks the tables that describe the output against its word.
///
/// # Errors
/// A table is missing, means nothing for this output, or has a value that cannot be used.
pub(super) fn checked_output(
    word: OutputWord,
    disk: Option<WrittenDisk>,
    machine: Option<Machine>,
    imager: Option<Imager>,
) -> Result<Output, ValueError> {
    let refuse = |key, is_there: bool| {
        if is_there { Err(ValueError::new(key, "means nothing for this output".to_owned())) } else { Ok(()) }
    };
    let layout = |disk: Option<WrittenDisk>, boot_label| match disk {
        Some(disk) => layout(disk, boot_label),
        None => Err(ValueError::new("disk", "is missing: say how big the partitions are".to_owned())),
    };
    match word {
        OutputWord::Directory => {
            refuse("disk", disk.is_some())?;
            refuse("machine", machine.is_some())?;
            refuse("imager", imager.is_some())?;
            Ok(Output::Directory)
        }
        OutputWord::Sd => {
            refuse("machine", machine.is_some())?;
            let layout = layout(disk, "BOOT")?;
            refuse("disk.formats", layout.formats != [Format::Raw])?;
            refuse("disk.bios", layout.boots_by_bios)?;
            Ok(Output::Sd(layout, imager))
        }
        OutputWord::Disk => {
            refuse("imager", imager.is_some())?;
            Ok(Output::Disk(layout(disk, "ESP")?, machine.unwrap_or_default()))
        }
    }
}

/// The smallest size of a FAT32 file system.
const SMALLEST_BOOT_MB: u64 = 40;

fn layout(disk: WrittenDisk, boot_label: &str) -> Result<Layout, ValueError> {
    let root_size = match (disk.root_mb, disk.root_free_mb) {
        (Some(root_mb), None) => RootSize::Whole(root_mb),
        (None, Some(free_mb)) => RootSize::Free(free_mb),
        _ => return Err(ValueError::new("disk", "say either root_mb or root_free_mb".to_owned())),
    };
    if !(SMALLEST_BOOT_MB..=4096).contains(&disk.boot_mb) {
        return Err(ValueError::new("disk.boot_mb", format!("must be from {SMALLEST_BOOT_MB} to 4096")));
    }
    let boot_label = disk.boot_label.unwrap_or_else(|| boot_label.to_owned());
    let is_fat_label = |text: &str| {
        (1..=11).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    if !is_fat_label(&boot_label) {
        return Err(ValueError::new("disk.boot_label", "must be 1 to 11 capital letters and digits".to_owned()));
    }
    let root_label = disk.root_label.unwrap_or_else(|| "conpaas-root".to_owned());
    if !is_name(&root_label) || root_label.len() > 16 {
        return Err(ValueError::new("disk.root_label", "must be 1 to 16 small letters, digits and '-'".to_owned()));
    }
    let formats = disk.formats.unwrap_or_else(|| vec![Format::Raw]);
    if formats.is_empty() {
        return Err(ValueError::new("disk.formats", "name at least one".to_owned()));
    }
    Ok(Layout { boot_mb: disk.boot_mb, boot_label, root_size, root_label, formats, boots_by_bios: disk.bios })
}
