//! apt's sources for an image: the archives from which this machine's own apt takes packages.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::image::recipe::architecture::Architecture;
use crate::image::recipe::definition::Recipe;
use crate::image::recipe::plan::Plan;
use crate::sys::program::{self, ProgramError};

/// Debian's keys, by which apt knows Debian's archives; the same file is in the images.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// The longest wait for an archive that answers slowly.
const UPDATE: Duration = Duration::from_secs(600);

/// apt's sources for an image.
pub(crate) struct AptSources {
    /// Lines of a `.list` file.
    pub lines: Vec<String>,
    /// This machine's options of apt that say how archives are reached, as apt writes them.
    pub options: Vec<String>,
    /// Sentences for people about sources that are left out.
    pub warnings: Vec<String>,
}

/// An archive in this machine's sources.
#[derive(Debug, PartialEq, Eq)]
struct Archive {
    uri: String,
    /// The name of a suite or a release, as the sources spell it.
    release: String,
    label: String,
    codename: String,
}

impl Archive {
    fn names(&self, suite: &str) -> bool {
        self.release == suite || self.codename == suite
    }
}

impl AptSources {
    /// Finds the sources of a plan's packages. Updates are left out, with a warning, where the archive's list of them is broken.
    /// An extra suite is a source only where a package is to come from it: not every architecture has every suite.
    /// `scratch` is an empty directory.
    ///
    /// # Errors
    /// This machine's apt knows no Debian, or an archive does not answer.
    pub(crate) async fn find(plan: &Plan, scratch: &Path) -> Result<AptSources> {
        if !Path::new(KEYRING).is_file() {
            bail!("{KEYRING} is missing, by which Debian's packages are known: apt-get install debian-archive-keyring");
        }
        let options = options().await?;
        let archives = archives().await?;
        let (recipe, architecture) = (&plan.recipe, plan.architecture);
        let suites = suites(recipe, &plan.packages, &archives)?;
        let mut sources = AptSources { lines: Vec::new(), options, warnings: Vec::new() };
        for (uri, suite, is_needed) in suites {
            let line = format!("deb [signed-by={KEYRING}] {uri} {suite} {}", recipe.components.join(" "));
            let broken = if is_needed { None } else { broken(&line, architecture, &sources.options, scratch).await? };
            match broken {
                None => sources.lines.push(line),
                Some(said) => sources.warnings.push(format!(
                    "{suite} is left out, because the archive's list of packages for {architecture} is broken ({said}): build \
                     again with --fresh when it is mended"
                )),
            }
        }
        Ok(sources)
    }
}

async fn archives() -> Result<Vec<Archive>> {
    let format = "$(REPO_URI)|$(RELEASE)|$(LABEL)|$(CODENAME)";
    let words = ["indextargets", "--format", format, "Created-By: Packages"];
    let output = program::run("apt-get", &words, program::LIMIT).await?;
    let mut archives: Vec<Archive> = Vec::new();
    for archive in output.lines().filter_map(archive) {
        if !archives.contains(&archive) {
            archives.push(archive);
        }
    }
    Ok(archives)
}

fn archive(line: &str) -> Option<Archive> {
    let mut fields = line.split('|').map(str::to_owned);
    Some(Archive { uri: fields.next()?, release: fields.next()?, label: fields.next()?, codename: fields.next()? })
}

/// Address, suite, and whether there is no image without it.
type Suite = (String, String, bool);

fn suites(recipe: &Recipe, packages: &[String], archives: &[Archive]) -> Result<Vec<Suite>> {
    let suite = &recipe.suite;
    // A machine of another release of Debian takes its packages from the same place.
    let is_main = |archive: &&Archive| archive.label == "Debian" && !archive.release.contains('-');
    let main = archives.iter().find(|archive| archive.names(suite)).or_else(|| archives.iter().find(is_main));
    let Some(main) = main else {
        bail!("this machine's apt knows no Debian {suite}: add it to apt's sources, and run apt-get update");
    };
    let mut suites = vec![(main.uri.clone(), suite.clone(), true)];
    let is_used = |extra: &&String| packages.iter().any(|package| package.split('/').nth(1) == Some(extra));
    suites.extend(recipe.extra_suites.iter().filter(is_used).map(|extra| (main.uri.clone(), extra.clone(), true)));
    if archives.iter().any(|archive| archive.uri == main.uri && archive.release.ends_with("-updates")) {
        suites.push((main.uri.clone(), format!("{suite}-updates"), false));
    }
    let security = format!("{suite}-security");
    let found = archives.iter().find(|archive| archive.names(&security));
    if let Some(archive) = found.or_else(|| archives.iter().find(|archive| archive.label == "Debian-Security")) {
        suites.push((archive.uri.clone(), security, false));
    }
    if let Some((uri, ..)) = suites.iter().find(|(uri, ..)| uri.contains('@') || uri.contains(char::is_whitespace)) {
        let shown = uri.rsplit('@').next().unwrap_or_default();
        bail!("apt's source {shown} has a password in its address, which would get into the image: use one without");
    }
    Ok(suites)
}

/// Reads this machine's options for reaching archives, so that apt reaches them the same way for the image.
async fn options() -> Result<Vec<String>> {
    let dump = program::run("apt-config", &["dump", "--format", "%f \"%v\";%n"], program::LIMIT).await?;
    let is_wanted = |line: &&str| {
        let name = line.split(' ').next().unwrap_or_default().trim_end_matches("::").to_ascii_lowercase();
        let exact = ["acquire::check-valid-until", "acquire::check-date", "acquire::retries"];
        let is_way = name.starts_with("acquire::http::") || name.starts_with("acquire::https::");
        exact.contains(&name.as_str()) || is_way
    };
    Ok(dump.lines().filter(is_wanted).filter(|line| !line.ends_with("\"\";")).map(str::to_owned).collect())
}

