//! Rooms stand on a ladder and import downwards only (`src/ARCHITECTURE.md`).
//! The source is read as text: what the compiler allows is not enough.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Rooms from the lowest rung up. Those of the fourth are roles.
const LADDER: [&[&str]; 5] = [
    &["model"],
    &["sys", "clock", "config", "pki", "api", "template"],
    &["rpc", "task", "store", "archive", "supervise", "client", "cloud", "node", "server", "service"],
    &["director", "manager", "agent", "init", "time", "welcome", "image", "first_boot", "nutshell"],
    &["cli"],
];
const ROLES: usize = 3;

#[derive(Debug)]
struct Source {
    /// From `src/`, such as `config/ini.rs`.
    path: String,
    room: String,
    /// Without comments and without what stands after the first `#[cfg(test)]`.
    code: String,
}

fn sources() -> Vec<Source> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut directories: Vec<PathBuf> = vec![src.clone()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test(&name) {
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]").next().unwrap_or_default();
                let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
                let room = name.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
                found.push(Source { path: name, room, code: code.join("\n") });
            }
        }
    }
    assert!(found.len() > 20, "the sources are not where this test looks");
    found
}

fn is_test(name: &str) -> bool {
    name.ends_with("_tests.rs") || name.ends_with("/tests.rs") || name.contains("/tests/")
}

fn rung(room: &str) -> Option<usize> {
    LADDER.iter().position(|rooms| rooms.contains(&room))
}

/// Every room named after `crate::`, also in `crate::{a, b::c}`.
fn imported(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            rooms.insert(first_word(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = 0;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    rooms.insert(first_word(group[start..at].trim()));
                    start = at + 1;
                }
                _ => {}
            }
            if c == '}' && depth == 0 && start > at {
                break;
            }
        }
    }
    rooms
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

#[test]
fn every_room_has_its_rung() {
    for source in sources() {
        let is_root = ["main.rs", "lib.rs"].contains(&source.path.as_str());
        assert!(is_root || rung(&source.room).is_some(), "{} stands on no rung", source.path);
    }
}

#[test]
fn imports_go_down_the_ladder_and_roles_do_not_know_each_other() {
    let mut sideways: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources() {
        let Some(own) = rung(&source.room) else { continue };
        for room in imported(&source.code) {
            let Some(other) = rung(&room) else { continue };
            if room == source.room {
                continue;
            }
            assert!(other <= own, "{} imports {room}, which stands above it", source.path);
            assert!(other < own || own != ROLES, "{} imports {room}: a role knows no other", source.path);
            if other == own {
                sideways.entry(source.room.clone()).or_default().insert(room);
            }
        }
    }
    // Beside each other is allowed one way only: from a room no way leads back to it.
    for start in sideways.keys() {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&String> = sideways[start].iter().collect();
        while let Some(room) = next.pop() {
            if reached.insert(room.clone()) {
                next.extend(sideways.get(room).into_iter().flatten());
            }
        }
        assert!(!reached.contains(start), "{start} and {:?} import each other", sideways[start]);
    }
}

#[test]
fn each_door_hides_what_is_behind_it() {
    // (what, in which paths it may stand)
    let doors: [(&[&str], &[&str]); 4] = [
        (
            &["process::Command", "tokio::process::{", "nix::spawn", "posix_spawn(", "execve"],
            &["sys/", "supervise/", "cloud/local/lxc/"],
        ),
        (&["rusqlite"], &["store/"]),
        // Where an error is only told to people, in a face or where a role is put together.
        (&["anyhow"], &["main.rs", "cli/", "image/", "/run.rs", "/setup.rs"]),
        (&["unsafe {", "unsafe fn", "unsafe extern"], &["cloud/local/lxc/"]),
    ];
    for source in sources() {
        for (words, places) in doors {
            for word in words.iter().filter(|word| source.code.contains(**word)) {
                let is_home = places.iter().any(|place| source.path.starts_with(place) || source.path.ends_with(place));
                assert!(is_home, "{} has {word}, which belongs to {places:?}", source.path);
            }
        }
    }
}

#[test]
fn the_reader_of_imports_reads_them() {
    let code = "use crate::model::A;\nuse crate::{sys::{file, program}, pki,\n  api};\nlet x = crate::store::open();";
    let rooms: Vec<String> = imported(code).into_iter().collect();
    assert_eq!(rooms, ["api", "model", "pki", "store", "sys"]);
}
