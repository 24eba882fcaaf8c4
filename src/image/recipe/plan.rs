//! The plan of an image: a recipe for one architecture with everything that it
//! needs, resolved and checked before anything is done.

use std::path::{Path, PathBuf};

use super::architecture::Architecture;
use super::cache_key::{CacheKey, CacheKeyBuilder};
use super::deb::Deb;
use super::definition::Recipe;
use super::directory::{RecipeDirectory, directories};
use super::error::RecipeError;
use super::name::{is_name, is_package_name};
use super::output::{Layout, Output};
use super::step::{KINDS, Step, StepKind, Target, read_steps};
use crate::service::kind_names;
use crate::sys::file;

/// The engine's version: it changes when the same inputs make other bytes.
const ENGINE: &str = "1";

/// The choices that were made besides the recipe.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    /// For which machine.
    pub architecture: Architecture,
    /// The kinds of service that containers can run; none chosen means those that this program knows.
    pub kinds: Option<Vec<String>>,
    /// A directory or a script for the containers' root.
    pub preinstall: Option<PathBuf>,
    /// Packages of our own that were found or named.
    pub debs: Vec<Deb>,
    /// No file of the image is younger, in seconds since 1970.
    pub epoch: u64,
}

/// A recipe, resolved.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The recipe.
    pub recipe: Recipe,
    /// For which machine.
    pub architecture: Architecture,
    /// The name of the results: recipe, architecture, and the kinds if they were chosen.
    pub name: String,
    /// Packages to install, each `name` or `name/suite`.
    pub packages: Vec<String>,
    /// Overlays that come before the packages.
    pub early: Vec<Step>,
    /// Packages that are made of trees in the recipe, and installed with the others.
    pub own_packages: Vec<Step>,
    /// All other steps that are carried out, in order.
    pub steps: Vec<Step>,
    /// Our own packages, from files.
    pub debs: Vec<Deb>,
    /// Other plans, and where in the root their results go.
    pub embeds: Vec<(Plan, PathBuf)>,
    /// A directory or a script for this root.
    pub preinstall: Option<PathBuf>,
    /// No file of the image is younger, in seconds since 1970.
    pub epoch: u64,
    /// The key of the installed packages.
    pub bootstrap_key: CacheKey,
    /// The key of the whole root file system.
    pub root_key: CacheKey,
}

impl Plan {
    /// Resolves the recipe `name`. Blocking.
    ///
    /// # Errors
    /// Something that it names is missing, wrong or not for this architecture.
    pub(crate) fn make(recipes: &RecipeDirectory, name: &str, selection: &Selection) -> Result<Plan, RecipeError> {
        let plan = resolve(recipes, name, selection, &mut Vec::new())?;
        let is_chosen = selection.kinds.is_some() || selection.preinstall.is_some();
        if is_chosen && !plan.has_containers() {
            return Err(RecipeError::NoContainers(plan.recipe.name));
        }
        Ok(plan)
    }

    /// Returns the key of a disk made of the root with these partitions.
    pub(crate) fn disk_key(&self, layout: &Layout) -> CacheKey {
        let mut maker = CacheKeyBuilder::new("disk");
        maker.texts("root", [self.root_key.to_string()]);
        maker.texts("layout", [format!("{:?} {:?} {}", layout.boot_mb, layout.root_size, layout.boots_by_bios)]);
        maker.finish()
    }

    fn has_containers(&self) -> bool {
        self.recipe.output == Output::Directory || self.embeds.iter().any(|(plan, _)| plan.has_containers())
    }
}

/// A recipe's steps for one architecture, for people to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// The packages that are installed, besides those that they need.
    pub packages: Vec<String>,
    /// Files and directories of the steps, in the order in which they are carried out.
    pub steps: Vec<PathBuf>,
    /// The recipes whose results are put into this one's.
    pub embeds: Vec<String>,
}

