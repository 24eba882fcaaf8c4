//! Reading a manifest: what is wrong is told with its key and its line.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::document::{Manifest, ServiceEntry, Start};
use super::order::order;
use super::source::Source;

/// More services in one manifest are a slip, or a test of patience.
const MAX_SERVICES: usize = 32;

/// What is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ManifestError {
    /// The line, from 1.
    pub line: usize,
    /// The key, such as `Services[0].Archive`; empty where the text is no JSON.
    pub key: String,
    /// Why it cannot be used.
    pub reason: String,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ManifestError {}

/// The outer part, whose services are read one by one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outline<'a> {
    #[serde(rename = "Application", default)]
    application: Option<String>,
    #[serde(rename = "Services", borrow)]
    services: Vec<&'a RawValue>,
}

/// Reads a manifest; `kinds` are those that there are.
///
/// # Errors
/// Returns the first thing that is wrong.
pub(crate) fn read(text: &str, kinds: &[&str]) -> Result<Manifest, ManifestError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let outline: Outline<'_> = serde_json::from_str(text).map_err(|error| fault(&error, 1, ""))?;
    let lines: Vec<usize> = outline.services.iter().map(|service| line_of(text, service.get())).collect();
    let at = |place: usize, key: &str, reason: String| {
        let raw = outline.services.get(place).map_or("", |service| service.get());
        let before = raw.find(&format!("\"{key}\"")).map_or("", |offset| &raw[..offset]);
        let line = lines.get(place).copied().unwrap_or(1) + before.matches('\n').count();
        ManifestError { line, key: format!("Services[{place}].{key}"), reason }
    };
    if outline.services.len() > MAX_SERVICES {
        let reason = format!("{} services are more than {MAX_SERVICES}", outline.services.len());
        return Err(ManifestError { line: 1, key: "Services".to_owned(), reason });
    }
    let mut services = Vec::new();
    for (place, raw) in outline.services.iter().enumerate() {
        let entry: ServiceEntry = serde_json::from_str(raw.get())
            .map_err(|error| fault(&error, lines[place], &format!("Services[{place}]")))?;
        check(&entry, kinds).map_err(|(key, reason)| at(place, key, reason))?;
        services.push(entry);
    }
    check_names(&services).map_err(|(place, key, reason)| at(place, key, reason))?;
    order(&services).map_err(|(place, reason)| at(place, "Links", reason))?;
    Ok(Manifest { application: outline.application, services })
}

fn check(entry: &ServiceEntry, kinds: &[&str]) -> Result<(), (&'static str, String)> {
    if entry.kind.is_empty() {
        return Err(("Type", "it is missing".to_owned()));
    }
    if !kinds.contains(&entry.kind.as_str()) {
        return Err(("Type", format!("there is no kind '{}': say one of {}", entry.kind, kinds.join(", "))));
    }
    if entry.service_name.as_ref().is_some_and(String::is_empty) {
        return Err(("ServiceName", "it is empty".to_owned()));
    }
    for (key, file) in entry.files() {
        Source::of(file).map_err(|reason| (key, reason))?;
    }
    for (name, value) in &entry.environment {
        if value.is_null() {
            return Err(("Environment", format!("'{name}' has no value: write one")));
        }
        if !matches!(value, Value::String(_)) {
            return Err(("Environment", format!("'{name}' is no text")));
        }
    }
    if let Some((name, _)) = entry.volumes.iter().find(|(_, size)| **size < 1) {
        return Err(("Volumes", format!("'{name}' needs a size in MB")));
    }
    if entry.links.len() > 1 {
        return Err(("Links", "a service can be linked to one other".to_owned()));
    }
    if entry.start == Start::Later {
        let needs = [
            ("Password", entry.password.is_some()),
            ("Dump", entry.dump.is_some()),
            ("Volumes", !entry.volumes.is_empty()),
            ("VolumeStartup", !entry.volume_startup.is_empty()),
            ("Run", !entry.run.is_empty()),
        ];
        // A link needs the other service alone.
        if let Some((key, _)) = needs.into_iter().find(|(_, is_there)| *is_there) {
            return Err((key, "it needs a service that is started, and Start is 0".to_owned()));
        }
    }
    Ok(())
}

fn check_names(services: &[ServiceEntry]) -> Result<(), (usize, &'static str, String)> {
    for (place, entry) in services.iter().enumerate() {
        let is_same = |other: &ServiceEntry| match (&entry.service_name, &other.service_name) {
            (Some(name), Some(other)) => name == other,
            (None, None) => entry.kind == other.kind,
            _ => false,
        };
        if services[..place].iter().any(is_same) {
            let (key, reason) = match &entry.service_name {
                Some(name) => ("ServiceName", format!("'{name}' is the name of an earlier service, too")),
                None => {
                    ("Type", "an earlier service of this kind has no ServiceName either: name one of them".to_owned())
                }
            };
            return Err((place, key, reason));
        }
    }
    Ok(())
}

/// `line` is that of the text's first line in the whole.
fn fault(error: &serde_json::Error, line: usize, key: &str) -> ManifestError {
    let told = error.to_string();
    let reason = told.rsplit_once(" at line ").map_or(told.as_str(), |(reason, _)| reason);
    let line = line + error.line().saturating_sub(1);
    ManifestError { line, key: key.to_owned(), reason: reason.to_owned() }
}

