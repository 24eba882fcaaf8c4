//! Disk images: partitions put together by genimage, and the other forms of them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{ext4, fat, grub};
use crate::image::recipe::disk_ids::DiskIds;
use crate::image::recipe::output::{Layout, Output};
use crate::image::root::job::{Job, Tool};
use crate::image::root::stages::{RootArchives, unpack};
use crate::image::workspace::finish;

/// The type of a partition that holds GRUB for PCs.
const BIOS_BOOT: &str = "21686148-6449-6E6F-744E-656564454649";

/// Makes the raw disk image in the file `image`.
///
/// # Errors
/// Something does not fit.
pub(crate) async fn make(job: &Job<'_>, archives: &RootArchives, layout: &Layout, image: &Path) -> Result<()> {
    let scratch = job.place.scratch("disk")?;
    let parts = scratch.directory("parts")?;
    job.begin("root file system");
    let root = scratch.directory("root")?;
    unpack(job, &archives.root, &root).await?;
    ext4::make(job, &root, layout, &parts.join("root.ext4")).await?;
    crate::sys::file::ensure_absent(&root)?;
    job.begin("boot partition");
    let boot = scratch.directory("boot")?;
    if let Some(archive) = &archives.boot {
        unpack(job, archive, &boot).await?;
    }
    if matches!(job.plan.recipe.output, Output::Disk(..)) {
        grub::for_uefi(job, &boot).await?;
    }
    if layout.boots_by_bios {
        grub::for_bios(job, &parts).await?;
    }
    fat::make(job, &boot, layout, &parts.join("boot.vfat")).await?;
    job.begin("disk image");
    let out = assemble(job, &scratch.directory("genimage")?, &parts).await?;
    finish(&out, image)
}

async fn assemble(job: &Job<'_>, work: &Path, parts: &Path) -> Result<PathBuf> {
    let ids = DiskIds::of(&job.plan.root_key);
    let configuration = work.join("genimage.cfg");
    fs::write(&configuration, genimage(&job.plan.recipe.output, &ids))?;
    for name in ["root", "tmp", "output"] {
        fs::create_dir(work.join(name))?;
    }
    let mut tool = Tool::new("genimage").at(work).with(["--rootpath=root", "--tmppath=tmp", "--outputpath=output"]);
    tool = tool.option("--inputpath=", parts.as_os_str()).with(["--config=genimage.cfg"]);
    job.tool(tool).await?;
    Ok(work.join("output/disk.img"))
}

fn genimage(output: &Output, ids: &DiskIds) -> String {
    let (table, first, second) = match output {
        Output::Disk(..) => (
            format!("partition-table-type = \"gpt\"\ndisk-uuid = \"{}\"", ids.disk),
            format!("partition-type-uuid = \"U\"\npartition-uuid = \"{}\"", ids.partitions[0]),
            format!("partition-type-uuid = \"L\"\npartition-uuid = \"{}\"", ids.partitions[1]),
        ),
        Output::Sd(..) | Output::Directory => (
            format!("partition-table-type = \"mbr\"\ndisk-signature = \"{:#010x}\"", ids.signature),
            "partition-type = 0xC\nbootable = true".to_owned(),
            "partition-type = 0x83".to_owned(),
        ),
    };
    let bios = match output {
        Output::Disk(layout, _) if layout.boots_by_bios => bios_partitions(ids),
        _ => String::new(),
    };
    format!(
        "image disk.img {{\nhdimage {{\n{table}\nalign = 1M\n}}\n\
         partition boot {{\n{first}\nimage = \"boot.vfat\"\noffset = 4M\n}}\n\
         partition root {{\n{second}\nimage = \"root.ext4\"\n}}\n{bios}}}\n"
    )
}

/// Returns the boot sector, which is in no table, and the partition that it starts; last in the table, first on the disk.
fn bios_partitions(ids: &DiskIds) -> String {
    let (sector, bytes, core) = (grub::BOOT_SECTOR, grub::BOOT_SECTOR_BYTES, grub::CORE);
    let offset = grub::CORE_SECTOR * 512;
    format!(
        "partition bios {{\npartition-type-uuid = \"{BIOS_BOOT}\"\npartition-uuid = \"{}\"\n\
         image = \"{core}\"\noffset = {offset}\nsize = 1M\n}}\n\
         partition mbr {{\nin-partition-table = false\nimage = \"{sector}\"\noffset = 0\nsize = {bytes}\n}}\n",
        ids.bios
    )
}
