//! What a directory holds: which kind of service brings it on the air.

use std::fs;
use std::path::Path;

use crate::cli::deployment::{Deployment, Parcel};
use crate::cli::kind::{DEPLOYMENTS, find_deployment};
use crate::client::error::Failure;

/// Files of programs that no kind serves as they are, and what to do about it.
const OTHERS: &[(&[&str], &str)] = &[
    (
        &["package.json", "requirements.txt", "pyproject.toml", "Gemfile", "go.mod", "Cargo.toml", "manage.py"],
        "a program that is started: write a run.sh that starts it, and it is one for the kind generic",
    ),
    (
        &["Dockerfile", "Containerfile", "docker-compose.yml", "compose.yaml"],
        "an image of containers is not built here: write a run.sh that starts the program, for the kind generic",
    ),
];

/// Finds the deployment of a directory: of the kind that is named, or of the one that it looks like. Blocking.
///
/// # Errors
/// It is no directory, nothing in it tells what it is, or there is no such kind.
pub(super) fn deployment_of(directory: &Path, kind: Option<&str>) -> Result<(&'static Deployment, String), Failure> {
    let shown = directory.display();
    if !directory.exists() {
        return Err(Failure::said(format!("there is no directory '{shown}'")));
    }
    if let Some(kind) = kind {
        let found =
            find_deployment(kind).ok_or_else(|| Failure::said(format!("--kind {kind}: deploy knows {}", kinds())))?;
        return Ok((found, "it was named".to_owned()));
    }
    let looks = |deployment: &'static Deployment| Some((deployment, (deployment.looks_like)(directory)?.to_owned()));
    let found = DEPLOYMENTS.iter().find_map(looks);
    found.ok_or_else(|| Failure::said(Parcel::directory(directory).err().unwrap_or_else(|| unknown(directory))))
}

fn kinds() -> String {
    let names: Vec<&str> = DEPLOYMENTS.iter().map(|deployment| deployment.kind).collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => names.concat(),
    }
}

fn unknown(directory: &Path) -> String {
    let shown = directory.display();
    let of_name =
        |names: &[&str]| names.iter().find(|name| directory.join(name).exists()).map(|name| (*name).to_owned());
    for (names, what) in OTHERS {
        if let Some(name) = of_name(names) {
            return format!("'{shown}' has {name}, {what}");
        }
    }
    let mut entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let war = entries.find(|entry| entry.path().extension().is_some_and(|end| end == "war" || end == "jar"));
    if let Some(war) = war {
        let name = war.file_name();
        let name = name.to_string_lossy();
        return match Path::new(&*name).extension().is_some_and(|end| end == "war") {
            true => format!("'{shown}' has {name}: 'conpaas deploy {}' brings that on the air", war.path().display()),
            false => format!(
                "'{shown}' has {name}, a program in Java: a run.sh that starts it makes it one for the kind generic"
            ),
        };
    }
    format!(
        "nothing in '{shown}' says what it is: deploy looks for run.sh, WEB-INF, a .war file that was built, index.php, \
         public/index.php, composer.json and index.html; --kind says it: {}",
        kinds()
    )
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
    fn a_directory_is_what_its_first_page_or_script_says() {
        for (files, kind) in [
            (&["index.html"] as &[&str], "php"),
            (&["public/index.php", "composer.json"], "php"),
            (&["about.php"], "php"),
            (&["index.php", "run.sh"], "generic"),
            (&["package.json", "run.sh"], "generic"),
            (&["WEB-INF/web.xml", "index.html"], "java"),
            (&["pom.xml", "target/shop.war"], "java"),
        ] {
            let place = made(files);
            assert_eq!(deployment_of(place.path(), None).unwrap().0.kind, kind, "{files:?}");
        }
        let named = made(&["index.html"]);
        assert_eq!(deployment_of(named.path(), Some("generic")).unwrap().0.kind, "generic");
    }

    #[test]
    fn what_is_not_served_is_told_with_the_next_step() {
        let text = |files: &[&str], kind| deployment_of(made(files).path(), kind).unwrap_err().text;
        assert!(text(&["package.json"], None).contains("has package.json, a program that is started: write a run.sh"));
        assert!(text(&["shop.war"], None).contains("has shop.war: 'conpaas deploy "));
        assert!(text(&["readme.txt"], None).contains("deploy looks for run.sh, WEB-INF, "));
        assert_eq!(text(&["index.html"], Some("mysql")), "--kind mysql: deploy knows generic, java and php");
        let place = made(&["site.zip"]);
        let of = |name: &str| deployment_of(&place.path().join(name), None).unwrap_err().text;
        assert!(of("site.zip").contains("is no directory: unpack it first"), "{}", of("site.zip"));
        assert!(of("missing").starts_with("there is no directory '"));
    }
}
