//! A recipe: what stands in its `recipe.toml`, checked whole.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::architecture::Architecture;
use super::error::{RecipeError, ValueError};
use super::name::{is_archive_word, is_name, is_package_name, is_plain_absolute};
use super::output::{Imager, Machine, Output, OutputWord, WrittenDisk, checked_output};
use crate::sys::file;

/// The result of another recipe, put into the root.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Embed {
    /// The other recipe.
    pub recipe: String,
    /// Its place in the root; an absolute path.
    pub to: PathBuf,
}

/// A checked `recipe.toml` and where it lies.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The name of its directory.
    pub name: String,
    /// Its directory.
    pub directory: PathBuf,
    /// One sentence about it.
    pub about: String,
    /// The thing that is made of its root.
    pub output: Output,
    /// For which machines it can be made; the first is the usual one.
    pub architectures: Vec<Architecture>,
    pub(crate) parts: Vec<String>,
    pub(crate) suite: String,
    pub(crate) extra_suites: Vec<String>,
    pub(crate) components: Vec<String>,
    pub(crate) variant: Variant,
    pub(crate) space_mb: u64,
    pub(crate) compressed_budget_mb: Option<u64>,
    pub(crate) seed_mb: Option<u64>,
    pub(crate) debs: Vec<String>,
    pub(crate) embeds: Vec<Embed>,
}

impl Recipe {
    /// Returns the architecture for which it is made when nobody chooses: that of this machine, or else the first.
    #[must_use]
    pub fn usual_architecture(&self) -> Architecture {
        let own = Architecture::of_this_machine().filter(|own| self.architectures.contains(own));
        own.unwrap_or(self.architectures[0])
    }
}

/// The packages that are there before a recipe asks for any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Variant {
    /// The packages that Debian calls essential.
    Essential,
    /// The essential ones and apt.
    Apt,
    /// The packages of `Apt` and those that Debian calls required.
    #[default]
    Minbase,
}

impl Variant {
    /// Returns mmdebstrap's word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Variant::Essential => "essential",
            Variant::Apt => "apt",
            Variant::Minbase => "minbase",
        }
    }
}

/// Reads the recipe in `directory`. Blocking.
///
/// # Errors
/// Its `recipe.toml` is missing or wrong; the error names line or key.
pub(crate) fn read_recipe(directory: &Path) -> Result<Recipe, RecipeError> {
    let path = directory.join("recipe.toml");
    let bytes = file::read(&path)?;
    let text = String::from_utf8_lossy(&bytes);
    let written: Written = toml::from_str(&text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
        RecipeError::Toml { path: path.clone(), line, text: error.message().replace('\n', " ") }
    })?;
    let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
    check(written, name, directory).map_err(|ValueError { key, reason }| RecipeError::Value { path, key, reason })
}

/// `recipe.toml` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    about: String,
    output: OutputWord,
    architectures: Vec<Architecture>,
    suite: String,
    #[serde(default)]
    parts: Vec<String>,
    #[serde(default)]
    extra_suites: Vec<String>,
    #[serde(default = "main_component")]
    components: Vec<String>,
    #[serde(default)]
    variant: Variant,
    #[serde(default = "usual_space_mb")]
    space_mb: u64,
    compressed_budget_mb: Option<u64>,
    seed_mb: Option<u64>,
    #[serde(default)]
    debs: Vec<String>,
    #[serde(default, rename = "embed")]
    embeds: Vec<Embed>,
    disk: Option<WrittenDisk>,
    machine: Option<Machine>,
    imager: Option<Imager>,
}

fn main_component() -> Vec<String> {
    vec!["main".to_owned()]
}

fn usual_space_mb() -> u64 {
    2000
}

fn check(written: Written, name: String, directory: &Path) -> Result<Recipe, ValueError> {
    if written.about.trim().is_empty() || written.about.contains('\n') {
        return Err(ValueError::new("about", "say in one line what it is".to_owned()));
    }
    if written.architectures.is_empty() {
        return Err(ValueError::new("architectures", "name at least one".to_owned()));
    }
    all("parts", &written.parts, is_name)?;
    all("debs", &written.debs, is_package_name)?;
    all("suite", std::slice::from_ref(&written.suite), is_archive_word)?;
    all("extra_suites", &written.extra_suites, is_archive_word)?;
    all("components", &written.components, is_archive_word)?;
    for embed in &written.embeds {
        let recipe = std::slice::from_ref(&embed.recipe);
        all("embed.recipe", recipe, is_name)?;
        if !is_plain_absolute(&embed.to) {
            let reason = format!("'{}' must be an absolute path without . and ..", embed.to.display());
            return Err(ValueError::new("embed.to", reason));
        }
    }
    let output = checked_output(written.output, written.disk, written.machine, written.imager)?;
    Ok(Recipe {
        name,
        directory: directory.to_owned(),
        about: written.about,
        output,
        architectures: written.architectures,
        parts: written.parts,
        suite: written.suite,
        extra_suites: written.extra_suites,
        components: written.components,
        variant: written.variant,
        space_mb: written.space_mb,
        compressed_budget_mb: written.compressed_budget_mb,
        seed_mb: written.seed_mb,
        debs: written.debs,
        embeds: written.embeds,
    })
}

fn all(key: &'static str, texts: &[String], is_right: impl Fn(&str) -> bool) -> Result<(), ValueError> {
    match texts.iter().find(|text| !is_right(text)) {
        Some(text) => Err(ValueError::new(key, format!("'{text}' cannot be used there"))),
        None => Ok(()),
    }
}
