//! The other forms of a disk image, and downloads, with bytes that follow from the raw image.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::ova;
use crate::image::recipe::output::{Format, Machine};
use crate::image::root::job::{Job, Tool};
use crate::image::root::stages::pack_files;
use crate::image::workspace::{Scratch, finish};

/// The offset of the text that describes a VMDK image.
const DESCRIPTOR: u64 = 512;
const DESCRIPTOR_BYTES: usize = 20 * 512;

/// Writes the raw image `raw` in another form to `target`.
pub(crate) async fn convert(job: &Job<'_>, raw: &Path, format: Format, machine: &Machine, target: &Path) -> Result<()> {
    let scratch = job.place.scratch("convert")?;
    job.begin(format.extension());
    let raw = &enlarged(job, raw, machine, &scratch).await?;
    let made = match format {
        Format::Raw => return Ok(()),
        Format::Qcow2 => qemu_img(job, raw, &["-O", "qcow2", "-c"], &scratch.path().join("disk.qcow2")).await?,
        Format::Vmdk => {
            // Its file's name stands in it.
            let image = scratch.path().join(target.file_name().unwrap_or_default());
            vmdk(job, raw, "monolithicSparse", &image).await?
        }
        Format::Ova => appliance(job, raw, machine, &scratch).await?,
    };
    finish(&made, target)
}

/// Makes the disk as big as the machine is to see it. What is more than in `raw` takes no space; the system grows into it when
/// it starts, and then also moves the second table of partitions to the new end.
async fn enlarged(job: &Job<'_>, raw: &Path, machine: &Machine, scratch: &Scratch) -> Result<PathBuf> {
    let Some(disk_mb) = machine.disk_mb else { return Ok(raw.to_owned()) };
    let bytes = disk_mb << 20;
    let content = fs::metadata(raw).with_context(|| format!("cannot read {}", raw.display()))?.len();
    ensure!(bytes >= content, "disk_mb = {disk_mb} is less than the {} MB of what is in it", content.div_ceil(1 << 20));
    let image = scratch.path().join("enlarged.img");
    let copy = Tool::new("cp").with(["--sparse=always", "--reflink=auto"]);
    job.tool(copy.with([raw, &image])).await?;
    let file = OpenOptions::new().write(true).open(&image)?;
    file.set_len(bytes).with_context(|| format!("cannot enlarge {}", image.display()))?;
    Ok(image)
}

/// Compresses a file to `target`.
pub(crate) async fn compress(job: &Job<'_>, source: &Path, target: &Path) -> Result<()> {
    let scratch = job.place.scratch("compress")?;
    job.begin("xz");
    let made = scratch.path().join("image.xz");
    // Blocks of a set size: the bytes do not follow from how many processors there are.
    let script = r#"exec xz --compress --stdout --threads=2 --block-size=64MiB -6 "$1" > "$2""#;
    job.tool(Tool::new("sh").with(["-c", script, "xz"]).with([source, &made])).await?;
    finish(&made, target)
}

async fn qemu_img(job: &Job<'_>, raw: &Path, options: &[&str], image: &Path) -> Result<PathBuf> {
    let tool = Tool::new("qemu-img").with(["convert", "-f", "raw"]).with(options);
    job.tool(tool.with([raw, image])).await?;
    Ok(image.to_owned())
}

async fn vmdk(job: &Job<'_>, raw: &Path, form: &str, image: &Path) -> Result<PathBuf> {
    qemu_img(job, raw, &["-O", "vmdk", "-o", &format!("subformat={form}")], image).await?;
    let id = job.plan.root_key.derive("vmdk");
    set_content_id(image, u32::from_be_bytes([id[0], id[1], id[2], id[3]]))
        .with_context(|| format!("cannot describe {}", image.display()))?;
    Ok(image.to_owned())
}

/// `qemu-img` makes this number up anew each time. It only has to be another one for another content.
fn set_content_id(image: &Path, id: u32) -> Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(image)?;
    let mut bytes = vec![0; DESCRIPTOR_BYTES];
    file.seek(SeekFrom::Start(DESCRIPTOR))?;
    file.read_exact(&mut bytes)?;
    let bytes = with_content_id(&bytes, id).context("qemu-img left no description in the image")?;
    file.seek(SeekFrom::Start(DESCRIPTOR))?;
    file.write_all(&bytes)?;
    Ok(file.sync_all()?)
}

fn with_content_id(descriptor: &[u8], id: u32) -> Option<Vec<u8>> {
    let text = descriptor.split(|byte| *byte == 0).next()?;
    let text = std::str::from_utf8(text).ok()?;
    let line = text.lines().find(|line| line.starts_with("CID="))?;
    let mut bytes = text.replacen(line, &format!("CID={id:08x}"), 1).into_bytes();
    bytes.resize(descriptor.len(), 0);
    Some(bytes)
}

async fn appliance(job: &Job<'_>, raw: &Path, machine: &Machine, scratch: &Scratch) -> Result<PathBuf> {
    let (description, disk) = (format!("{}.ovf", job.plan.name), format!("{}-disk1.vmdk", job.plan.name));
    let files = scratch.directory("files")?;
    let image = vmdk(job, raw, "streamOptimized", &files.join(&disk)).await?;
    let (whole, stored) = (fs::metadata(raw)?.len(), fs::metadata(image)?.len());
    let text = ova::description(machine, &ova::DiskFile { name: &disk, capacity_bytes: whole, stored_bytes: stored });
    fs::write(files.join(&description), text)?;
    let archive = scratch.path().join("appliance.ova");
    // The description comes first, so that it can be read before all of a download is there.
    pack_files(job, &files, &[&description, &disk], &archive).await?;
    Ok(archive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_id_is_replaced_whatever_its_length() {
        for old in ["CID=1", "CID=83659410"] {
            let mut descriptor = format!("# Disk DescriptorFile\nversion=1\n{old}\nparentCID=ffffffff\n").into_bytes();
            descriptor.resize(DESCRIPTOR_BYTES, 0);
            let new = with_content_id(&descriptor, 0xab).unwrap();
            assert_eq!(new.len(), DESCRIPTOR_BYTES);
            let text = String::from_utf8(new).unwrap();
            assert!(
                text.starts_with("# Disk DescriptorFile\nversion=1\nCID=000000ab\nparentCID=ffffffff\n\0"),
                "{text}"
            );
        }
        assert_eq!(with_content_id(&[0; 512], 1), None);
    }
}
