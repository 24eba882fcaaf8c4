//! Disk images: partitions put together by genimage, and the other forms of them.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::ids::DiskIds;
use super::recipe::{Layout, Output};
use super::root::{RootArchives, unpack};
use super::script::{Job, Tool};
use super::workplace::finish;
use super::{ext4, fat};

/// Boot code for a disk with a GPT: it starts the partition that is marked for it.
const BIOS_CODE: &str = "/usr/lib/syslinux/mbr/gptmbr.bin";
/// Behind it the disk's signature and the table begin.
const BIOS_CODE_BYTES: usize = 440;
/// Where syslinux's own files go in the FAT file system.
const SYSLINUX_DIRECTORY: &str = "syslinux";

/// Makes the raw disk image in the file `image`.
///
/// # Errors
/// Something does not fit, the disk is full, or the build is to stop.
pub(super) async fn make(job: &Job<'_>, archives: &RootArchives, layout: &Layout, image: &Path) -> Result<()> {
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
    if layout.boots_by_bios {
        fs::create_dir_all(boot.join(SYSLINUX_DIRECTORY)).context("cannot make a directory for syslinux")?;
    }
    let fat = parts.join("boot.vfat");
    fat::make(job, &boot, layout, &fat).await?;
    if layout.boots_by_bios {
        let syslinux = Tool::new("syslinux").with(["--install", "--directory", SYSLINUX_DIRECTORY]);
        job.tool(syslinux.with([&fat])).await.context("apt-get install syslinux, if it is missing")?;
    }
    job.begin("disk image");
    let out = assemble(job, &scratch.directory("genimage")?, &parts).await?;
    if layout.boots_by_bios {
        write_boot_code(&out)?;
    }
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
        Output::Disk(layout, _) => (
            format!("partition-table-type = \"gpt\"\ndisk-uuid = \"{}\"", ids.disk),
            format!(
                "partition-type-uuid = \"U\"\npartition-uuid = \"{}\"\nbootable = {}",
                ids.partitions[0], layout.boots_by_bios
            ),
            format!("partition-type-uuid = \"L\"\npartition-uuid = \"{}\"", ids.partitions[1]),
        ),
        Output::Sd(..) | Output::Directory => (
            format!("partition-table-type = \"mbr\"\ndisk-signature = \"{:#010x}\"", ids.signature),
            "partition-type = 0xC\nbootable = true".to_owned(),
            "partition-type = 0x83".to_owned(),
        ),
    };
    format!(
        "image disk.img {{\nhdimage {{\n{table}\nalign = 1M\n}}\n\
         partition boot {{\n{first}\nimage = \"boot.vfat\"\noffset = 4M\n}}\n\
         partition root {{\n{second}\nimage = \"root.ext4\"\n}}\n}}\n"
    )
}

fn write_boot_code(image: &Path) -> Result<()> {
    let code =
        fs::read(BIOS_CODE).with_context(|| format!("{BIOS_CODE} is missing: apt-get install syslinux-common"))?;
    anyhow::ensure!(code.len() <= BIOS_CODE_BYTES, "{BIOS_CODE} is longer than boot code can be");
    let write = || {
        let mut file = OpenOptions::new().write(true).open(image)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&code)
    };
    write().with_context(|| format!("cannot write the boot code into {}", image.display()))
}
