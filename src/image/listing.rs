//! What lies in the output directory, for those who download it: hashes of all
//! files, and the list that Raspberry Pi Imager reads.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::artefact::{Artefact, Offer, Record};
use crate::sys::file;

/// Hashes, as `sha256sum --check` reads them.
const SUMS: &str = "SHA256SUMS";
/// For `rpi-imager --repo`.
const LIST: &str = "os_list.json";

/// Writes both files anew, from the records of all images below `output`. `url` is where the files will be. Blocking.
///
/// # Errors
/// The records cannot be read, or the files not be written.
pub(super) fn write(output: &Path, url: &str) -> Result<()> {
    let work = output.join("work");
    let mut records = Vec::new();
    for entry in fs::read_dir(&work).with_context(|| format!("cannot read {}", work.display()))? {
        records.push(Record::read(&entry?.path()));
    }
    let mut lines: Vec<String> = Vec::new();
    let mut offers: Vec<(&str, Value)> = Vec::new();
    for record in &records {
        let present = record.present(output);
        lines.extend(present.iter().map(|artefact| format!("{}  {}\n", artefact.sha256, artefact.file)));
        if let Some(offer) = record.offer()
            && let Some(entry) = entry(offer, &present, url)
        {
            offers.push((&offer.image, entry));
        }
    }
    if !lines.is_empty() {
        lines.sort_by(|one, other| one[64..].cmp(&other[64..]));
        file::write_atomic(&output.join(SUMS), lines.concat().as_bytes(), 0o644)?;
    }
    if !offers.is_empty() {
        offers.sort_by(|one, other| one.0.cmp(other.0));
        let entries: Vec<Value> = offers.into_iter().map(|(_, entry)| entry).collect();
        let text = serde_json::to_string_pretty(&json!({ "os_list": entries }))? + "\n";
        file::write_atomic(&output.join(LIST), text.as_bytes(), 0o644)?;
    }
    Ok(())
}

/// The list's entry for an image, once it is there and compressed.
fn entry(offer: &Offer, present: &[&Artefact], url: &str) -> Option<Value> {
    let find = |name: &str| present.iter().find(|artefact| artefact.file == name);
    let image = find(&offer.image)?;
    let download = find(&format!("{}.xz", offer.image))?;
    let date = chrono::DateTime::from_timestamp(i64::try_from(offer.epoch).ok()?, 0)?;
    Some(json!({
        "name": offer.name,
        "description": offer.about,
        "url": format!("{}/{}", url.trim_end_matches('/'), download.file),
        "extract_size": image.bytes,
        "extract_sha256": image.sha256,
        "image_download_size": download.bytes,
        "image_download_sha256": download.sha256,
        "release_date": date.format("%Y-%m-%d").to_string(),
        "init_format": offer.init_format,
        "devices": offer.devices,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::key::KeyMaker;
    use super::*;

    #[test]
    fn lists_name_what_is_there_and_nothing_else() {
        let output = tempfile::tempdir().unwrap();
        let work = output.path().join("work/card-arm64");
        fs::create_dir_all(&work).unwrap();
        let key = KeyMaker::new("test").finish();
        let mut record = Record::read(&work);
        for name in ["card-arm64.img", "card-arm64.img.xz"] {
            fs::write(output.path().join(name), name).unwrap();
            record.add(output.path(), name, &key).unwrap();
        }
        let offer = Offer {
            name: "Card".to_owned(),
            about: "A card.".to_owned(),
            devices: vec!["pi4-64bit".to_owned()],
            init_format: "systemd".to_owned(),
            epoch: 1_704_067_200,
            image: "card-arm64.img".to_owned(),
        };
        record.set_offer(Some(offer)).unwrap();
        write(output.path(), "https://example.org/images/").unwrap();
        let read = |name: &str| fs::read_to_string(output.path().join(name)).unwrap();
        let sums = read(SUMS);
        assert_eq!(sums.lines().count(), 2);
        assert!(sums.lines().next().unwrap().ends_with("  card-arm64.img"), "{sums}");
        let list: Value = serde_json::from_str(&read(LIST)).unwrap();
        let entry = &list["os_list"][0];
        assert_eq!(entry["url"], "https://example.org/images/card-arm64.img.xz");
        assert_eq!((&entry["extract_size"], &entry["release_date"]), (&json!(14), &json!("2024-01-01")));
        // A file that somebody wrote into is no longer what was made.
        fs::write(output.path().join("card-arm64.img"), "somebody booted it").unwrap();
        assert!(Record::read(&work).find(output.path(), "card-arm64.img", &key).is_none());
        write(output.path(), "https://example.org").unwrap();
        assert_eq!(read(SUMS).lines().count(), 1);
    }
}
