//! Rooms stand on a ladder and import downwards only.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::Imports;
use super::source::{Source, hold, program};

/// Rooms from the lowest rung up. Those of the fourth are roles.
const LADDER: [&[&str]; 5] = [
    &["model"],
    &["api", "sys", "clock", "config", "pki", "template"],
    &["archive", "client", "cloud", "manifest", "node", "rpc", "server", "service", "store", "supervise", "task"],
    &[
        "director",
        "manager",
        "agent",
        "init",
        "time",
        "welcome",
        "frontend",
        "ingress",
        "image",
        "first_boot",
        "nutshell",
        "git",
    ],
    &["cli"],
];
const ROLES: usize = 3;

#[test]
fn every_room_has_its_rung() {
    let rooms: BTreeSet<String> = program().iter().map(|source| source.room().to_owned()).collect();
    let unknown = rooms.into_iter().filter(|room| rung(room).is_none() && !["main", "lib"].contains(&room.as_str()));
    hold("every room has its rung", &unknown.collect::<Vec<_>>());
}

#[test]
fn imports_go_down_the_ladder_and_roles_do_not_know_each_other() {
    hold("imports go down the ladder", &violations(&program()));
}

fn violations(sources: &[Source]) -> Vec<String> {
    let mut sideways: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut found = Vec::new();
    for (file, rooms) in Imports::of(sources).rooms() {
        let own = file.split('/').next().unwrap_or_default().trim_end_matches(".rs");
        let Some(own_rung) = rung(own) else { continue };
        for room in rooms.into_iter().filter(|room| room != own) {
            let Some(other) = rung(&room) else { continue };
            if other > own_rung {
                found.push(format!("{file} imports {room}, which stands above it"));
            } else if other == own_rung && own_rung == ROLES {
                found.push(format!("{file} imports {room}: a role knows no other"));
            } else if other == own_rung {
                sideways.entry(own.to_owned()).or_default().insert(room);
            }
        }
    }
    // Beside each other is allowed one way only: from a room no way leads back to it.
    for (start, beside) in &sideways {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&String> = beside.iter().collect();
        while let Some(room) = next.pop() {
            if reached.insert(room) {
                next.extend(sideways.get(room).into_iter().flatten());
            }
        }
        if reached.contains(start) {
            found.push(format!("{start} and what it imports on its rung import each other: {beside:?}"));
        }
    }
    found
}

fn rung(room: &str) -> Option<usize> {
    LADDER.iter().position(|rooms| rooms.contains(&room))
}

#[test]
fn what_stands_above_or_beside_is_found() {
    let parse = |files: &[(&str, &str)]| -> Vec<Source> {
        let root = Source::parse("lib.rs", "");
        std::iter::once(root).chain(files.iter().map(|(path, text)| Source::parse(path, text))).collect()
    };
    let sources = parse(&[
        ("model/mod.rs", "fn now() { crate::clock::now() }"),
        ("rpc/mod.rs", "use crate::{sys::{file, program}, store};"),
        ("store/mod.rs", "fn f() { debug!(x = crate::task::X) }"),
        ("task/mod.rs", "use crate::rpc as wire;"),
        ("agent/mod.rs", "use crate::manager::Core; #[cfg(test)] mod tests { use crate::cli; }"),
        ("cli/mod.rs", "use crate::{agent, manager};"),
    ]);
    let rest = "and what it imports on its rung import each other";
    let wanted = [
        "agent/mod.rs imports manager: a role knows no other".to_owned(),
        "model/mod.rs imports clock, which stands above it".to_owned(),
        format!("rpc {rest}: {{\"store\"}}"),
        format!("store {rest}: {{\"task\"}}"),
        format!("task {rest}: {{\"rpc\"}}"),
    ];
    assert_eq!(violations(&sources), wanted);
    assert_eq!(
        violations(&parse(&[("store/mod.rs", "use crate::task::X;"), ("task/mod.rs", "")])),
        Vec::<String>::new()
    );
}
