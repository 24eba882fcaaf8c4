//! What the making of an image needs of this machine: programs and room.

use std::path::Path;

use anyhow::{Result, bail};

use super::options::Compression;
use super::recipe::definition::Recipe;
use super::recipe::output::{Format, Output};
use crate::sys::{file, program};

/// Checks what can be known before anything is begun. Blocking.
///
/// # Errors
/// A program is missing, the output directory cannot be made, or there is too little room in it.
pub(crate) fn check(recipe: &Recipe, compression: Compression, output: &Path) -> Result<()> {
    let mut missing: Vec<&str> = Vec::new();
    for (tool, package, is_needed) in tools(&recipe.output, compression) {
        if is_needed && program::find(tool).is_none() && !missing.contains(&package) {
            missing.push(package);
        }
    }
    if !missing.is_empty() {
        bail!("programs are missing that make images: apt-get install {}", missing.join(" "));
    }
    file::ensure_directory(output)?;
    let free_mb = file::free_bytes(output)? >> 20;
    if free_mb < recipe.space_mb {
        bail!(
            "it takes about {} MB to make, and {} has only {free_mb} MB free: make room, or name another place with --output DIR",
            recipe.space_mb,
            output.display()
        );
    }
    Ok(())
}

/// Program, the package that brings it, and whether it is needed.
fn tools(output: &Output, compression: Compression) -> [(&'static str, &'static str, bool); 11] {
    let (is_card, is_disk, has_forms) = match output {
        Output::Directory => (false, false, false),
        Output::Sd(..) => (true, false, false),
        Output::Disk(layout, _) => (false, true, layout.formats != [Format::Raw]),
    };
    [
        ("mmdebstrap", "mmdebstrap", true),
        ("tar", "tar", true),
        ("unshare", "util-linux", true),
        ("dpkg-deb", "dpkg", true),
        ("mkfs.ext4", "e2fsprogs", is_card || is_disk),
        ("mkfs.vfat", "dosfstools", is_card || is_disk),
        ("mcopy", "mtools", is_card || is_disk),
        ("genimage", "genimage", is_card || is_disk),
        ("grub-mkimage", "grub-common", is_disk),
        ("qemu-img", "qemu-utils", has_forms),
        ("xz", "xz-utils", compression == Compression::Xz),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::recipe::output::{Layout, Machine, RootSize};

    fn needed(output: &Output, compression: Compression) -> Vec<&'static str> {
        let needed = tools(output, compression).into_iter().filter(|(_, _, is_needed)| *is_needed);
        needed.map(|(tool, ..)| tool).collect()
    }

    #[test]
    fn a_tree_needs_no_tools_for_disks_and_each_form_needs_its_own() {
        let layout = |formats: Vec<Format>| Layout {
            boot_mb: 64,
            boot_label: "BOOT".to_owned(),
            root_size: RootSize::Free(1),
            root_label: "root".to_owned(),
            formats,
            boots_by_bios: false,
        };
        let tree = needed(&Output::Directory, Compression::Xz);
        assert!(tree.contains(&"xz") && !tree.contains(&"genimage"));
        let card = needed(&Output::Sd(layout(vec![Format::Raw]), None), Compression::None);
        assert!(card.contains(&"genimage") && !card.contains(&"grub-mkimage") && !card.contains(&"xz"));
        let disk = |formats| needed(&Output::Disk(layout(formats), Machine::default()), Compression::None);
        assert!(disk(vec![Format::Raw]).contains(&"grub-mkimage") && !disk(vec![Format::Raw]).contains(&"qemu-img"));
        assert!(disk(vec![Format::Raw, Format::Ova]).contains(&"qemu-img"));
    }
}
