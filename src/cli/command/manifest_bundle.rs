//! A manifest with the files that it names: from a file, a directory or a tar file, and from the web.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::GzDecoder;
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::invocation::Invocation;
use crate::client::error::Failure;
use crate::client::pack::{Choice, Form, pack};
use crate::manifest::{self, Manifest, Source};
use crate::rpc::{WebClient, WebLimits, WebRequest};
use crate::service::kind_names;
use crate::sys::{self, chain, file};

/// The manifest in a directory.
const NAME: &str = "manifest.json";
/// An archive from a slow server; it is in memory before it is on the disk.
const LIMITS: WebLimits =
    WebLimits { connect: Duration::from_secs(20), whole: Duration::from_secs(1800), max_answer_bytes: 512 << 20 };

/// A manifest with the files that it names.
pub(super) struct Bundle {
    /// The manifest's text.
    pub text: String,
    /// Where each file is, by what the manifest calls it.
    files: BTreeMap<String, PathBuf>,
    /// Holds what was unpacked, packed and fetched.
    work: TempDir,
}

impl Bundle {
    /// Reads the manifest at `path`, and gets the files that it names.
    ///
    /// # Errors
    /// There is none, it is no JSON, or a file cannot be had. What else is wrong with a manifest the director tells.
    pub(super) async fn read(run: &Invocation, path: &Path) -> Result<Bundle, Failure> {
        let work = TempDir::new().map_err(|error| Failure::said(format!("cannot make a directory: {error}")))?;
        let (path, place) = (path.to_owned(), work.path().to_owned());
        let (directory, text) = sys::blocking(move || open(&path, &place)).await?;
        if let Err(error) = serde_json::from_str::<Value>(&text) {
            // Under its old name the client says what it always said.
            let detail = if run.has_old_name { String::new() } else { format!(": {error}") };
            return Err(Failure::said(format!("The uploaded manifest is not valid json{detail}")));
        }
        if !all_have_types(&text) {
            return Err(Failure::said("The \"Type\" field is mandatory"));
        }
        let mut bundle = Bundle { text, files: BTreeMap::new(), work };
        if let Ok(manifest) = manifest::read(&bundle.text, &kind_names()) {
            bundle.collect(run, &manifest, &directory).await?;
        }
        Ok(bundle)
    }

    /// Returns the files: what the manifest calls each, and where it is.
    pub(super) fn files(&self) -> Vec<(&str, &Path)> {
        self.files.iter().map(|(name, path)| (name.as_str(), path.as_path())).collect()
    }

    async fn collect(&mut self, run: &Invocation, manifest: &Manifest, directory: &Path) -> Result<(), Failure> {
        for (place, entry) in manifest.services.iter().enumerate() {
            for (key, text) in entry.files() {
                let fail = |reason: String| Failure::said(format!("Services[{place}].{key}: {reason}"));
                let own = self.work.path().join(format!("file-{}", self.files.len()));
                let path = match Source::of(text).map_err(fail)? {
                    Source::Beside(path) => beside(&directory.join(path), own).await.map_err(fail)?,
                    Source::Web(url) => {
                        run.printer.note(&format!("{url} is fetched."));
                        fetch(&url, &own).await.map_err(fail)?;
                        own
                    }
                };
                self.files.insert(text.to_owned(), path);
            }
        }
        Ok(())
    }
}

