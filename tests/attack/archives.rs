//! Archives: one that lies about its entries, and one that is large.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;

use super::host::process_of;
use super::scene::{Found, Scene};
use super::tenant::pack;

/// Uploads a zip file whose end says one entry, of which there are a million, to the attacker's own manager.
pub(crate) fn lie(scene: &Scene<'_>) -> anyhow::Result<Found> {
    let vmid = &scene.application.manager_vmid;
    let manager = process_of("manager", vmid).context("the attacker's manager does not run")?;
    let n_entries = scene.form.choose(1_500_000, 300_000);
    let archive = lying_archive(scene, n_entries)?;
    let mut found = Found::default();
    match scene.application.upload(&archive) {
        Ok(code) => found.figures.push(format!("taken as {code}")),
        Err(error) => {
            let text = format!("{error:#}");
            found
                .figures
                .push(format!("refused: {}", text.lines().find(|line| line.contains("ERROR")).unwrap_or(&text)));
        }
    }
    found.expect(process_of("manager", vmid) == Some(manager), "the manager has died of the archive");
    fs::remove_file(archive)?;
    Ok(found)
}

/// Writes a zip file with a directory of so many entries, whose end says that there is one.
fn lying_archive(scene: &Scene<'_>, n_entries: u32) -> anyhow::Result<PathBuf> {
    let path = scene.state.join("lying.zip");
    let mut file = BufWriter::new(File::create(&path)?);
    let name = b"run.sh";
    let mut local = vec![0; 30];
    local[..6].copy_from_slice(b"PK\x03\x04\x14\0");
    local[26] = 6;
    file.write_all(&local)?;
    file.write_all(name)?;
    let mut entry = vec![0; 46];
    entry[..8].copy_from_slice(b"PK\x01\x02\x14\0\x14\0");
    entry[28] = 6;
    for _ in 0..n_entries {
        file.write_all(&entry)?;
        file.write_all(name)?;
    }
    let (start, size) = (36_u64, u64::from(n_entries) * 52);
    // The directory's 64-bit end says the truth, the old one lies.
    file.write_all(b"PK\x06\x06")?;
    file.write_all(&44_u64.to_le_bytes())?;
    // Two versions, then two numbers of disks.
    file.write_all(&[45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
    for number in [u64::from(n_entries), u64::from(n_entries), size, start] {
        file.write_all(&number.to_le_bytes())?;
    }
    file.write_all(b"PK\x06\x07\0\0\0\0")?;
    file.write_all(&(start + size).to_le_bytes())?;
    file.write_all(&1_u32.to_le_bytes())?;
    file.write_all(b"PK\x05\x06\0\0\0\0\x01\0\x01\0")?;
    file.write_all(&u32::try_from(size)?.to_le_bytes())?;
    file.write_all(&u32::try_from(start)?.to_le_bytes())?;
    file.write_all(&[0, 0])?;
    file.into_inner()?.sync_all()?;
    Ok(path)
}

/// Packs code with a file of so many bytes.
pub(crate) fn code_of(scene: &Scene<'_>, n_bytes: usize) -> anyhow::Result<PathBuf> {
    let (directory, archive) = (scene.state.join("large"), scene.state.join("large.tar"));
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("data"), vec![b'x'; n_bytes])?;
    pack(&directory, &archive)?;
    Ok(archive)
}
