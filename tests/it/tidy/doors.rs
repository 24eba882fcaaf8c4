//! Each door hides what is behind it, and shows nobody more than somebody wants.

use std::collections::BTreeSet;

use super::imports::Imports;
use super::source::{Source, all_in, hold, program, top};

/// What belongs to one place: words of the source, and where they may stand.
const HIDDEN: [(&[&str], &[&str]); 4] = [
    (
        &["process::Command", "tokio::process::{", "nix::spawn", "posix_spawn(", "execve"],
        &["sys/", "supervise/", "cloud/local/lxc/", "init/"],
    ),
    (&["rusqlite"], &["store/"]),
    // Where an error is only told to people, in a face or where a role is put together.
    (&["anyhow"], &["main.rs", "cli/", "image/", "/run.rs", "/setup.rs"]),
    (&["unsafe {", "unsafe fn", "unsafe extern"], &["cloud/local/lxc/", "sys/code_memory.rs"]),
];

#[test]
fn each_door_hides_what_is_behind_it() {
    let found: Vec<String> = program().iter().flat_map(misplaced).collect();
    hold("what a door hides stands behind it", &found);
}

#[test]
fn a_room_shows_outside_only_what_somebody_outside_names() {
    let mut outside: BTreeSet<String> = all_in("tests").iter().flat_map(Source::identifiers).collect();
    let main = std::fs::read_to_string(top().join("src/main.rs")).unwrap();
    outside.extend(Source::parse("main.rs", &main).identifiers());
    let sources = program();
    let doors = Imports::of(&sources).doors();
    assert!(doors.len() > 20, "{doors:?}");
    let unused = doors.into_iter().filter(|(_, name)| !outside.contains(name));
    let found: Vec<String> = unused.map(|(file, name)| format!("{file}: {name} wants pub(crate)")).collect();
    hold("every name that a room shows is named outside of the program", &found);
}

fn misplaced(source: &Source) -> Vec<String> {
    let code: String = source.text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (words, places) in HIDDEN {
        let is_home = places.iter().any(|place| source.path.starts_with(place) || source.path.ends_with(place));
        for word in words.iter().filter(|word| !is_home && code.contains(**word)) {
            found.push(format!("{} has {word}, which belongs to {places:?}", source.path));
        }
    }
    found
}

#[test]
fn what_is_misplaced_is_found() {
    let sql = "// not rusqlite\nuse rusqlite::Connection;\n";
    assert_eq!(misplaced(&Source::parse("store/director.rs", sql)), Vec::<String>::new());
    let tests = "fn f() {}\n#[cfg(test)]\nmod tests { use rusqlite::Connection; }\n";
    assert_eq!(misplaced(&Source::parse("manager/core.rs", tests)), Vec::<String>::new());
    let found = misplaced(&Source::parse("manager/core.rs", sql));
    assert_eq!(found, ["manager/core.rs has rusqlite, which belongs to [\"store/\"]"]);
}