/// Returns the directory of a manifest, and its text. Blocking.
fn open(path: &Path, work: &Path) -> Result<(PathBuf, String), Failure> {
    let missing = || Failure::said("The specified path does not contain a file");
    let not_json = |_| Failure::said("The uploaded manifest is not valid json");
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let is_packed = name.ends_with(".tar.gz") || name.ends_with(".tgz");
    let (directory, file) = if path.is_dir() {
        (path.to_owned(), path.join(NAME))
    } else if name.ends_with(".tar") || is_packed {
        let fail = |error: std::io::Error| Failure::said(format!("cannot unpack '{}': {error}", path.display()));
        let opened = File::open(path).map_err(|_| missing())?;
        let unpacked = work.join("unpacked");
        match is_packed {
            true => tar::Archive::new(GzDecoder::new(opened)).unpack(&unpacked).map_err(fail)?,
            false => tar::Archive::new(opened).unpack(&unpacked).map_err(fail)?,
        }
        (unpacked.clone(), unpacked.join(NAME))
    } else {
        (path.parent().unwrap_or(Path::new("")).to_owned(), path.to_owned())
    };
    if !file.is_file() {
        return Err(missing());
    }
    let text = file::read_text(&file).map_err(not_json)?;
    Ok((directory, text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()))
}

fn all_have_types(text: &str) -> bool {
    let manifest: Value = serde_json::from_str(text).unwrap_or_default();
    let has_type = |service: &Value| service.get("Type").and_then(Value::as_str).is_some_and(|kind| !kind.is_empty());
    let services = manifest.get("Services").and_then(Value::as_array);
    services.is_none_or(|services| services.iter().all(has_type))
}

/// Returns a file beside the manifest; a directory is packed into `own`.
async fn beside(path: &Path, own: PathBuf) -> Result<PathBuf, String> {
    let path = path.to_owned();
    sys::blocking(move || {
        if path.is_dir() {
            let packed = pack(&path, Choice::NotIgnored, Form::of(&path)).map_err(|failure| failure.text)?;
            packed.archive.persist(&own).map_err(|error| error.to_string())?;
            return Ok(own);
        }
        match File::open(&path) {
            Ok(_) => Ok(path),
            Err(error) => Err(format!("cannot read '{}': {error}", path.display())),
        }
    })
    .await
}

async fn fetch(url: &str, path: &Path) -> Result<(), String> {
    let client = sys::blocking(|| WebClient::with_tls(LIMITS)).await.map_err(|error| chain(&error))?;
    let answer = client.send(&WebRequest::get(url)).await.map_err(|error| chain(&error))?;
    if answer.status != 200 {
        return Err(format!("{url} answers {}", answer.status));
    }
    let path = path.to_owned();
    let written = sys::blocking(move || std::fs::write(path, &answer.body)).await;
    written.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_a_file_or_lies_in_a_directory_or_a_tar_file() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let text = r#"{"Application": "a", "Services": [{"Type": "php", "Archive": "code"}]}"#;
        std::fs::create_dir(at("shop")).unwrap();
        std::fs::write(at("shop/manifest.json"), format!("\u{feff}{text}")).unwrap();
        let mut tar = tar::Builder::new(File::create(at("shop.tar")).unwrap());
        tar.append_dir_all(".", at("shop")).unwrap();
        tar.finish().unwrap();
        for name in ["shop", "shop.tar", "shop/manifest.json"] {
            let work = tempfile::tempdir().unwrap();
            let (directory, read) = open(&at(name), work.path()).unwrap();
            assert_eq!(read, text, "{name}");
            assert!(directory.join("manifest.json").is_file(), "{name}");
        }
        for missing in ["none", "none.tar", "."] {
            let refusal = open(&at(missing), place.path()).unwrap_err().text;
            assert_eq!(refusal, "The specified path does not contain a file", "{missing}");
        }
        assert!(all_have_types(text) && !all_have_types(r#"{"Services": [{"Type": ""}]}"#) && all_have_types("{}"));
    }

    #[tokio::test]
    async fn a_directory_is_packed_and_a_missing_file_named() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("code")).unwrap();
        std::fs::write(place.path().join("code/index.php"), "<?php").unwrap();
        let own = place.path().join("own");
        assert_eq!(beside(&place.path().join("code"), own.clone()).await, Ok(own.clone()));
        assert!(std::fs::metadata(own).unwrap().len() > 0);
        let refusal = beside(&place.path().join("none"), place.path().join("x")).await.unwrap_err();
        assert!(refusal.starts_with("cannot read '"), "{refusal}");
    }
}
