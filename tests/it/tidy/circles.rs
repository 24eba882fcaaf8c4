//! No file imports, directly or through others, a file that imports it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::imports::Imports;
use super::source::{Source, hold, program};

type Edges<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

#[test]
fn no_file_imports_a_file_that_imports_it() {
    hold("no circles of imports", &circles(&program()));
}

/// Each circle once, by the shortest way around; of files that are tied together in many ways all that remain.
fn circles(sources: &[Source]) -> Vec<String> {
    let imports = Imports::of(sources);
    let mut edges = imports.edges();
    let mut found = Vec::new();
    while let Some(way) = edges.keys().filter_map(|start| way_around(&edges, start)).min_by_key(Vec::len) {
        found.push(format!("{} → {}", way.join(" → "), way[0]));
        // Without its last import this circle is none any more; others may be left.
        edges.get_mut(way[way.len() - 1]).unwrap().remove(way[0]);
    }
    found
}

/// The shortest way from a file back to itself.
fn way_around<'a>(edges: &Edges<'a>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut next = VecDeque::from([start]);
    while let Some(file) = next.pop_front() {
        for target in edges.get(file).into_iter().flatten() {
            if *target == start {
                let mut way = vec![file];
                while let Some(before) = came_from.get(way[way.len() - 1]) {
                    way.push(before);
                }
                way.reverse();
                return Some(way);
            }
            if !came_from.contains_key(target) {
                came_from.insert(target, file);
                next.push_back(target);
            }
        }
    }
    None
}

fn tree(files: &[(&str, &str)]) -> Vec<Source> {
    let root = Source::parse("lib.rs", "pub mod a; pub mod b;");
    std::iter::once(root).chain(files.iter().map(|(path, text)| Source::parse(path, text))).collect()
}

#[test]
fn a_circle_of_two_is_found_however_it_is_written() {
    for import in [
        "use super::two::Two;",
        "use crate::a::two::Two;",
        "use crate::a::Two;",
        "use super::Two;",
        "use super::{Two as Second, two};",
        "use crate::{b, a::{two::Two}};",
        "fn one() { crate::a::two::two() }",
        "use super::two; fn one() { two::two() }",
        "fn one() { println!(\"{}\", super::two::two()) }",
        "use crate::b::Again;",
    ] {
        let sources = tree(&[
            ("a/mod.rs", "mod one; mod two; pub use self::one::One; pub(crate) use two::Two;"),
            ("a/one.rs", &format!("{import} pub struct One;")),
            ("a/two.rs", "use super::one::One; pub struct Two; pub fn two() {}"),
            ("b/mod.rs", "pub use crate::a::Two as Again;"),
        ]);
        assert_eq!(circles(&sources), ["a/one.rs → a/two.rs → a/one.rs"], "{import}");
    }
}

#[test]
fn a_circle_of_three_is_found_once() {
    let sources = tree(&[
        ("a/mod.rs", "mod one; mod two; mod three;"),
        ("a/one.rs", "use super::two::Two; pub struct One;"),
        ("a/two.rs", "use super::three::Three; pub struct Two;"),
        ("a/three.rs", "use super::one::One; pub struct Three;"),
        ("b/mod.rs", "use crate::a;"),
    ]);
    assert_eq!(circles(&sources), ["a/one.rs → a/two.rs → a/three.rs → a/one.rs"]);
}

#[test]
fn a_room_whose_own_code_uses_its_parts_is_no_base_for_them() {
    let sources = tree(&[
        ("a/mod.rs", "mod one; pub struct Base; pub fn all() { one::one() }"),
        ("a/one.rs", "use super::Base; pub fn one() {}"),
    ]);
    assert_eq!(circles(&sources), ["a/mod.rs → a/one.rs → a/mod.rs"]);
}

#[test]
fn a_clean_tree_has_none() {
    let sources = tree(&[
        // It declares and re-exports; what is below it uses a type that it defines.
        ("a/mod.rs", "mod one; mod two; pub use one::One; pub use two::Two; pub struct Base;"),
        ("a/one.rs", "use super::{Base, Two}; pub struct One; #[cfg(test)] mod tests { use super::super::two::user; }"),
        ("a/two.rs", "use super::Base; pub(super) struct Two; pub fn two() { let one = 1; std::one(one) }"),
        ("b/mod.rs", "use crate::a::{One, two::{self, Two}}; fn b() -> One { two::two() }"),
    ]);
    assert_eq!(circles(&sources), Vec::<String>::new());
}
