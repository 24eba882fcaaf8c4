//! `java`: web applications in Java.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use clap::Subcommand;

use crate::cli::command::care::CareCommand;
use crate::cli::command::code::CodeCommand;
use crate::cli::command::every_service::KindCommand;
use crate::cli::command::nginx_hooks::NginxHookCommand;
use crate::cli::command::web_counts::WebCounts;
use crate::cli::deployment::{Deployment, Entry, Parcel};
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;

/// The kind's name.
pub(crate) const NAME: &str = "java";

/// How `deploy` brings a web application on the air.
pub(super) const DEPLOYMENT: Deployment = Deployment {
    kind: NAME,
    enable_method: "update_java_configuration",
    looks_like,
    parcel,
    entry: Entry::Site("proxy"),
    document_root: None,
};

/// Where Maven and Gradle put what they have built.
const BUILT: [&str; 2] = ["target", "build/libs"];
/// What they build from, and how.
const SOURCES: [(&str, &str); 3] = [
    ("pom.xml", "'mvn package' makes target/NAME.war"),
    ("build.gradle", "'gradle war' makes build/libs/NAME.war"),
    ("build.gradle.kts", "'gradle war' makes build/libs/NAME.war"),
];

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum JavaCommand {
    /// What all kinds have
    #[command(flatten)]
    Every(KindCommand<WebCounts>),
    /// What kinds with code have
    #[command(flatten)]
    Code(CodeCommand),
    /// What kinds have that their manager looks after
    #[command(flatten)]
    Care(CareCommand),
    /// What kinds have that serve visitors
    #[command(flatten)]
    NginxHook(NginxHookCommand),
}

#[async_trait(?Send)]
impl Action for JavaCommand {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        match *self {
            JavaCommand::Every(command) => command.run(run, NAME).await,
            JavaCommand::Code(command) => command.run(run, NAME, DEPLOYMENT.enable_method).await,
            JavaCommand::Care(command) => command.run(run, NAME).await,
            JavaCommand::NginxHook(command) => command.run(run, NAME).await,
        }
    }
}

fn looks_like(path: &Path) -> Option<&'static str> {
    if path.is_file() {
        return is_war(path).then_some("it is a .war file");
    }
    if path.join("WEB-INF").is_dir() {
        return Some("it has WEB-INF");
    }
    if !built(path).is_empty() {
        return Some("it has a .war file that was built");
    }
    SOURCES.iter().any(|(name, _)| path.join(name).is_file()).then_some("it is the source of a program in Java")
}

/// The `.war` file, or the directory that would be one.
fn parcel(path: &Path) -> Result<Parcel, String> {
    let shown = path.display();
    if path.is_file() {
        return Ok(Parcel::File(path.to_owned()));
    }
    if path.join("WEB-INF").is_dir() {
        return Ok(Parcel::WebApplication(path.to_owned()));
    }
    let wars = built(path);
    match wars.as_slice() {
        [war] => Ok(Parcel::File(war.clone())),
        [] => {
            let source = SOURCES.iter().find(|(name, _)| path.join(name).is_file());
            Err(match source {
                Some((name, how)) => format!(
                    "'{shown}' has {name}, and no .war file was built yet: {how}. A program of its own (a .jar) is one for the \
                     kind generic: a run.sh starts it"
                ),
                None => format!(
                    "'{shown}' is no web application: it has neither WEB-INF nor a .war file in target or build/libs"
                ),
            })
        }
        [first, second, ..] => Err(format!(
            "'{shown}' has several .war files, such as {} and {}: say which one, as in 'conpaas deploy {}'",
            first.display(),
            second.display(),
            first.display()
        )),
    }
}

/// Returns the `.war` files that were built in a directory.
fn built(directory: &Path) -> Vec<PathBuf> {
    let entries = BUILT.iter().flat_map(|place| fs::read_dir(directory.join(place)).into_iter().flatten().flatten());
    let mut wars: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| is_war(path)).collect();
    // Gradle's and Spring Boot's second one is not meant for a server.
    let is_meant = |path: &PathBuf| !path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("-plain"));
    if wars.iter().any(is_meant) {
        wars.retain(is_meant);
    }
    wars.sort_unstable();
    wars
}

fn is_war(path: &Path) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case(OsStr::new("war"))) && path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(files: &[&str]) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        for file in files {
            let path = place.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        place
    }

    #[test]
    fn what_was_built_is_uploaded_and_what_was_not_is_told() {
        let of = |files: &[&str]| {
            let place = made(files);
            let parcel = parcel(place.path());
            assert!(looks_like(place.path()).is_some(), "{files:?}");
            parcel.map(|parcel| match parcel {
                Parcel::File(path) => path.strip_prefix(place.path()).unwrap().display().to_string(),
                Parcel::WebApplication(_) => "a directory".to_owned(),
                Parcel::Directory(_) => "not this".to_owned(),
            })
        };
        assert_eq!(of(&["pom.xml", "target/shop.war", "target/shop.jar"]).unwrap(), "target/shop.war");
        assert_eq!(of(&["build/libs/shop.war", "build/libs/shop-plain.war"]).unwrap(), "build/libs/shop.war");
        assert_eq!(of(&["WEB-INF/web.xml", "index.jsp"]).unwrap(), "a directory");
        assert!(of(&["pom.xml"]).unwrap_err().contains("'mvn package' makes target/NAME.war"));
        assert!(of(&["target/a.war", "target/b.war"]).unwrap_err().contains("say which one"));
        let place = made(&["shop.war", "readme.txt"]);
        assert_eq!(parcel(&place.path().join("shop.war")).unwrap(), Parcel::File(place.path().join("shop.war")));
        assert!(looks_like(place.path()).is_none() && looks_like(&place.path().join("readme.txt")).is_none());
    }
}
