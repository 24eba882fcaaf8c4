//! The directory of all recipes.

use std::path::{Path, PathBuf};

use super::definition::{Recipe, read_recipe};
use super::error::RecipeError;
use super::name::is_name;
use crate::sys::file::FileError;

/// The recipes that a package brings.
const INSTALLED: &str = "/usr/share/conpaas/images";

/// A directory with one directory for each recipe, and `parts`.
#[derive(Debug, Clone)]
pub struct RecipeDirectory {
    directory: PathBuf,
}

impl RecipeDirectory {
    /// Opens the recipes in `directory`; by default those in `images` here, else those of the package. Blocking.
    ///
    /// # Errors
    /// There are none.
    pub fn open(directory: Option<&Path>) -> Result<RecipeDirectory, RecipeError> {
        let directory = match directory {
            Some(directory) => directory.to_owned(),
            None if Path::new("images").is_dir() => PathBuf::from("images"),
            None => PathBuf::from(INSTALLED),
        };
        let directory = directory.canonicalize().map_err(|_| RecipeError::NoRecipes(directory))?;
        let recipes = RecipeDirectory { directory };
        if recipes.names()?.is_empty() {
            return Err(RecipeError::NoRecipes(recipes.directory));
        }
        Ok(recipes)
    }

    /// Reads all recipes, sorted by name. Blocking.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn list(&self) -> Result<Vec<Recipe>, RecipeError> {
        self.names()?.iter().map(|name| read_recipe(&self.directory.join(name))).collect()
    }

    /// Reads the recipe of this name. Blocking.
    ///
    /// # Errors
    /// There is none, or it cannot be used.
    pub fn read(&self, name: &str) -> Result<Recipe, RecipeError> {
        let names = self.names()?;
        if !names.iter().any(|known| known == name) {
            return Err(RecipeError::Unknown { name: name.to_owned(), known: names.join(", ") });
        }
        read_recipe(&self.directory.join(name))
    }

    /// Returns the directory of a part.
    pub(crate) fn part(&self, recipe: &str, part: &str) -> Result<PathBuf, RecipeError> {
        let directory = self.directory.join("parts").join(part);
        if directory.is_dir() {
            return Ok(directory);
        }
        Err(RecipeError::Part { recipe: recipe.to_owned(), part: part.to_owned(), directory })
    }

    fn names(&self) -> Result<Vec<String>, RecipeError> {
        directories(&self.directory, |directory| directory.join("recipe.toml").is_file())
    }
}

/// Returns the names of the directories in `directory`, sorted. Blocking.
pub(crate) fn directories(directory: &Path, is_wanted: impl Fn(&Path) -> bool) -> Result<Vec<String>, RecipeError> {
    let fail = |source| RecipeError::File(FileError::new("read", directory, source));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_name(&name) && entry.path().is_dir() && is_wanted(&entry.path()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