/// Looks a recipe through, with the chosen kinds of service or the usual ones. Blocking.
///
/// # Errors
/// A step or what it names is wrong.
pub fn overview(
    recipes: &RecipeDirectory,
    name: &str,
    architecture: Architecture,
    kinds: Option<Vec<String>>,
) -> Result<Overview, RecipeError> {
    let recipe = recipes.read(name)?;
    let selection = Selection { architecture, kinds, preinstall: None, debs: Vec::new(), epoch: 0 };
    let (steps, _) = gather(recipes, &recipe, &selection)?;
    let embeds = recipe.embeds.into_iter().map(|embed| embed.recipe).collect();
    Ok(Overview { packages: packages(&steps)?, steps: steps.into_iter().map(|step| step.path).collect(), embeds })
}

fn resolve(
    recipes: &RecipeDirectory,
    name: &str,
    selection: &Selection,
    outer: &mut Vec<String>,
) -> Result<Plan, RecipeError> {
    let is_cycle = outer.iter().any(|other| other == name);
    outer.push(name.to_owned());
    if is_cycle {
        return Err(RecipeError::Cycle(outer.clone()));
    }
    let recipe = recipes.read(name)?;
    let architecture = selection.architecture;
    if !recipe.architectures.contains(&architecture) {
        let offered: Vec<&str> = recipe.architectures.iter().map(|offered| offered.name()).collect();
        let offered = offered.join(", ");
        return Err(RecipeError::Architecture { recipe: recipe.name, wanted: architecture.to_string(), offered });
    }
    let mut embeds = Vec::new();
    for embed in &recipe.embeds {
        embeds.push((resolve(recipes, &embed.recipe, selection, outer)?, embed.to.clone()));
    }
    outer.pop();
    let (all_steps, suffix) = gather(recipes, &recipe, selection)?;
    let packages = packages(&all_steps)?;
    let mut debs = Vec::new();
    for package in &recipe.debs {
        debs.push(deb(&recipe, package, selection)?);
    }
    let (mut early, mut own_packages, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    for step in all_steps {
        match step.kind {
            StepKind::Packages => {}
            StepKind::Deb => own_packages.push(step),
            _ if step.is_early() => early.push(step),
            _ => steps.push(step),
        }
    }
    let preinstall = selection.preinstall.clone().filter(|_| recipe.output == Output::Directory);
    let bootstrap_key = bootstrap_key(&recipe, selection, &packages, &debs, early.iter().chain(&own_packages))?;
    let root_key = root_key(&bootstrap_key, &recipe, &steps, &embeds, preinstall.as_deref())?;
    let name = format!("{}-{architecture}{suffix}", recipe.name);
    let epoch = selection.epoch;
    Ok(Plan {
        recipe,
        architecture,
        name,
        packages,
        early,
        own_packages,
        steps,
        debs,
        embeds,
        preinstall,
        epoch,
        bootstrap_key,
        root_key,
    })
}

/// Returns all steps, sorted, and what the choice of kinds adds to the result's name.
fn gather(
    recipes: &RecipeDirectory,
    recipe: &Recipe,
    selection: &Selection,
) -> Result<(Vec<Step>, String), RecipeError> {
    let mut places = vec![recipe.directory.clone()];
    for part in &recipe.parts {
        places.push(recipes.part(&recipe.name, part)?);
    }
    let (kinds, suffix) = kinds(recipe, selection)?;
    places.extend(kinds);
    let mut steps = Vec::new();
    for place in places {
        steps.extend(read_steps(&place, Target { architecture: selection.architecture, suite: &recipe.suite })?);
    }
    steps.sort_by(|one, other| one.name.cmp(&other.name));
    for pair in steps.windows(2) {
        if pair[0].name == pair[1].name {
            return Err(RecipeError::SameStep(pair[0].path.clone(), pair[1].path.clone()));
        }
    }
    if recipe.output == Output::Directory
        && let Some(step) = steps.iter().find(|step| step.kind == StepKind::Boot)
    {
        return Err(RecipeError::BootStep(step.path.clone()));
    }
    Ok((steps, suffix))
}

fn kinds(recipe: &Recipe, selection: &Selection) -> Result<(Vec<PathBuf>, String), RecipeError> {
    let directory = recipe.directory.join(KINDS);
    if !directory.is_dir() {
        return Ok((Vec::new(), String::new()));
    }
    let known = directories(&directory, |_| true)?;
    let usual: Vec<String> = kind_names().into_iter().map(str::to_owned).collect();
    let mut chosen = selection.kinds.clone().unwrap_or_else(|| usual.clone());
    chosen.sort();
    chosen.dedup();
    for kind in &chosen {
        if !is_name(kind) || !known.contains(kind) {
            return Err(RecipeError::Kind { kind: kind.clone(), directory, known: known.join(", ") });
        }
    }
    let is_usual = chosen.len() == usual.len() && usual.iter().all(|kind| chosen.contains(kind));
    let suffix = if is_usual { String::new() } else { chosen.iter().map(|kind| format!("+{kind}")).collect() };
    Ok((chosen.iter().map(|kind| directory.join(kind)).collect(), suffix))
}

/// Reads the packages that steps name, sorted and each once. Blocking.
fn packages(steps: &[Step]) -> Result<Vec<String>, RecipeError> {
    let mut packages = Vec::new();
    for step in steps.iter().filter(|step| step.kind == StepKind::Packages) {
        let bytes = file::read(&step.path)?;
        for (index, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
            let text = line.split('#').next().unwrap_or_default().trim();
            if text.is_empty() {
                continue;
            }
            if !is_package(text) {
                let path = step.path.clone();
                return Err(RecipeError::Package { path, line: index + 1, text: text.to_owned() });
            }
            packages.push(text.to_owned());
        }
    }
    packages.sort();
    packages.dedup();
    Ok(packages)
}

/// `name` or `name/suite`.
fn is_package(text: &str) -> bool {
    let (name, suite) = text.split_once('/').unwrap_or((text, "suite"));
    is_package_name(name) && is_package_name(suite)
}

fn deb(recipe: &Recipe, package: &str, selection: &Selection) -> Result<Deb, RecipeError> {
    let architecture = selection.architecture;
    let found = selection.debs.iter().find(|deb| deb.package == package && deb.fits(architecture));
    found.cloned().ok_or_else(|| RecipeError::NoDeb {
        recipe: recipe.name.clone(),
        package: package.to_owned(),
        architecture,
    })
}

fn bootstrap_key<'a>(
    recipe: &Recipe,
    selection: &Selection,
    packages: &[String],
    debs: &[Deb],
    trees: impl Iterator<Item = &'a Step>,
) -> Result<CacheKey, RecipeError> {
    let mut maker = CacheKeyBuilder::new("base");
    maker.texts("engine", [ENGINE]);
    maker.texts("suite", [&recipe.suite]);
    maker.texts("extra suite", &recipe.extra_suites);
    maker.texts("component", &recipe.components);
    maker.texts("variant", [recipe.variant.word()]);
    maker.texts("architecture", [selection.architecture.name()]);
    maker.texts("epoch", [selection.epoch.to_string()]);
    maker.texts("package", packages);
    maker.texts("deb", debs.iter().map(|deb| &deb.sha256));
    for step in trees {
        maker.tree(&step.name, &step.path)?;
    }
    Ok(maker.finish())
}

fn root_key(
    base: &CacheKey,
    recipe: &Recipe,
    steps: &[Step],
    embeds: &[(Plan, PathBuf)],
    preinstall: Option<&Path>,
) -> Result<CacheKey, RecipeError> {
    let mut maker = CacheKeyBuilder::new("root");
    maker.texts("base", [base.to_string()]);
    maker.texts("recipe", [&recipe.name]);
    maker.texts("output", [recipe.output.word()]);
    if let Output::Sd(layout, _) | Output::Disk(layout, _) = &recipe.output {
        maker.texts("label", [&layout.boot_label, &layout.root_label]);
    }
    for (plan, to) in embeds {
        maker.texts("embed", [plan.root_key.to_string(), to.display().to_string()]);
    }
    let mut files: Vec<PathBuf> = Vec::new();
    for step in steps {
        maker.tree(&step.name, &step.path)?;
        if !files.contains(&step.files()) {
            maker.tree("files", &step.files())?;
            files.push(step.files());
        }
    }
    if let Some(preinstall) = preinstall {
        maker.tree("preinstall", preinstall)?;
    }
    Ok(maker.finish())
}
