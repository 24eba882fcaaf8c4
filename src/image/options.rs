//! The options of `conpaas image build`, and the plans that follow from them.
//!
//! Nothing is made here; a request that makes no sense is refused before anything is begun.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use super::recipe::architecture::Architecture;
use super::recipe::deb::{self, Deb};
use super::recipe::definition::Recipe;
use super::recipe::directory::RecipeDirectory;
use super::recipe::error::RecipeError;
use super::recipe::output::Output;
use super::recipe::plan::{Plan, Selection};

/// Whether downloads are made of the images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Downloads are compressed with xz.
    Xz,
    /// Without downloads.
    None,
}

/// Everything that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct BuildOptions {
    /// Names of recipes.
    pub recipes: Vec<String>,
    /// The architectures; none named means this machine, or else the first that a recipe offers.
    pub architectures: Vec<Architecture>,
    /// The directory of recipes, if not the usual one.
    pub recipe_directory: Option<PathBuf>,
    /// The directory of results and stages.
    pub output: PathBuf,
    /// The exact place of the one directory that is made.
    pub to: Option<PathBuf>,
    /// Packages of our own, besides those in `target/dist`.
    pub packages: Vec<PathBuf>,
    /// The kinds of service that containers can run; none named means those that this program knows.
    pub kinds: Option<Vec<String>>,
    /// A directory or a script for the containers' root.
    pub preinstall: Option<PathBuf>,
    /// Whether downloads are made.
    pub compression: Compression,
    /// The URL below which people will download the files; none means where they are made.
    pub url: Option<String>,
    /// Whether stages of earlier builds are made anew.
    pub is_fresh: bool,
    /// Whether other images are made when one cannot be.
    pub keeps_going: bool,
}

/// Without `SOURCE_DATE_EPOCH`, no file of an image is younger than this (the first second of 2024).
const EPOCH: u64 = 1_704_067_200;
/// The directory into which `make dist` puts our packages.
const DIST: &str = "target/dist";

/// Plans all images that were asked for, in the order in which they were named.
///
/// # Errors
/// A recipe or a package is missing or wrong, or options contradict each other.
pub(crate) async fn plan(options: &BuildOptions) -> Result<Vec<Plan>> {
    let recipes = RecipeDirectory::open(options.recipe_directory.as_deref())?;
    let mut debs: Vec<Deb> = Vec::new();
    for path in &options.packages {
        debs.push(Deb::read(path).await?);
    }
    // Those that were named come first.
    debs.extend(deb::read_all(Path::new(DIST)).await?);
    let preinstall = match &options.preinstall {
        Some(path) => Some(path.canonicalize().with_context(|| format!("cannot pre-install {}", path.display()))?),
        None => None,
    };
    let epoch = epoch(std::env::var_os("SOURCE_DATE_EPOCH").as_deref())?;
    let mut plans = Vec::new();
    for name in &options.recipes {
        let recipe = recipes.read(name)?;
        for architecture in architectures(&recipe, &options.architectures)? {
            let (kinds, preinstall, debs) = (options.kinds.clone(), preinstall.clone(), debs.clone());
            plans.push(Plan::make(&recipes, name, &Selection { architecture, kinds, preinstall, debs, epoch })?);
        }
    }
    if options.to.is_some() && (plans.len() != 1 || plans[0].recipe.output != Output::Directory) {
        bail!("--to names the place of one directory: name one recipe that makes one, for one architecture");
    }
    Ok(plans)
}

fn architectures(recipe: &Recipe, wanted: &[Architecture]) -> Result<Vec<Architecture>> {
    let offered = &recipe.architectures;
    if wanted.is_empty() {
        return Ok(vec![recipe.usual_architecture()]);
    }
    let both: Vec<Architecture> = wanted.iter().copied().filter(|wanted| offered.contains(wanted)).collect();
    if both.is_empty() {
        let names = |architectures: &[Architecture]| {
            architectures.iter().map(|architecture| architecture.name()).collect::<Vec<_>>().join(", ")
        };
        let (recipe, wanted, offered) = (recipe.name.clone(), names(wanted), names(offered));
        return Err(RecipeError::Architecture { recipe, wanted, offered }.into());
    }
    Ok(both)
}

fn epoch(variable: Option<&OsStr>) -> Result<u64> {
    let Some(text) = variable else { return Ok(EPOCH) };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    let epoch = text.to_str().and_then(|text| text.parse().ok());
    epoch.filter(|epoch| *epoch <= now).context("SOURCE_DATE_EPOCH must be seconds since 1970, and not in the future")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(architectures: &[Architecture]) -> Recipe {
        let names: Vec<String> = architectures.iter().map(|architecture| format!("\"{architecture}\"")).collect();
        let text = format!(
            "about = \"x\"\noutput = \"directory\"\narchitectures = [{}]\nsuite = \"bookworm\"\n",
            names.join(", ")
        );
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("tree");
        std::fs::create_dir(&place).unwrap();
        std::fs::write(place.join("recipe.toml"), text).unwrap();
        crate::image::recipe::definition::read_recipe(&place).unwrap()
    }

    #[test]
    fn those_architectures_are_made_that_are_wanted_and_offered() {
        let recipe = recipe(&[Architecture::Arm64, Architecture::Armhf]);
        let all = [Architecture::Amd64, Architecture::Armhf];
        assert_eq!(architectures(&recipe, &all).unwrap(), [Architecture::Armhf]);
        assert_eq!(architectures(&recipe, &[]).unwrap(), [recipe.usual_architecture()]);
        let error = architectures(&recipe, &[Architecture::Amd64]).unwrap_err().to_string();
        assert_eq!(error, "recipe tree cannot be made for amd64, only for arm64, armhf");
    }

    #[test]
    fn the_date_of_an_image_is_a_number_of_the_past() {
        let read = |text: &str| epoch(Some(OsStr::new(text)));
        assert_eq!(epoch(None).unwrap(), EPOCH);
        assert_eq!(read("1700000000").unwrap(), 1_700_000_000);
        for wrong in ["", "today", "-1", "99999999999999"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
