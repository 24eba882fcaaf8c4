//! A recipe: what stands in its `recipe.toml`, checked whole.

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use super::architecture::Architecture;
use crate::sys::file::{self, FileError};

/// What is made of a recipe's root file system.
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
    /// The word for it in `recipe.toml`.
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
    /// How big the ext4 partition is.
    pub root_size: RootSize,
    /// Its label.
    pub root_label: String,
    /// The forms in which the disk is written.
    pub formats: Vec<Format>,
    /// Whether it also boots where there is no UEFI.
    pub boots_by_bios: bool,
}

/// How big a root file system is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootSize {
    /// So big, in MB.
    Whole(u64),
    /// As its content needs, and so many MB free.
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
    /// What files of it end with.
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
    /// What people see.
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

/// What Raspberry Pi Imager shows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imager {
    /// What people see.
    pub name: String,
    /// The URL of a picture.
    pub icon: String,
    /// A page about it.
    pub website: Option<String>,
}

/// The result of another recipe, put into the root.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Embed {
    /// The other recipe.
    pub recipe: String,
    /// Where in the root; an absolute path.
    pub to: PathBuf,
}

/// A checked `recipe.toml` and where it lies.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The name of its directory.
    pub name: String,
    /// Its directory.
    pub directory: PathBuf,
    /// One sentence about it.
    pub about: String,
    /// What is made.
    pub output: Output,
    /// For which machines it can be made; the first is the usual one.
    pub architectures: Vec<Architecture>,
    pub(crate) parts: Vec<String>,
    pub(crate) suite: String,
    pub(crate) extra_suites: Vec<String>,
    pub(crate) components: Vec<String>,
    pub(crate) variant: Variant,
    pub(crate) space_mb: u64,
    pub(crate) compressed_budget_mb: Option<u64>,
    pub(crate) seed_mb: Option<u64>,
    pub(crate) debs: Vec<String>,
    pub(crate) embeds: Vec<Embed>,
}

impl Recipe {
    /// The architecture for which it is made when nobody chooses: that of this machine, or else the first.
    #[must_use]
    pub fn usual_architecture(&self) -> Architecture {
        let own = Architecture::of_this_machine().filter(|own| self.architectures.contains(own));
        own.unwrap_or(self.architectures[0])
    }
}

/// Which packages are there before the first is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Variant {
    /// Those that Debian calls essential.
    Essential,
    /// The essential ones and apt.
    Apt,
    /// Those and the ones that Debian calls required.
    #[default]
    Minbase,
}

impl Variant {
    /// mmdebstrap's word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Variant::Essential => "essential",
            Variant::Apt => "apt",
            Variant::Minbase => "minbase",
        }
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
        "{} is no step: call it NN-name.packages, .deb, .overlay, .script, .chroot or .boot, with .amd64, .arm64 or .armhf before \
         that if it is for one architecture, or put it into files/", .0.display()
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
    /// Recipes that contain each other.
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

/// Whether this can name a recipe, a part or a kind.
pub(crate) fn is_name(text: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(is_inner)
}

/// Reads the recipe in `directory`. Blocking.
///
/// # Errors
/// Its `recipe.toml` is missing or wrong; the error names line or key.
pub(crate) fn read_recipe(directory: &Path) -> Result<Recipe, RecipeError> {
    let path = directory.join("recipe.toml");
    let bytes = file::read(&path)?;
    let text = String::from_utf8_lossy(&bytes);
    let written: Written = toml::from_str(&text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
        RecipeError::Toml { path: path.clone(), line, text: error.message().replace('\n', " ") }
    })?;
    let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
    check(written, name, directory).map_err(|(key, reason)| RecipeError::Value { path, key, reason })
}

