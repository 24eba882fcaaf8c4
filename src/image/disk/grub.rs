//! The boot loader of disks: one GRUB, put where UEFI and where BIOS look for it.
//!
//! Both read kernel, initial RAM disk and `/boot/grub/grub.cfg` from the root file system, where packages of the running
//! system keep them. Nothing is mounted, and the same GRUB makes the same bytes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::image::recipe::architecture::Architecture;
use crate::image::recipe::disk_ids::DiskIds;
use crate::image::root::job::{Job, Tool};

/// The first code that a PC runs, in the disk's first sector: the name of its file in a directory of parts.
pub(crate) const BOOT_SECTOR: &str = "mbr.img";
/// Behind it the disk's signature and the table begin.
pub(crate) const BOOT_SECTOR_BYTES: usize = 440;
/// GRUB itself for PCs, which that code loads: the name of its file in a directory of parts.
pub(crate) const CORE: &str = "grub.img";
/// In which sector of 512 bytes that begins.
pub(crate) const CORE_SECTOR: u64 = 2048;

/// The directory of GRUB's parts for PCs.
const BIOS_DIRECTORY: &str = "/usr/lib/grub/i386-pc";
/// The modules with which GRUB finds and starts a kernel, and lets people choose another one.
const MODULES: &[&str] = &[
    "all_video",
    "cat",
    "configfile",
    "echo",
    "ext2",
    "fat",
    "gzio",
    "halt",
    "linux",
    "ls",
    "minicmd",
    "normal",
    "part_gpt",
    "part_msdos",
    "reboot",
    "search",
    "search_fs_file",
    "search_fs_uuid",
    "search_label",
    "serial",
    "sleep",
    "terminal",
    "test",
];

/// Puts GRUB for UEFI into `boot`, the content of the EFI system partition.
///
/// # Errors
/// GRUB for this architecture is missing.
pub(crate) async fn for_uefi(job: &Job<'_>, boot: &Path) -> Result<()> {
    let (format, name, package) = match job.plan.architecture {
        Architecture::Amd64 => ("x86_64-efi", "BOOTX64.EFI", "grub-efi-amd64-bin"),
        Architecture::Arm64 => ("arm64-efi", "BOOTAA64.EFI", "grub-efi-arm64-bin"),
        Architecture::Armhf => ("arm-efi", "BOOTARM.EFI", "grub-efi-arm-bin"),
    };
    let directory = boot.join("EFI/BOOT");
    fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let scratch = job.place.scratch("grub-uefi")?;
    let configuration = first_configuration(job, scratch.path())?;
    make(job, format, &configuration, &["efi_gop"], &directory.join(name), package).await
}

/// Makes [`BOOT_SECTOR`] and [`CORE`] in the directory `parts`.
///
/// # Errors
/// GRUB for PCs is missing or unknown.
pub(crate) async fn for_bios(job: &Job<'_>, parts: &Path) -> Result<()> {
    let scratch = job.place.scratch("grub-bios")?;
    let configuration = first_configuration(job, scratch.path())?;
    let core = parts.join(CORE);
    make(job, "i386-pc", &configuration, &["biosdisk"], &core, "grub-pc-bin").await?;
    let mut bytes = fs::read(&core)?;
    place_core(&mut bytes).with_context(|| format!("cannot use {}", core.display()))?;
    fs::write(&core, bytes)?;
    let original = Path::new(BIOS_DIRECTORY).join("boot.img");
    let mut sector = fs::read(&original).with_context(|| format!("cannot read {}", original.display()))?;
    place_boot_sector(&mut sector).with_context(|| format!("cannot use {}", original.display()))?;
    fs::write(parts.join(BOOT_SECTOR), &sector[..BOOT_SECTOR_BYTES])?;
    Ok(())
}

