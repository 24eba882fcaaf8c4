//! From a service that is there to its entry in a manifest: without data, and without secrets.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::document::{FullLink, Link, ServiceEntry, Start};
use crate::api::manager::ServiceDescription;
use crate::model::ServiceId;

/// Parts of names of variables whose values are secret.
const SECRET_WORDS: [&str; 5] = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "KEY"];

/// A service that is there.
pub(crate) struct Described<'a> {
    /// Its id.
    pub sid: ServiceId,
    /// Its name.
    pub name: &'a str,
    /// Its kind.
    pub kind: &'a str,
    /// What its manager says of it.
    pub description: &'a ServiceDescription,
}

impl Described<'_> {
    /// Returns its entry; `names` are those of all services of its application.
    #[must_use]
    pub(crate) fn entry(&self, names: &BTreeMap<ServiceId, String>) -> ServiceEntry {
        let ServiceDescription { is_running, counts, environment, settings, volumes, shared_volumes, link, .. } =
            self.description;
        let links = link.iter().filter_map(|link| {
            let service = names.get(&link.to_service_id)?.clone();
            Some(Link::Full(FullLink { service, database: Some(link.database.clone()) }))
        });
        let shown = |(name, value): (&String, &String)| {
            let is_secret = SECRET_WORDS.iter().any(|word| name.to_ascii_uppercase().contains(word));
            (name.clone(), if is_secret { Value::Null } else { Value::from(value.as_str()) })
        };
        ServiceEntry {
            kind: self.kind.to_owned(),
            service_name: Some(self.name.to_owned()),
            start: if *is_running { Start::Now } else { Start::Later },
            startup_instances: counts.clone(),
            startup_script: self.script_file(),
            archive: self.code_file(),
            environment: environment.0.iter().map(shown).collect::<Map<_, _>>(),
            links: links.collect(),
            settings: settings.clone(),
            // Without a node there is none to attach them to.
            volumes: if *is_running { volumes.clone() } else { BTreeMap::new() },
            volume_startup: if *is_running { shared_volumes.clone() } else { Vec::new() },
            ..ServiceEntry::default()
        }
    }

    /// Returns the name of the file of its startup script, if it has one.
    #[must_use]
    pub(crate) fn script_file(&self) -> Option<String> {
        self.description.startup_script.as_ref().map(|_| format!("{}-startup.sh", self.sid))
    }

    /// Returns the name of the file of its code, if it has code of its own.
    #[must_use]
    pub(crate) fn code_file(&self) -> Option<String> {
        let code = self.description.code.as_ref()?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let name: String = code.filename.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
        // One that came from an export has it already.
        let prefix = format!("{}-", self.sid);
        Some(if name.starts_with(&prefix) { name } else { prefix + &name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::environment::Variables;
    use crate::api::manager::DescribedCode;

    #[test]
    fn an_entry_has_no_secrets_and_no_way_out_of_its_directory() {
        let variables =
            [("SITE", "x"), ("API_TOKEN", "secret0")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let description = ServiceDescription {
            is_running: true,
            counts: [("backend".to_owned(), 3)].into(),
            code: Some(DescribedCode { id: "code-a".to_owned(), filename: "../a b.tar".to_owned() }),
            startup_script: None,
            environment: Variables(variables.into()),
            settings: Map::new(),
            volumes: BTreeMap::new(),
            shared_volumes: Vec::new(),
            link: None,
        };
        let described = Described { sid: ServiceId(2), name: "site", kind: "php", description: &description };
        let entry = described.entry(&BTreeMap::new());
        assert_eq!(entry.archive.as_deref(), Some("2-.._a_b.tar"));
        let again = DescribedCode { id: "code-a".to_owned(), filename: "2-.._a_b.tar".to_owned() };
        let again = ServiceDescription { code: Some(again), ..description.clone() };
        let again = Described { description: &again, ..described };
        assert_eq!(again.code_file().as_deref(), Some("2-.._a_b.tar"));
        let text = serde_json::to_string(&entry).unwrap();
        assert!(text.contains(r#""API_TOKEN":null"#) && !text.contains("secret0"), "{text}");
        assert!(text.contains(r#""StartupInstances":{"backend":3}"#), "{text}");
    }
}
