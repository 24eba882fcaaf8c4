//! A kind of service is registered wherever kinds are.

use std::collections::BTreeSet;

use super::docs::pages;
use super::source::{Source, hold, top};

/// Registries, which name each kind as a module; the second part of a path is the kind's module.
const REGISTRIES: [&str; 2] = ["src/service/registry.rs", "src/cli/kind/mod.rs"];

#[test]
fn every_kind_is_registered_everywhere() {
    let kinds = folders("src/service/kinds");
    assert!(kinds.len() > 1, "{kinds:?}");
    assert_eq!(kinds, conpaas::service::kind_names().into_iter().map(str::to_owned).collect(), "folders and KINDS");
    let mut found = Vec::new();
    for kind in &kinds {
        for path in [format!("src/cli/kind/{kind}.rs"), format!("images/services/kinds/{kind}")] {
            if !top().join(&path).exists() {
                found.push(format!("{kind}: there is no {path}"));
            }
        }
        for registry in REGISTRIES {
            let text = std::fs::read_to_string(top().join(registry)).unwrap();
            if !Source::parse(registry, &text).identifiers().contains(kind) {
                found.push(format!("{kind} is not named in {registry}"));
            }
        }
        if !pages().iter().any(|page| std::fs::read_to_string(page).unwrap().contains(kind.as_str())) {
            found.push(format!("no page of docs/ tells of {kind}"));
        }
    }
    hold("a kind is registered everywhere", &found);
}

#[test]
fn every_file_of_a_kind_in_the_client_has_its_kind() {
    let kinds = folders("src/service/kinds");
    let files = std::fs::read_dir(top().join("src/cli/kind")).unwrap().flatten();
    let names = files.map(|entry| entry.file_name().to_str().unwrap().trim_end_matches(".rs").to_owned());
    let strangers: Vec<String> = names.filter(|name| name != "mod" && !kinds.contains(name)).collect();
    hold("a file of a kind in the client has its kind", &strangers);
}

fn folders(path: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(top().join(path)).unwrap().flatten().filter(|entry| entry.path().is_dir());
    entries.map(|entry| entry.file_name().to_str().unwrap().to_owned()).collect()
}