/// Writes the configuration that GRUB carries within itself, by which it finds the rest.
fn first_configuration(job: &Job<'_>, directory: &Path) -> Result<PathBuf> {
    let path = directory.join("first.cfg");
    let text = format!(
        "search --no-floppy --fs-uuid {} --set=root\nset prefix=($root)/boot/grub\nconfigfile ($root)/boot/grub/grub.cfg\n",
        DiskIds::of(&job.plan.root_key).root
    );
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

async fn make(
    job: &Job<'_>,
    format: &str,
    configuration: &Path,
    more: &[&str],
    target: &Path,
    package: &str,
) -> Result<()> {
    // Not grub-mkstandalone: its archive holds the time at which it ran.
    let tool = Tool::new("grub-mkimage").with(["--format", format, "--prefix", ""]);
    let tool = tool.option("--config=", configuration.as_os_str()).option("--output=", target.as_os_str());
    let outcome = job.tool(tool.with(MODULES).with(more)).await;
    outcome.with_context(|| format!("cannot make GRUB ({format}); apt-get install {package}, if it is missing"))
}

/// The sector of GRUB's core in the boot sector, eight bytes.
const BOOT_CORE_SECTOR: usize = 0x5c;
/// A jump over the code that mistrusts a BIOS; `grub-bios-setup` takes it out on hard disks.
const BOOT_DRIVE_CHECK: usize = 0x66;
/// The sector of the core's rest in its first sector, eight bytes.
const CORE_REST_SECTOR: usize = 0x1f4;

fn place_boot_sector(sector: &mut [u8]) -> Result<()> {
    ensure!(sector.len() == 512, "it is not one sector long");
    replace(sector, BOOT_CORE_SECTOR, &1_u64.to_le_bytes(), &CORE_SECTOR.to_le_bytes())?;
    let jump = [sector[BOOT_DRIVE_CHECK], sector[BOOT_DRIVE_CHECK + 1]];
    ensure!(jump[0] == 0xeb, "it has another form than GRUB 2 gives it");
    replace(sector, BOOT_DRIVE_CHECK, &jump, &[0x90, 0x90])
}

fn place_core(core: &mut [u8]) -> Result<()> {
    ensure!((1024..1 << 20).contains(&core.len()), "its size of {} bytes is not that of GRUB's core", core.len());
    replace(core, CORE_REST_SECTOR, &2_u64.to_le_bytes(), &(CORE_SECTOR + 1).to_le_bytes())
}

/// Puts `new` where `old` must be.
fn replace(bytes: &mut [u8], at: usize, old: &[u8], new: &[u8]) -> Result<()> {
    let place = bytes.get_mut(at..at + old.len()).context("it is too short")?;
    ensure!(place == old, "it has another form than GRUB 2 gives it");
    place.copy_from_slice(new);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_grubs_is_refused_untouched() {
        let mut sector = vec![0; 512];
        assert!(place_boot_sector(&mut sector).is_err());
        assert_eq!(sector, vec![0; 512]);
        assert!(place_boot_sector(&mut [0; 100]).is_err());
        assert!(place_core(&mut vec![0; 4096]).is_err());
        assert!(place_core(&mut [0; 512]).is_err());
    }

    #[test]
    fn the_sectors_of_the_core_are_written_where_grub_reads_them() {
        let mut sector = vec![0; 512];
        sector[BOOT_CORE_SECTOR] = 1;
        sector[BOOT_DRIVE_CHECK..BOOT_DRIVE_CHECK + 2].copy_from_slice(&[0xeb, 0x05]);
        place_boot_sector(&mut sector).unwrap();
        assert_eq!(sector[0x5c..0x64], [0, 8, 0, 0, 0, 0, 0, 0]);
        assert_eq!(sector[0x66..0x68], [0x90, 0x90]);
        let mut core = vec![0; 4096];
        core[CORE_REST_SECTOR] = 2;
        place_core(&mut core).unwrap();
        assert_eq!(core[0x1f4..0x1fc], [1, 8, 0, 0, 0, 0, 0, 0]);
    }
}
