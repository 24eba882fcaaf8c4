//! `cps-tools.conf`: the settings of the command line client.

use std::fmt;
use std::path::{Path, PathBuf};

use super::ini::{Document, Key};
use super::{ConfigError, DirectorUrl, value};
use crate::sys::file;

/// Settings of the command line client.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ClientConfig {
    /// Where the director answers.
    pub director_url: Option<DirectorUrl>,
    /// Who calls.
    pub username: Option<String>,
    /// The password in clear, as upstream's file has it. Never shown by `Debug`.
    pub password: Option<String>,
    /// Whether errors are told with their details.
    pub is_debug: bool,
    /// `~/.conpaas`: the certificates of the user.
    pub state_dir: PathBuf,
    /// Upstream's warnings about unknown sections and options, without `WARNING - `.
    pub warnings: Vec<String>,
}

pub(crate) const KEYS: &[Key] =
    &[Key::unset("DIRECTOR_URL"), Key::unset("USERNAME"), Key::unset("PASSWORD"), Key::new("DEBUG", "false")];

const SECTION: &str = "cps-tools";

impl ClientConfig {
    /// Reads `/etc/cps-tools/cps-tools.conf` and `<home>/.conpaas/cps-tools.conf`,
    /// where they are, the later wins; or only `only`. Blocking.
    ///
    /// # Errors
    /// A file is not readable or holds a value that cannot be used; `only` is missing.
    pub(crate) fn read(home: &Path, only: Option<&Path>) -> Result<Self, ConfigError> {
        let state_dir = home.join(".conpaas");
        match only {
            Some(path) => Self::read_files(state_dir, &[path]),
            None => {
                let system = PathBuf::from("/etc/cps-tools/cps-tools.conf");
                let user = state_dir.join("cps-tools.conf");
                let there: Vec<&Path> = [&*system, &*user].into_iter().filter(|path| path.exists()).collect();
                Self::read_files(state_dir.clone(), &there)
            }
        }
    }

    fn read_files(state_dir: PathBuf, files: &[&Path]) -> Result<Self, ConfigError> {
        let mut config = ClientConfig {
            director_url: None,
            username: None,
            password: None,
            is_debug: false,
            state_dir,
            warnings: Vec::new(),
        };
        let mut unknown = Unknown::default();
        for file in files {
            config.apply(&Document::parse(file, &file::read_text(file)?)?, &mut unknown)?;
        }
        config.warnings = unknown.warnings();
        Ok(config)
    }

    fn apply(&mut self, document: &Document, unknown: &mut Unknown) -> Result<(), ConfigError> {
        unknown.note(document);
        let section = document.section(SECTION, KEYS, |_| true)?;
        if let Some(url) = section.optional("DIRECTOR_URL", value::parsed)? {
            self.director_url = Some(url);
        }
        self.username = section.text("USERNAME").or(self.username.take());
        self.password = section.text("PASSWORD").or(self.password.take());
        match section.written("DEBUG") {
            None => {}
            Some("true") => self.is_debug = true,
            Some("false") => self.is_debug = false,
            Some(_) => return Err(ConfigError::Debug),
        }
        Ok(())
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("director_url", &self.director_url)
            .field("username", &self.username)
            .field("has_password", &self.password.is_some())
            .field("is_debug", &self.is_debug)
            .field("state_dir", &self.state_dir)
            .field("warnings", &self.warnings)
            .finish()
    }
}

/// What no client knows, over all files.
#[derive(Default)]
struct Unknown {
    options: Vec<String>,
    sections: Vec<String>,
}

impl Unknown {
    fn note(&mut self, document: &Document) {
        for key in document.options(SECTION).into_iter().flat_map(|options| options.keys()) {
            if !KEYS.iter().any(|known| known.name == key) {
                push_new(&mut self.options, key.to_lowercase());
            }
        }
        for section in document.section_names().filter(|name| *name != SECTION) {
            push_new(&mut self.sections, section.to_owned());
        }
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.options.is_empty() {
            let options = python_list(&self.options);
            warnings.push(format!("Skipping unknown options from section \"{SECTION}\": {options}"));
        }
        if !self.sections.is_empty() {
            let sections = python_list(&self.sections);
            warnings.push(format!("Skipping unknown sections of configuration files: {sections}"));
        }
        warnings
    }
}

fn push_new(words: &mut Vec<String>, word: String) {
    if !words.contains(&word) {
        words.push(word);
    }
}

fn python_list(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    format!("[{}]", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> Result<ClientConfig, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let path = directory.path().join(index.to_string());
            file::write_atomic(&path, text.as_bytes(), 0o600).unwrap();
            files.push(path);
        }
        ClientConfig::read_files(PathBuf::from("/h/.conpaas"), &files.iter().map(PathBuf::as_path).collect::<Vec<_>>())
    }

    #[test]
    fn a_later_file_wins_key_by_key() {
        let config = read(&[
            "[cps-tools]\ndirector_url = a\nusername = u\ndebug = true\n",
            "[cps-tools]\ndirector_url = https://b:99\npassword = s%c=r#t\n",
        ])
        .unwrap();
        assert_eq!(config.director_url.as_ref().map(ToString::to_string).as_deref(), Some("https://b:99"));
        assert_eq!(config.username.as_deref(), Some("u"));
        assert_eq!(config.password.as_deref(), Some("s%c=r#t"));
        assert!(config.is_debug);
        assert!(!format!("{config:?}").contains("s%c"));
    }

    #[test]
    fn what_is_unknown_is_warned_about_in_upstreams_words() {
        let config = read(&["[cps-tools]\nColour = red\nsize = 1\n[other]\na = 1\n", "[more]\n"]).unwrap();
        assert_eq!(
            config.warnings,
            [
                "Skipping unknown options from section \"cps-tools\": ['colour', 'size']",
                "Skipping unknown sections of configuration files: ['other', 'more']"
            ]
            .map(str::to_owned)
        );
    }

    #[test]
    fn a_byte_order_mark_is_no_text() {
        let config = read(&["\u{feff}[cps-tools]\r\nusername = u\r\n"]).unwrap();
        assert_eq!((config.username.as_deref(), config.warnings.len()), (Some("u"), 0));
    }

    #[test]
    fn debug_must_be_a_truth_value() {
        let error = read(&["[cps-tools]\ndebug = yes\n"]).unwrap_err().to_string();
        assert_eq!(error, "Option 'debug' in configuration file cps-tools.conf must be 'true' or 'false'.");
    }

    #[test]
    fn without_any_file_nothing_is_set_but_a_named_one_must_exist() {
        let home = tempfile::tempdir().unwrap();
        let config = ClientConfig::read(home.path(), None).unwrap();
        assert_eq!(config.state_dir, home.path().join(".conpaas"));
        assert!(ClientConfig::read(home.path(), Some(Path::new("/nonexistent.conf"))).is_err());
    }
}
