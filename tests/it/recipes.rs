//! The recipes of the images, read as the engine reads them, for every machine
//! that they are for; and every file of them looked at.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use conpaas::image::{Output, RecipeDirectory, overview};
use conpaas::service::kind_names;

fn images() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("images")
}

fn recipes() -> RecipeDirectory {
    RecipeDirectory::open(Some(&images())).unwrap()
}

/// Every file below `directory`.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

#[test]
fn every_recipe_can_be_resolved_for_every_machine_that_it_is_for() {
    let list = recipes().list().unwrap();
    let names: Vec<&str> = list.iter().map(|recipe| recipe.name.as_str()).collect();
    for name in ["services", "rpi-standalone", "rpi-compute", "nutshell"] {
        assert!(names.contains(&name), "there is no recipe {name}");
    }
    for recipe in &list {
        for architecture in &recipe.architectures {
            let overview = overview(&recipes(), &recipe.name, *architecture, None);
            let overview = overview.unwrap_or_else(|error| panic!("{error}"));
            assert!(!overview.packages.is_empty(), "{} installs nothing", recipe.name);
            for embed in &overview.embeds {
                let inner = list.iter().find(|other| other.name == *embed);
                let inner = inner.unwrap_or_else(|| panic!("{} contains {embed}, which is not there", recipe.name));
                assert!(inner.architectures.contains(architecture), "{embed} is not for {architecture}");
            }
        }
    }
}

#[test]
fn every_step_belongs_to_a_recipe() {
    let mut used: Vec<PathBuf> = Vec::new();
    for recipe in recipes().list().unwrap() {
        let kinds = recipe.directory.join("kinds");
        let all = std::fs::read_dir(kinds).map_or(Vec::new(), |entries| {
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        });
        for architecture in &recipe.architectures {
            used.extend(overview(&recipes(), &recipe.name, *architecture, Some(all.clone())).unwrap().steps);
        }
    }
    // The whole OpenStack is no image: its own programs use what is there.
    let openstack = images().join("nutshell-openstack");
    for file in files(&images()).into_iter().filter(|file| !file.starts_with(&openstack)) {
        let is_data = ["recipe.toml", "README.md"].iter().any(|name| file.ends_with(name));
        let is_used =
            used.iter().any(|step| file.starts_with(step) || step.parent() == file.parent().and_then(Path::parent));
        assert!(is_data || is_used, "no recipe uses {}", file.display());
    }
}

#[test]
fn the_containers_can_run_every_kind_of_service() {
    let kinds = images().join("services/kinds");
    for name in kind_names() {
        assert!(
            kinds.join(name).is_dir(),
            "nothing says what the kind {name} needs: make images/services/kinds/{name}"
        );
    }
    for name in ["php", "java", "mysql"] {
        let list = recipes().list().unwrap();
        let services = list.iter().find(|recipe| recipe.name == "services").unwrap();
        assert_eq!(services.output, Output::Directory);
        let overview = |kind: &str| {
            overview(&recipes(), "services", services.architectures[0], Some(vec![kind.to_owned()])).unwrap().packages
        };
        assert!(overview(name).len() > overview("helloworld").len(), "{name} brings no package");
    }
}

#[test]
fn every_script_is_one_for_a_plain_shell() {
    let is_shell = |file: &Path| {
        let start = std::fs::read(file).unwrap();
        ["script", "chroot", "boot"].contains(&extension(file)) || start.starts_with(b"#!/bin/sh")
    };
    let scripts: Vec<PathBuf> =
        files(&images()).into_iter().filter(|file| !file.is_symlink() && is_shell(file)).collect();
    assert!(scripts.len() > 5, "the scripts are not where this test looks");
    for script in scripts {
        let output = Command::new("dash").arg("-n").arg(&script).output().unwrap();
        assert!(output.status.success(), "{}: {}", script.display(), String::from_utf8_lossy(&output.stderr));
        let text = std::fs::read_to_string(&script).unwrap();
        assert!(text.starts_with("#!/bin/sh\n") || text.starts_with("#!/bin/busybox sh\n"), "{}", script.display());
        let says_why = text.lines().nth(1).is_some_and(|line| line.starts_with("# "));
        assert!(says_why, "{}: the second line tells what the script is for", script.display());
        assert!(text.lines().any(|line| line.starts_with("set -e")), "{}: a failure must end it", script.display());
    }
}

#[test]
fn modes_are_those_that_git_keeps_and_nothing_is_secret() {
    for file in files(&images()) {
        let metadata = std::fs::symlink_metadata(&file).unwrap();
        if metadata.is_symlink() {
            continue;
        }
        let is_program = metadata.mode() & 0o111 != 0;
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        assert!(!is_program || text.starts_with("#!"), "{} is no program", file.display());
        assert!(!text.contains("PRIVATE KEY-----"), "{} has a private key", file.display());
    }
}
