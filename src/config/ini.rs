//! INI text as upstream's programs read it: option names in any case,
//! `=` or `:`, whole-line comments with `#` or `;`, and ` ;` after a value.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ini::{Ini, ParseOption};

use super::ConfigError;

/// One key that a section may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// Its name, as the documentation spells it.
    pub(crate) name: &'static str,
    /// Its value when it is not given; `None` where there is none or it depends on others.
    pub(crate) default: Option<&'static str>,
}

impl Key {
    /// Returns a key with a default.
    pub(crate) const fn new(name: &'static str, default: &'static str) -> Self {
        Key { name, default: Some(default) }
    }

    /// Returns a key without a default of its own.
    pub(crate) const fn unset(name: &'static str) -> Self {
        Key { name, default: None }
    }
}

/// A file's sections, each with its options by upper-case name.
#[derive(Debug)]
pub(crate) struct Document {
    file: PathBuf,
    sections: BTreeMap<String, BTreeMap<String, String>>,
}

impl Document {
    /// Parses `text`; `file` is for messages only.
    pub(crate) fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let options = ParseOption { enabled_quote: false, enabled_escape: false, ..ParseOption::default() };
        // Editors of Windows write a mark before the first letter.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let parsed = Ini::load_from_str_opt(text, options).map_err(|error| ConfigError::Syntax {
            file: file.to_owned(),
            line: error.line,
            problem: error.msg.into_owned(),
        })?;
        let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for (section, properties) in &parsed {
            let Some(section) = section else {
                if let Some((key, _)) = properties.iter().next() {
                    return Err(refuse(file, "", key, "stands before the first [section]"));
                }
                continue;
            };
            let options = sections.entry(section.trim().to_owned()).or_default();
            for (key, value) in properties {
                let value = without_comment(value).trim().to_owned();
                if options.insert(key.trim().to_uppercase(), value).is_some() {
                    return Err(refuse(file, section, key, "is given twice"));
                }
            }
        }
        Ok(Document { file: file.to_owned(), sections })
    }

    /// Returns the file it came from.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Names of its sections.
    pub(crate) fn section_names(&self) -> impl Iterator<Item = &str> {
        self.sections.keys().map(String::as_str)
    }

    /// Returns the options of a section by upper-case name, if the section is there.
    pub(crate) fn options(&self, section: &str) -> Option<&BTreeMap<String, String>> {
        self.sections.get(section)
    }

    /// Returns a section whose keys are all in `keys`, or of which `is_also_known` holds; empty when it is not there.
    pub(crate) fn section<'a>(
        &'a self,
        name: &'a str,
        keys: &'static [Key],
        is_also_known: fn(&str) -> bool,
    ) -> Result<Section<'a>, ConfigError> {
        let section = Section { file: &self.file, name, options: self.options(name), keys };
        for key in self.options(name).into_iter().flat_map(BTreeMap::keys) {
            if !keys.iter().any(|known| known.name.eq_ignore_ascii_case(key)) && !is_also_known(key) {
                let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
                return Err(section.refuse(key, &format!("unknown key; known here: {}", names.join(", "))));
            }
        }
        Ok(section)
    }
}

/// A section that holds only keys it may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Section<'a> {
    file: &'a Path,
    name: &'a str,
    options: Option<&'a BTreeMap<String, String>>,
    keys: &'static [Key],
}

impl<'a> Section<'a> {
    /// Returns the value that the file gives, even an empty one.
    pub(crate) fn written(&self, key: &str) -> Option<&'a str> {
        self.options?.get(&key.to_uppercase()).map(String::as_str)
    }

    /// Returns the value, or its default; nothing when both are missing or empty.
    pub(crate) fn given(&self, key: &str) -> Option<&'a str> {
        let known = self.keys.iter().find(|known| known.name == key);
        let default = known.expect("only keys of the section's own table are asked for").default;
        self.written(key).or(default).filter(|value| !value.is_empty())
    }

    /// As [`Section::given`], as owned text.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.given(key).map(str::to_owned)
    }

    /// Returns a value that must be there, read by `how`.
    pub(crate) fn value<T>(&self, key: &str, how: impl Fn(&str) -> Result<T, String>) -> Result<T, ConfigError> {
        let text = self.given(key).ok_or_else(|| self.refuse(key, "is missing or empty"))?;
        how(text).map_err(|problem| self.refuse(key, &problem))
    }

    /// Returns a value that may be missing, read by `how`.
    pub(crate) fn optional<T>(
        &self,
        key: &str,
        how: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        self.given(key).map(|text| how(text).map_err(|problem| self.refuse(key, &problem))).transpose()
    }

    /// Returns the error that names this section and `key`.
    pub(crate) fn refuse(&self, key: &str, problem: &str) -> ConfigError {
        refuse(self.file, self.name, key, problem)
    }
}

fn refuse(file: &Path, section: &str, key: &str, problem: &str) -> ConfigError {
    ConfigError::Key {
        file: file.to_owned(),
        section: section.to_owned(),
        key: key.to_owned(),
        problem: problem.to_owned(),
    }
}

fn without_comment(value: &str) -> &str {
    match value.char_indices().find(|&(at, c)| c == ';' && value[..at].ends_with(char::is_whitespace)) {
        Some((at, _)) => &value[..at],
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &[Key] = &[Key::new("PORT", "5555"), Key::unset("HOST"), Key::new("NAME", "n")];

    fn parse(text: &str) -> Result<Document, ConfigError> {
        Document::parse(Path::new("/x.cfg"), text)
    }

    #[test]
    fn it_reads_what_upstream_reads() {
        let document = parse("# c\n; c\n[a]\nport : 1\nHost=C:\\n \"q\" #x ; said\n[b]\n[a]\nname = a=b;c\n").unwrap();
        let section = document.section("a", KEYS, |_| false).unwrap();
        assert_eq!(section.given("PORT"), Some("1"));
        assert_eq!(section.given("HOST"), Some("C:\\n \"q\" #x"));
        assert_eq!(section.given("NAME"), Some("a=b;c"));
        assert_eq!(document.section("gone", KEYS, |_| false).unwrap().given("PORT"), Some("5555"));
    }

    #[test]
    fn refusals_name_file_section_and_key() {
        let document = parse("[a]\nprot = 1\n").unwrap();
        let error = document.section("a", KEYS, |_| false).unwrap_err().to_string();
        assert_eq!(error, "/x.cfg: [a] PROT: unknown key; known here: PORT, HOST, NAME");
        assert!(document.section("a", KEYS, |key| key == "PROT").is_ok());
        let twice = parse("[a]\nport = 1\nPORT = 2\n").unwrap_err().to_string();
        assert_eq!(twice, "/x.cfg: [a] PORT: is given twice");
        assert!(parse("port = 1\n").unwrap_err().to_string().contains("before the first [section]"));
        let syntax = parse("[a]\nwhat\n").unwrap_err();
        assert!(matches!(syntax, ConfigError::Syntax { .. }), "{syntax}");
    }

    #[test]
    fn an_empty_value_is_none_even_where_there_is_a_default() {
        let document = parse("[a]\nport =\n").unwrap();
        let section = document.section("a", KEYS, |_| false).unwrap();
        assert_eq!(section.given("PORT"), None);
        assert_eq!(section.written("PORT"), Some(""));
    }
}