/// `recipe.toml` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    about: String,
    output: Word,
    architectures: Vec<Architecture>,
    suite: String,
    #[serde(default)]
    parts: Vec<String>,
    #[serde(default)]
    extra_suites: Vec<String>,
    #[serde(default = "main_component")]
    components: Vec<String>,
    #[serde(default)]
    variant: Variant,
    #[serde(default = "usual_space_mb")]
    space_mb: u64,
    compressed_budget_mb: Option<u64>,
    seed_mb: Option<u64>,
    #[serde(default)]
    debs: Vec<String>,
    #[serde(default, rename = "embed")]
    embeds: Vec<Embed>,
    disk: Option<WrittenDisk>,
    machine: Option<Machine>,
    imager: Option<Imager>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDisk {
    boot_mb: u64,
    root_mb: Option<u64>,
    root_free_mb: Option<u64>,
    boot_label: Option<String>,
    root_label: Option<String>,
    formats: Option<Vec<Format>>,
    #[serde(default)]
    bios: bool,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Word {
    Directory,
    Sd,
    Disk,
}

fn main_component() -> Vec<String> {
    vec!["main".to_owned()]
}

fn usual_space_mb() -> u64 {
    2000
}

/// The key and what is wrong with its value.
type Wrong = (&'static str, String);

fn check(written: Written, name: String, directory: &Path) -> Result<Recipe, Wrong> {
    if written.about.trim().is_empty() || written.about.contains('\n') {
        return Err(("about", "say in one line what it is".to_owned()));
    }
    if written.architectures.is_empty() {
        return Err(("architectures", "name at least one".to_owned()));
    }
    all("parts", &written.parts, is_name)?;
    all("debs", &written.debs, is_package_name)?;
    all("suite", std::slice::from_ref(&written.suite), is_archive_word)?;
    all("extra_suites", &written.extra_suites, is_archive_word)?;
    all("components", &written.components, is_archive_word)?;
    for embed in &written.embeds {
        let recipe = std::slice::from_ref(&embed.recipe);
        all("embed.recipe", recipe, is_name)?;
        if !is_plain_absolute(&embed.to) {
            let reason = format!("'{}' must be an absolute path without . and ..", embed.to.display());
            return Err(("embed.to", reason));
        }
    }
    let output = output(written.output, written.disk, written.machine, written.imager)?;
    Ok(Recipe {
        name,
        directory: directory.to_owned(),
        about: written.about,
        output,
        architectures: written.architectures,
        parts: written.parts,
        suite: written.suite,
        extra_suites: written.extra_suites,
        components: written.components,
        variant: written.variant,
        space_mb: written.space_mb,
        compressed_budget_mb: written.compressed_budget_mb,
        seed_mb: written.seed_mb,
        debs: written.debs,
        embeds: written.embeds,
    })
}

fn output(
    word: Word,
    disk: Option<WrittenDisk>,
    machine: Option<Machine>,
    imager: Option<Imager>,
) -> Result<Output, Wrong> {
    let refuse = |key, is_there: bool| {
        if is_there { Err((key, "means nothing for this output".to_owned())) } else { Ok(()) }
    };
    let layout = |disk: Option<WrittenDisk>, boot_label| match disk {
        Some(disk) => layout(disk, boot_label),
        None => Err(("disk", "is missing: say how big the partitions are".to_owned())),
    };
    match word {
        Word::Directory => {
            refuse("disk", disk.is_some())?;
            refuse("machine", machine.is_some())?;
            refuse("imager", imager.is_some())?;
            Ok(Output::Directory)
        }
        Word::Sd => {
            refuse("machine", machine.is_some())?;
            let layout = layout(disk, "BOOT")?;
            refuse("disk.formats", layout.formats != [Format::Raw])?;
            refuse("disk.bios", layout.boots_by_bios)?;
            Ok(Output::Sd(layout, imager))
        }
        Word::Disk => {
            refuse("imager", imager.is_some())?;
            Ok(Output::Disk(layout(disk, "ESP")?, machine.unwrap_or_default()))
        }
    }
}

/// Below this a FAT32 file system cannot be.
const SMALLEST_BOOT_MB: u64 = 40;

fn layout(disk: WrittenDisk, boot_label: &str) -> Result<Layout, Wrong> {
    let root_size = match (disk.root_mb, disk.root_free_mb) {
        (Some(root_mb), None) => RootSize::Whole(root_mb),
        (None, Some(free_mb)) => RootSize::Free(free_mb),
        _ => return Err(("disk", "say either root_mb or root_free_mb".to_owned())),
    };
    if !(SMALLEST_BOOT_MB..=4096).contains(&disk.boot_mb) {
        return Err(("disk.boot_mb", format!("must be from {SMALLEST_BOOT_MB} to 4096")));
    }
    let boot_label = disk.boot_label.unwrap_or_else(|| boot_label.to_owned());
    let is_fat_label = |text: &str| {
        (1..=11).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    if !is_fat_label(&boot_label) {
        return Err(("disk.boot_label", "must be 1 to 11 capital letters and digits".to_owned()));
    }
    let root_label = disk.root_label.unwrap_or_else(|| "conpaas-root".to_owned());
    if !is_name(&root_label) || root_label.len() > 16 {
        return Err(("disk.root_label", "must be 1 to 16 small letters, digits and '-'".to_owned()));
    }
    let formats = disk.formats.unwrap_or_else(|| vec![Format::Raw]);
    if formats.is_empty() {
        return Err(("disk.formats", "name at least one".to_owned()));
    }
    Ok(Layout { boot_mb: disk.boot_mb, boot_label, root_size, root_label, formats, boots_by_bios: disk.bios })
}

fn all(key: &'static str, texts: &[String], is_right: impl Fn(&str) -> bool) -> Result<(), Wrong> {
    match texts.iter().find(|text| !is_right(text)) {
        Some(text) => Err((key, format!("'{text}' cannot be used there"))),
        None => Ok(()),
    }
}

/// A word in a line of apt's sources.
fn is_archive_word(text: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || "-./_".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(is_inner)
}

/// Debian's rule for the names of packages.
pub(crate) fn is_package_name(text: &str) -> bool {
    let is_first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() > 1 && text.starts_with(is_first) && text.chars().all(|c| is_first(c) || "+-.".contains(c))
}

fn is_plain_absolute(path: &Path) -> bool {
    let mut components = path.components();
    let is_absolute = components.next() == Some(Component::RootDir);
    let steps: Vec<Component<'_>> = components.collect();
    // `components` passes over `.` and doubled slashes; the text must not have them either.
    let is_normal = !steps.is_empty() && steps.iter().all(|step| matches!(step, Component::Normal(_)));
    is_absolute && is_normal && !path.to_string_lossy().split('/').any(|step| step == ".")
}
