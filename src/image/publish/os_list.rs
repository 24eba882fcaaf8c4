//! The list by which Raspberry Pi Imager offers images (`os_list.json`).
//!
//! The fields and their meaning are those of Imager's published schema
//! (`doc/json-schema/os-list-schema.json` of raspberrypi/rpi-imager).
//! People give the list to Imager as its content repository, so it is a
//! top-level one: it also names the devices that Imager lets them choose.
//!
//! Pure: whoever built the images tells their sizes and sums.

use chrono::NaiveDate;
use serde::Serialize;

/// One image to be offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    /// The name by which people choose it.
    pub name: String,
    /// One sentence below the name.
    pub description: String,
    /// Picture of 40 by 40 pixels: a URL.
    pub icon: String,
    /// Where the compressed image is: `https:`, or `file:` for a list that is used at home.
    pub url: String,
    /// A page about it.
    pub website: Option<String>,
    /// For which processors it is built.
    pub architecture: DeviceArchitecture,
    /// Bytes of the image itself.
    pub extract_size: u64,
    /// SHA-256 of the image itself. Imager refuses an image with another one.
    pub extract_sha256: String,
    /// Bytes of the compressed image.
    pub image_download_size: u64,
    /// SHA-256 of the compressed image.
    pub image_download_sha256: String,
    /// When it was made.
    pub release_date: NaiveDate,
}

/// The processors of devices that an image may be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceArchitecture {
    /// 64 bits: Raspberry Pi 3, 4, 5 and Zero 2 W.
    Arm64,
    /// 32 bits with hardware floating point: Raspberry Pi 2, 3 and 4.
    Armhf,
}

/// Why a list is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{image}' cannot stand in Imager's list: {field} {problem}")]
pub(crate) struct OsListError {
    /// The image's name.
    pub image: String,
    /// The field, as the schema spells it.
    pub field: &'static str,
    /// The reason why Imager refuses it.
    pub problem: String,
}

/// Returns the list as JSON text, for a file that ends in `.json`.
///
/// # Errors
/// The first value that Imager would not take.
pub(crate) fn os_list(images: &[Published]) -> Result<String, OsListError> {
    let entries = images.iter().map(entry).collect::<Result<Vec<Entry<'_>>, _>>()?;
    let is_used =
        |device: &&Device| entries.iter().any(|entry| entry.devices.iter().any(|tag| device.tags.contains(tag)));
    let list = OsList { imager: Imager { devices: DEVICES.iter().filter(is_used).collect() }, os_list: &entries };
    let text = serde_json::to_string_pretty(&list).expect("texts, numbers and lists are always JSON");
    Ok(text + "\n")
}

/// Imager then offers its own customisation and writes `user-data` and
/// `network-config`, which the first boot reads.
const INIT_FORMAT: &str = "cloudinit";

#[derive(Serialize)]
struct OsList<'a> {
    imager: Imager,
    os_list: &'a [Entry<'a>],
}

#[derive(Serialize)]
struct Imager {
    devices: Vec<&'static Device>,
}

/// A device that people can choose; an image is shown when one of its tags is among `devices`.
#[derive(Serialize)]
struct Device {
    name: &'static str,
    description: &'static str,
    icon: &'static str,
    tags: &'static [&'static str],
    matching_type: &'static str,
}

const DEVICES: &[Device] = &[
    Device {
        name: "Raspberry Pi 5",
        description: "Raspberry Pi 5, experimental; 500 and Compute Module 5 do not start",
        icon: "https://downloads.raspberrypi.com/imager/icons/RPi_5.png",
        tags: &["pi5-64bit"],
        matching_type: "exclusive",
    },
    Device {
        name: "Raspberry Pi 4",
        description: "Raspberry Pi 4 Model B, 400, and Compute Module 4 / 4S",
        icon: "https://downloads.raspberrypi.com/imager/icons/RPi_4.png",
        tags: &["pi4-64bit", "pi4-32bit"],
        matching_type: "exclusive",
    },
    Device {
        name: "Raspberry Pi Zero 2 W",
        description: "The Raspberry Pi Zero 2 W",
        icon: "https://downloads.raspberrypi.com/imager/icons/RPi_Zero_2_W.png",
        tags: &["pi3-64bit", "pi3-32bit"],
        matching_type: "exclusive",
    },
    Device {
        name: "Raspberry Pi 3",
        description: "Raspberry Pi 3 Model A+ / B / B+ and Compute Module 3 / 3+",
        icon: "https://downloads.raspberrypi.com/imager/icons/RPi_3.png",
        tags: &["pi3-64bit", "pi3-32bit"],
        matching_type: "exclusive",
    },
    Device {
        name: "Raspberry Pi 2",
        description: "Raspberry Pi 2 Model B",
        icon: "https://downloads.raspberrypi.com/imager/icons/RPi_2.png",
        tags: &["pi2-32bit"],
        matching_type: "exclusive",
    },
];

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    description: &'a str,
    icon: &'a str,
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    website: Option<&'a str>,
    extract_size: u64,
    extract_sha256: &'a str,
    image_download_size: u64,
    image_download_sha256: &'a str,
    release_date: String,
    init_format: &'static str,
    architecture: &'static str,
    devices: &'static [&'static str],
}