/// Returns what apt says of an archive whose list does not fit its signature; `None` if the list fits.
async fn broken(line: &str, architecture: Architecture, options: &[String], scratch: &Path) -> Result<Option<String>> {
    let directory = tempfile::tempdir_in(scratch).context("cannot make a directory for apt")?;
    let root = directory.path();
    for name in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(root.join(name))?;
    }
    fs::write(root.join("status"), "")?;
    fs::write(root.join("sources.list"), format!("{line}\n"))?;
    let root = root.display();
    let configuration = format!(
        "{}\nDir::Etc::sourcelist \"{root}/sources.list\";\nDir::Etc::sourceparts \"/dev/null\";\n\
         Dir::Etc::preferences \"/dev/null\";\nDir::Etc::preferencesparts \"/dev/null\";\nDir::State::lists \"{root}/lists\";\n\
         Dir::State::status \"{root}/status\";\nDir::Cache \"{root}/cache\";\nAPT::Architecture \"{architecture}\";\n\
         APT::Architectures \"{architecture}\";\nAPT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n\
         APT::Update::Error-Mode \"any\";\n",
        options.join("\n")
    );
    let path = directory.path().join("apt.conf");
    fs::write(&path, configuration)?;
    let words = ["--config-file".as_ref(), path.as_os_str(), "update".as_ref()];
    match program::run("apt-get", &words, UPDATE).await {
        Ok(_) => Ok(None),
        Err(ProgramError::Failed { stderr, .. }) if is_mismatch(&stderr) => Ok(Some(first_error(&stderr))),
        Err(error) => Err(error).context("an archive of Debian does not answer"),
    }
}

/// apt's sentences about a list that is not the one that was signed, and the line below them: only the end may be known.
const MISMATCHES: [&str; 2] = ["Mirror sync in progress", "Hash Sum mismatch"];
const BELOW: &str = "Hashes of expected file";

fn is_mismatch(said: &str) -> bool {
    MISMATCHES.iter().any(|words| said.contains(words)) || said.contains(BELOW)
}

fn first_error(said: &str) -> String {
    let named = said.split("; ").find(|part| MISMATCHES.iter().any(|words| part.contains(words)));
    let sentence = named.unwrap_or("it is not the list that was signed");
    // Without the address: it is long and known.
    let words: Vec<&str> = sentence.split_whitespace().filter(|word| !word.contains("://")).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archives(lines: &[&str]) -> Vec<Archive> {
        lines.iter().filter_map(|line| archive(line)).collect()
    }

    fn recipe() -> Recipe {
        let directory = tempfile::tempdir().unwrap();
        let text = "about = \"x\"\noutput = \"directory\"\narchitectures = [\"amd64\"]\nsuite = \"bookworm\"\n\
                    extra_suites = [\"bookworm-backports\"]\n";
        fs::write(directory.path().join("recipe.toml"), text).unwrap();
        crate::image::recipe::definition::read_recipe(directory.path()).unwrap()
    }

    fn words(suites: &[Suite]) -> Vec<String> {
        suites.iter().map(|(uri, suite, _)| format!("{uri} {suite}")).collect()
    }

    #[test]
    fn a_machine_of_any_release_of_debian_knows_where_packages_are() {
        let same =
            archives(&["m:/|bookworm|Debian|bookworm", "s:/|bookworm-security|Debian-Security|bookworm-security"]);
        assert_eq!(words(&suites(&recipe(), &[], &same).unwrap()), ["m:/ bookworm", "s:/ bookworm-security"]);
        let later = archives(&[
            "x:/|trixie|Other|trixie",
            "m:/|trixie|Debian|trixie",
            "m:/|trixie-updates|Debian|trixie-updates",
            "s:/|trixie-security|Debian-Security|trixie-security",
        ]);
        let found = suites(&recipe(), &[], &later).unwrap();
        assert_eq!(words(&found), ["m:/ bookworm", "m:/ bookworm-updates", "s:/ bookworm-security"]);
        // Before the first apt-get update only the sources' own words are known.
        let fresh = archives(&["m:/|bookworm||"]);
        assert_eq!(words(&suites(&recipe(), &[], &fresh).unwrap()), ["m:/ bookworm"]);
        let packages = ["bash".to_owned(), "linux-image-arm64/bookworm-backports".to_owned()];
        let kernel = suites(&recipe(), &packages, &fresh).unwrap();
        assert_eq!(words(&kernel), ["m:/ bookworm", "m:/ bookworm-backports"]);
    }

    #[test]
    fn an_apt_that_cannot_help_says_so_and_no_password_is_repeated() {
        let other = suites(&recipe(), &[], &archives(&["u:/|noble|Ubuntu|noble"])).unwrap_err().to_string();
        assert!(other.contains("knows no Debian bookworm"), "{other}");
        let secret = suites(&recipe(), &[], &archives(&["http://me:geheim@m/|bookworm|Debian|bookworm"])).unwrap_err();
        assert!(!secret.to_string().contains("geheim"), "{secret}");
    }

    #[test]
    fn what_apt_says_of_a_broken_list_is_told_without_its_address() {
        let said =
            "E: Failed to fetch http://x/y  File has unexpected size (1 != 2). Mirror sync in progress?; E: Some index";
        assert!(is_mismatch(said) && !is_mismatch("E: Could not connect"));
        let end = "   Hashes of expected file:;     - Filesize:349884 [weak]; E: Some index files failed to download.";
        assert!(is_mismatch(end));
        assert_eq!(first_error(end), "it is not the list that was signed");
        assert_eq!(first_error(said), "E: Failed to fetch File has unexpected size (1 != 2). Mirror sync in progress?");
    }
}
