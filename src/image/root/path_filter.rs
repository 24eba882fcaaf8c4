//! What dpkg is told to leave out, compared with what the packages have.
//!
//! A pattern that fits nothing is a loss that nobody notices: a package has moved its files, and either all of them are
//! unpacked or those that were wanted are not.
//!
//! A comment that begins with `# Optional:` frees the patterns below it, up to the next comment or empty line.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::image::recipe::plan::Plan;

/// Where dpkg reads what is left out.
const CONFIGURATION: &str = "etc/dpkg/dpkg.cfg.d";
/// Where dpkg keeps a list of the files of each package, with those that were left out.
const LISTS: &str = "var/lib/dpkg/info";
const OPTIONAL: &str = "# Optional:";

/// A pattern that must fit something.
#[derive(Debug, PartialEq, Eq)]
struct PathFilter {
    file: PathBuf,
    line: usize,
    option: String,
    pattern: String,
}

/// Refuses patterns of the plan that fit nothing in the packages of `root`. Blocking.
///
/// # Errors
/// There is one, or the files cannot be read.
pub(crate) fn check(plan: &Plan, root: &Path) -> Result<()> {
    let mut filters = Vec::new();
    for step in &plan.early {
        filters.extend(of_directory(&step.path.join(CONFIGURATION))?);
    }
    if filters.is_empty() {
        return Ok(());
    }
    let paths = paths(&root.join(LISTS))?;
    let idle = |filter: &&PathFilter| !paths.iter().any(|path| fits(&filter.pattern, path));
    let lines: Vec<String> = filters.iter().filter(idle).map(shown).collect();
    if !lines.is_empty() {
        bail!(
            "no package of this image has what these patterns name: mend them, or write a comment '{OPTIONAL} ...' above \
             those that may fit nothing: {}",
            lines.join("; ")
        );
    }
    Ok(())
}

fn shown(filter: &PathFilter) -> String {
    format!("{} line {}: {}={}", filter.file.display(), filter.line, filter.option, filter.pattern)
}

fn of_directory(directory: &Path) -> Result<Vec<PathFilter>> {
    let (mut filters, failed) = (Vec::new(), || format!("cannot read {}", directory.display()));
    if !directory.is_dir() {
        return Ok(filters);
    }
    for entry in fs::read_dir(directory).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        filters.extend(read(&path, &text));
    }
    Ok(filters)
}

fn read(file: &Path, text: &str) -> Vec<PathFilter> {
    let (mut filters, mut is_optional) = (Vec::new(), false);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            is_optional = line.starts_with(OPTIONAL);
            continue;
        }
        let Some((option, pattern)) = line.split_once('=') else { continue };
        if !is_optional && ["path-exclude", "path-include"].contains(&option) {
            let (option, pattern) = (option.to_owned(), pattern.to_owned());
            filters.push(PathFilter { file: file.to_owned(), line: index + 1, option, pattern });
        }
    }
    filters
}

/// Returns every path of every package.
fn paths(lists: &Path) -> Result<BTreeSet<String>> {
    let failed = || format!("cannot read {}", lists.display());
    let mut paths = BTreeSet::new();
    for entry in fs::read_dir(lists).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "list") {
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            paths.extend(String::from_utf8_lossy(&bytes).lines().map(str::to_owned));
        }
    }
    Ok(paths)
}

/// Returns whether dpkg takes `path` for one of `pattern`: `*` and `?` also stand for slashes.
fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.as_bytes(), path.as_bytes());
    let (mut at, mut next) = (0, 0);
    // Behind the last star, and the first byte that the star does not stand for.
    let mut star: Option<(usize, usize)> = None;
    while next < path.len() {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                star = Some((at, next));
            }
            Some(byte) if *byte == b'?' || *byte == path[next] => {
                at += 1;
                next += 1;
            }
            _ => {
                let Some((behind, from)) = star else { return false };
                at = behind;
                next = from + 1;
                star = Some((behind, next));
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_slashes_too() {
        for (pattern, path) in [
            ("/usr/share/doc/*", "/usr/share/doc/bash/copyright"),
            ("*/lib/modules/*/kernel/drivers/net/*", "/lib/modules/6.1/kernel/drivers/net/can/a.ko"),
            ("*/lib/modules/*/kernel/drivers/net/*", "/usr/lib/modules/6.12/kernel/drivers/net/can/a.ko.xz"),
            ("*/amd/pcnet32.ko*", "/usr/lib/modules/6.12/kernel/drivers/net/ethernet/amd/pcnet32.ko.xz"),
            ("/a?c", "/abc"),
            ("*", ""),
        ] {
            assert!(fits(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("/lib/modules/*/kernel/*", "/usr/lib/modules/6.12/kernel/a.ko.xz"),
            ("*/amd/pcnet32.ko", "/usr/lib/modules/6.12/kernel/drivers/net/ethernet/amd/pcnet32.ko.xz"),
            ("/a?c", "/ac"),
            ("", "/"),
        ] {
            assert!(!fits(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn patterns_below_an_optional_comment_may_fit_nothing() {
        let text = "# Why.\npath-exclude=/a/*\nforce-unsafe-io\n# Optional: somebody installs it later\npath-exclude=/b/*\n\
                    path-include=/b/c\n\npath-include=/d\n";
        let filters = read(Path::new("x"), text);
        let lines: Vec<(usize, &str)> = filters.iter().map(|filter| (filter.line, filter.pattern.as_str())).collect();
        assert_eq!(lines, [(2, "/a/*"), (8, "/d")]);
    }

    #[test]
    fn the_files_of_packages_are_those_of_dpkgs_lists() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.list"), "/.\n/usr/share/doc\n").unwrap();
        fs::write(directory.path().join("a.md5sums"), "0  usr/share/man\n").unwrap();
        assert_eq!(paths(directory.path()).unwrap(), ["/.", "/usr/share/doc"].map(str::to_owned).into());
    }
}
