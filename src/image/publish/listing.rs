//! Lists of the output directory for those who download from it: hashes of all
//! files, and the list that Raspberry Pi Imager reads.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::artefact::{Artefact, Offer, Record};
use super::os_list::{DeviceArchitecture, Published, os_list};
use crate::image::recipe::architecture::Architecture;
use crate::sys::file;

/// Hashes, as `sha256sum --check` reads them.
const SUMS: &str = "SHA256SUMS";
/// For `rpi-imager --repo`.
const LIST: &str = "os_list.json";

/// Writes both files anew, from the records of all images below `output`. `url` is where the files will be. Blocking.
///
/// # Errors
/// The records cannot be read, the files cannot be written, or Imager would refuse the description of an image.
pub(crate) fn write(output: &Path, url: &str) -> Result<()> {
    let work = output.join("work");
    let mut records = Vec::new();
    for entry in fs::read_dir(&work).with_context(|| format!("cannot read {}", work.display()))? {
        records.push(Record::read(&entry?.path()));
    }
    let mut lines: Vec<(&str, String)> = Vec::new();
    let mut images = Vec::new();
    for record in &records {
        let present = record.present(output);
        for artefact in &present {
            lines.push((&artefact.file, format!("{}  {}\n", artefact.sha256, artefact.file)));
        }
        images.extend(record.offer().and_then(|offer| published(offer, &present, url)));
    }
    if !lines.is_empty() {
        lines.sort();
        let text: String = lines.into_iter().map(|(_, line)| line).collect();
        file::write_atomic(&output.join(SUMS), text.as_bytes(), 0o644)?;
    }
    if !images.is_empty() {
        images.sort_by(|one, other| one.url.cmp(&other.url));
        file::write_atomic(&output.join(LIST), os_list(&images)?.as_bytes(), 0o644)?;
    }
    Ok(())
}

/// Returns the entry of an image that is there and compressed; `None` for PCs, which Imager does not know.
fn published(offer: &Offer, present: &[&Artefact], url: &str) -> Option<Published> {
    let find = |name: &str| present.iter().find(|artefact| artefact.file == name);
    let image = find(&offer.image)?;
    let download = find(&format!("{}.xz", offer.image))?;
    let date = chrono::DateTime::from_timestamp(i64::try_from(offer.epoch).ok()?, 0)?;
    let (architecture, bits) = match offer.architecture {
        Architecture::Arm64 => (DeviceArchitecture::Arm64, 64),
        Architecture::Armhf => (DeviceArchitecture::Armhf, 32),
        Architecture::Amd64 => return None,
    };
    // Imager has one tag for them: where people choose among all images, it shows this one for each of them.
    let note = match architecture {
        DeviceArchitecture::Arm64 => " (Raspberry Pi 5: experimental; not for 500 and Compute Module 5)",
        DeviceArchitecture::Armhf => "",
    };
    Some(Published {
        name: format!("{} ({bits}-bit)", offer.name),
        description: format!("{}{note}", offer.about),
        icon: offer.icon.clone(),
        url: format!("{}/{}", url.trim_end_matches('/'), download.file),
        website: offer.website.clone(),
        architecture,
        extract_size: image.bytes,
        extract_sha256: image.sha256.clone(),
        image_download_size: download.bytes,
        image_download_sha256: download.sha256.clone(),
        release_date: date.date_naive(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::image::recipe::cache_key::CacheKeyBuilder;

    /// Cards have whole sectors.
    fn sectors(text: &str) -> String {
        format!("{text:512}")
    }

    #[test]
    fn lists_name_what_is_there_and_nothing_else() {
        let output = tempfile::tempdir().unwrap();
        let work = output.path().join("work/card-arm64");
        fs::create_dir_all(&work).unwrap();
        let key = CacheKeyBuilder::new("test").finish();
        let mut record = Record::read(&work);
        for name in ["card-arm64.img", "card-arm64.img.xz"] {
            fs::write(output.path().join(name), sectors(name)).unwrap();
            record.add(output.path(), name, &key).unwrap();
        }
        let offer = Offer {
            name: "Card".to_owned(),
            about: "A card.".to_owned(),
            icon: "https://example.org/icon.png".to_owned(),
            website: None,
            architecture: Architecture::Arm64,
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
        assert_eq!(entry["name"], "Card (64-bit)");
        let description = entry["description"].as_str().unwrap();
        assert!(description.starts_with("A card.") && description.contains("not for 500"), "{description}");
        assert_eq!(entry["url"], "https://example.org/images/card-arm64.img.xz");
        assert_eq!((&entry["extract_size"], &entry["release_date"]), (&json!(512), &json!("2024-01-01")));
        // A file that somebody wrote into is no longer what was made.
        fs::write(output.path().join("card-arm64.img"), "somebody booted it").unwrap();
        assert!(Record::read(&work).find(output.path(), "card-arm64.img", &key).is_none());
        write(output.path(), "https://example.org").unwrap();
        assert_eq!(read(SUMS).lines().count(), 1);
    }
}