fn entry(image: &Published) -> Result<Entry<'_>, OsListError> {
    check(image)?;
    let (architecture, devices): (_, &[&str]) = match image.architecture {
        DeviceArchitecture::Arm64 => ("armv8", &["pi5-64bit", "pi4-64bit", "pi3-64bit"]),
        DeviceArchitecture::Armhf => ("armhf", &["pi4-32bit", "pi3-32bit", "pi2-32bit"]),
    };
    Ok(Entry {
        name: &image.name,
        description: &image.description,
        icon: &image.icon,
        url: &image.url,
        website: image.website.as_deref(),
        extract_size: image.extract_size,
        extract_sha256: &image.extract_sha256,
        image_download_size: image.image_download_size,
        image_download_sha256: &image.image_download_sha256,
        release_date: image.release_date.format("%Y-%m-%d").to_string(),
        init_format: INIT_FORMAT,
        architecture,
        devices,
    })
}

fn check(image: &Published) -> Result<(), OsListError> {
    let refuse =
        |field, problem: &str| Err(OsListError { image: image.name.clone(), field, problem: problem.to_owned() });
    for (field, text) in [("name", &image.name), ("description", &image.description), ("icon", &image.icon)] {
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            return refuse(field, "must be a line of text");
        }
    }
    if !["https://", "http://", "file:///"].iter().any(|scheme| image.url.starts_with(scheme)) {
        return refuse("url", "must begin with https://, http:// or file:///");
    }
    // Imager before 1.7 knows no zstd.
    if ![".xz", ".gz", ".zip"].iter().any(|ending| image.url.ends_with(ending)) {
        return refuse("url", "must end in .xz, .gz or .zip");
    }
    for (field, sum) in
        [("extract_sha256", &image.extract_sha256), ("image_download_sha256", &image.image_download_sha256)]
    {
        if sum.len() != 64 || !sum.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return refuse(field, "must be 64 hexadecimal digits in small letters");
        }
    }
    for (field, size) in [("extract_size", image.extract_size), ("image_download_size", image.image_download_size)] {
        if size == 0 {
            return refuse(field, "must be above zero");
        }
    }
    // Cards are written in whole sectors.
    if !image.extract_size.is_multiple_of(512) {
        return refuse("extract_size", "must be a multiple of 512");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn image(architecture: DeviceArchitecture) -> Published {
        Published {
            name: "ConPaaS (64-bit)".to_owned(),
            description: "A whole ConPaaS on one Raspberry Pi".to_owned(),
            icon: "https://example.org/conpaas.png".to_owned(),
            url: "https://example.org/rpi-standalone-arm64.img.xz".to_owned(),
            website: None,
            architecture,
            extract_size: 2 << 30,
            extract_sha256: "0123456789abcdef".repeat(4),
            image_download_size: 321_000_001,
            image_download_sha256: "fedcba9876543210".repeat(4),
            release_date: NaiveDate::from_ymd_opt(2026, 3, 7).unwrap(),
        }
    }

    /// What the schema demands of an entry, with the type of each.
    #[test]
    fn an_entry_has_every_field_that_the_schema_requires() {
        let text = os_list(&[image(DeviceArchitecture::Arm64), image(DeviceArchitecture::Armhf)]).unwrap();
        let list: Value = serde_json::from_str(&text).unwrap();
        for entry in list["os_list"].as_array().unwrap() {
            for field in ["name", "description", "icon", "url", "extract_sha256", "release_date", "init_format"] {
                assert!(entry[field].is_string(), "{field}");
            }
            for field in ["extract_size", "image_download_size"] {
                assert!(entry[field].is_u64(), "{field}");
            }
            assert_eq!(entry["release_date"], "2026-03-07");
            assert_eq!(entry["init_format"], "cloudinit");
            assert!(entry.get("website").is_none());
        }
        assert_eq!(list["os_list"][0]["devices"], serde_json::json!(["pi5-64bit", "pi4-64bit", "pi3-64bit"]));
        assert_eq!(list["os_list"][1]["architecture"], "armhf");
    }

    #[test]
    fn devices_that_no_image_is_for_are_not_offered() {
        let names = |text: &str| -> Vec<String> {
            let list: Value = serde_json::from_str(text).unwrap();
            let devices = list["imager"]["devices"].as_array().unwrap().clone();
            devices.iter().map(|device| device["name"].as_str().unwrap().to_owned()).collect()
        };
        let only_64 = names(&os_list(&[image(DeviceArchitecture::Arm64)]).unwrap());
        assert_eq!(only_64[0], "Raspberry Pi 5");
        assert!(only_64.contains(&"Raspberry Pi 3".to_owned()) && !only_64.contains(&"Raspberry Pi 2".to_owned()));
        let only_32 = names(&os_list(&[image(DeviceArchitecture::Armhf)]).unwrap());
        assert!(only_32.contains(&"Raspberry Pi 2".to_owned()) && !only_32.contains(&"Raspberry Pi 5".to_owned()));
        assert_eq!(names(&os_list(&[]).unwrap()), Vec::<String>::new());
    }

    #[test]
    fn what_imager_would_not_take_is_refused_by_its_field() {
        type Spoil = fn(&mut Published);
        let table: [(&str, Spoil); 8] = [
            ("name", |image| image.name = " ".to_owned()),
            ("description", |image| image.description = "two\nlines".to_owned()),
            ("url", |image| image.url = "ftp://example.org/a.img.xz".to_owned()),
            ("url", |image| image.url = "https://example.org/a.img.zst".to_owned()),
            ("extract_sha256", |image| image.extract_sha256 = "ABCDEF".repeat(11)[..64].to_owned()),
            ("image_download_sha256", |image| image.image_download_sha256 = String::new()),
            ("extract_size", |image| image.extract_size = 1000),
            ("image_download_size", |image| image.image_download_size = 0),
        ];
        for (field, spoil) in table {
            let mut image = image(DeviceArchitecture::Arm64);
            spoil(&mut image);
            let error = os_list(&[image]).unwrap_err();
            assert_eq!(error.field, field, "{error}");
        }
    }
}
