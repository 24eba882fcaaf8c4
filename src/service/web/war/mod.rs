//! What a web application in Java is: for which Java it was written, and which of its files a web server may serve.
//!
//! Nothing of the application runs for it: its descriptor, its classes, its libraries and its pages are read. A servlet,
//! a filter or a rule of access may stand before a file, so that only Tomcat may answer for it. Where that cannot be
//! known for certain, Tomcat answers for everything.
//!
//! Must not know: nginx, Tomcat, nodes.

mod bounded;
mod class;
mod descriptor;
mod library;
mod traits;

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use self::descriptor::Descriptor;
use self::traits::Traits;
use crate::archive::ArchiveLimits;

/// Directories in each other; deeper ones are not looked at, so that nothing is known for certain.
const MAX_DEPTH: usize = 64;
/// More patterns than this make no configuration that a web server reads quickly.
const MAX_PATTERNS: usize = 300;

/// What a web application is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Survey {
    /// For which Java it was written.
    pub dialect: Dialect,
    /// Which of its files a web server may serve.
    pub statics: Statics,
    /// What may surprise of it, a sentence for each.
    pub oddities: Vec<String>,
}

/// Under which name a program knows servlets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Dialect {
    /// `jakarta.servlet`, or no program at all.
    Jakarta,
    /// `javax.servlet`, which Tomcat 10 does not have.
    Javax,
}

/// Which files a web server may serve by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Statics {
    /// None: Tomcat answers for everything.
    #[default]
    None,
    /// All but those that these patterns of servlets, filters and rules of access cover.
    AllBut(Vec<String>),
}

/// First pages, by which a directory without `WEB-INF` is a web application all the same, as for ConPaaS 2.0 and Tomcat.
const FIRST_PAGES: [&str; 3] = ["index.html", "index.htm", "index.jsp"];

/// Returns whether an unpacked archive is a web application: its program, its first page, or both lie at its top. Blocking.
#[must_use]
pub(crate) fn is_web_application(directory: &Path) -> bool {
    let is_source = ["pom.xml", "build.gradle", "build.gradle.kts"].iter().any(|name| directory.join(name).is_file());
    let has_page = || FIRST_PAGES.iter().any(|name| directory.join(name).is_file());
    directory.join("WEB-INF").is_dir() || (!is_source && has_page())
}

/// Looks at an unpacked web application. Blocking.
pub(crate) fn survey(directory: &Path, limits: &ArchiveLimits) -> Survey {
    let web_inf = directory.join("WEB-INF");
    let descriptor = descriptor::read(&web_inf.join("web.xml"));
    let mut own = Traits::default();
    walk(directory, 0, &mut own);
    let libraries = library::traits_of(&web_inf.join("lib"), limits);
    let broken = descriptor.as_ref().err().map(|reason| format!("its WEB-INF/web.xml cannot be read: {reason}"));
    let has_context = directory.join("META-INF/context.xml").is_file();
    let not_read = has_context.then(|| "its META-INF/context.xml is not read".to_owned());
    let descriptor = descriptor.unwrap_or(Descriptor { covers_everything: true, ..Descriptor::default() });
    // A library may be written for both, and a program for one alone.
    let is_old_library = libraries.names_javax && !libraries.names_jakarta && !own.names_jakarta;
    let is_old = own.names_javax || descriptor.names_javax || is_old_library;
    Survey {
        dialect: if is_old { Dialect::Javax } else { Dialect::Jakarta },
        statics: statics(descriptor, own, &libraries),
        oddities: broken.into_iter().chain(not_read).collect(),
    }
}

fn statics(descriptor: Descriptor, own: Traits, libraries: &Traits) -> Statics {
    if descriptor.covers_everything || own.is_opaque || libraries.is_opaque || !libraries.patterns.is_empty() {
        return Statics::None;
    }
    let mut patterns: Vec<String> = descriptor.patterns.into_iter().chain(own.patterns).collect();
    patterns.sort_unstable();
    patterns.dedup();
    // The root itself is never a file.
    patterns.retain(|pattern| !pattern.is_empty());
    let is_known = |pattern: &String| pattern != "/" && pattern != "/*" && is_plain(pattern);
    if patterns.len() > MAX_PATTERNS || !patterns.iter().all(is_known) {
        return Statics::None;
    }
    Statics::AllBut(patterns)
}

/// Returns whether a pattern means itself in every syntax.
fn is_plain(pattern: &str) -> bool {
    let rest = pattern.strip_prefix("*.").or_else(|| pattern.strip_suffix("/*")).unwrap_or(pattern);
    let is_rooted = pattern.starts_with('/') || pattern.starts_with("*.");
    is_rooted && rest.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
}

/// Looks at classes and pages, wherever they lie.
fn walk(directory: &Path, depth: usize, found: &mut Traits) {
    if depth > MAX_DEPTH {
        found.is_opaque = true;
        return;
    }
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            walk(&path, depth + 1, found);
        } else if kind.is_symlink() {
            // It may lead to anything.
            found.is_opaque = true;
        } else {
            look(&path, found);
        }
    }
}

fn look(path: &Path, found: &mut Traits) {
    match path.extension().and_then(|end| end.to_str()).unwrap_or_default() {
        "class" => match bounded::read(path).as_deref().map(class::constants) {
            Some(Some(constants)) => found.add_class(&constants),
            _ => found.is_opaque = true,
        },
        "jsp" | "jspx" | "jspf" | "tag" | "tagx" | "tld" => {
            let text = bounded::read(path).unwrap_or_default();
            found.add_page(&String::from_utf8_lossy(&text));
        }
        _ if path.file_name().is_some_and(|name| name == "web-fragment.xml") => found.is_opaque = true,
        _ if path.to_string_lossy().ends_with("ServletContainerInitializer") => found.is_opaque = true,
        _ => {}
    }
}

#[cfg(test)]
mod tests;