/// Returns the line of a part of `text`.
fn line_of(text: &str, part: &str) -> usize {
    let offset = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [&str; 3] = ["php", "mysql", "generic"];

    fn refusal(text: &str) -> String {
        read(text, &KINDS).unwrap_err().to_string()
    }

    #[test]
    fn a_manifest_of_conpaas_2_is_read() {
        let text = r#"{"Application": "Wordpress", "Services": [
            {"Type": "mysql", "ServiceName": "db", "Start": "1", "Password": "x", "StartupInstances": {"mysql": "1"}},
            {"Type": "php", "FrontendName": "site", "Start": 0, "Archive": "https://example.org/w.tar.gz",
             "StartupInstances": {"proxy": 1, "web": 1, "backend": 2}}]}"#;
        let manifest = read(text, &KINDS).unwrap();
        assert_eq!(manifest.application.as_deref(), Some("Wordpress"));
        assert_eq!(manifest.services[0].startup_instances["mysql"], 1);
        assert_eq!(
            (manifest.services[1].start, manifest.services[1].service_name.as_deref()),
            (Start::Later, Some("site"))
        );
        assert!(!format!("{manifest:?}").contains("\"x\""), "{manifest:?}");
        let written = serde_json::to_string(&manifest).unwrap();
        assert_eq!(read(&written, &KINDS).unwrap(), manifest);
    }

    #[test]
    fn shared_storage_begins_with_one_volume_or_several() {
        let of =
            |volumes: &str| format!("{{\"Services\": [{{\"Type\": \"xtreemfs\",\n\"VolumeStartup\": {volumes}}}]}}");
        let names = |volumes: &str| -> Vec<(String, Option<String>)> {
            let manifest = read(&of(volumes), &["xtreemfs"]).unwrap();
            let written = serde_json::to_string(&manifest).unwrap();
            assert_eq!(read(&written, &["xtreemfs"]).unwrap(), manifest);
            let volumes = manifest.services[0].volume_startup.iter();
            volumes.map(|volume| (volume.name.clone(), volume.owner.clone())).collect()
        };
        let one = ("data".to_owned(), Some("xtreemfs".to_owned()));
        assert_eq!(names(r#"{"volumeName": "data", "owner": "xtreemfs"}"#), std::slice::from_ref(&one));
        let two = [one, ("more".to_owned(), None)];
        assert_eq!(names(r#"[{"volumeName": "data", "owner": "xtreemfs"}, {"volumeName": "more"}]"#), two);
        for wrong in [r#"{"volumename": "x"}"#, r#""data""#, "[1]", "{}"] {
            let refused = read(&of(wrong), &["xtreemfs"]).unwrap_err().to_string();
            assert!(refused.contains("VolumeStartup: "), "{refused}");
        }
        let later = of("{\"volumeName\": \"x\"}").replace("\"Type\"", "\"Start\": 0, \"Type\"");
        let refused = read(&later, &["xtreemfs"]).unwrap_err().to_string();
        assert!(refused.contains("line 2: Services[0].VolumeStartup: it needs a service that is started"), "{refused}");
    }

    #[test]
    fn what_is_wrong_is_told_with_key_and_line() {
        let of = |service: &str| format!("{{\n\"Services\": [\n{{\"Type\": \"mysql\"}},\n{service}\n]}}");
        for (text, told) in [
            ("{\n  \"Services\": [}".to_owned(), "line 2: expected value"),
            ("{}".to_owned(), "line 1: missing field `Services`"),
            (of("{\"ServiceName\": \"a\"}"), "line 4: Services[1].Type: it is missing"),
            (
                of("{\"Type\": \"perl\"}"),
                "line 4: Services[1].Type: there is no kind 'perl': say one of php, mysql, generic",
            ),
            (of("{\"Type\": \"php\",\n\"Archiv\": \"x\"}"), "line 5: Services[1]: unknown field `Archiv`"),
            (of("{\"Type\": \"php\",\n\"Start\": 2}"), "line 5: Services[1]: Start is 2: 0 or 1 is wanted"),
            (of("{\"Type\": \"php\",\n\n\"Archive\": \"../x\"}"), "line 6: Services[1].Archive: '../x' lies outside"),
            (of("{\"Type\": \"php\",\n\"Links\": [\"db\"]}"), "line 5: Services[1].Links: no service is called 'db'"),
            (of("{\"Type\": \"mysql\"}"), "line 4: Services[1].Type: an earlier service"),
            (
                of("{\"Type\": \"php\",\n\"Environment\": {\"KEY\": null}}"),
                "line 5: Services[1].Environment: 'KEY' has no value",
            ),
            (
                of("{\"Type\": \"php\", \"StartupInstances\": {\"web\": \"two\"}}"),
                "line 4: Services[1]: StartupInstances says",
            ),
            (
                of("{\"Type\": \"mysql\", \"ServiceName\": \"b\", \"Start\": 0,\n\"Dump\": \"a\"}"),
                "line 5: Services[1].Dump: it needs",
            ),
        ] {
            let refusal = refusal(&text);
            assert!(refusal.starts_with(told), "{refusal}\nis not\n{told}");
        }
    }
}
