//! Docs: rooms say what they are for, sentences begin with their subject, and what is cited is there.

use std::collections::BTreeSet;
use std::path::Path;

use syn::visit::Visit;
use syn::{Attribute, Expr, Lit, Meta};

use super::source::{Source, all_in, everything, files_below, hold, top};

/// Folders of the repository in which a file may be that is cited by its name or by the end of its path.
const CITED_FROM: [&str; 10] =
    ["src", "tests", "docs", "images", "config", "systemd", "cross", "examples", ".ci", "README.md"];

#[test]
fn every_room_says_what_it_is_for() {
    let all = all_in("src");
    let rooms = all.iter().filter(|source| source.path.ends_with("/mod.rs") && source.path.matches('/').count() == 1);
    let short = rooms.filter(|source| n_lines_of_docs(source) < 2);
    hold("a room has two lines of docs", &short.map(|source| source.path.clone()).collect::<Vec<_>>());
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = everything().into_iter().filter(|source| !source.is_test() && n_lines_of_docs(source) == 0);
    hold("a file has docs of its own", &silent.map(|source| source.path).collect::<Vec<_>>());
}

#[test]
fn docs_begin_with_returns() {
    let found: Vec<String> = everything().iter().flat_map(inversions).collect();
    hold("no sentence of docs begins with Gives", &found);
}

#[test]
fn docs_cite_only_what_is_there() {
    let known = known_files();
    let mut found = Vec::new();
    for source in everything() {
        found.extend(missing(&comments(&source.text), &source.path, &known));
    }
    for path in pages() {
        let name = path.strip_prefix(top()).unwrap().to_str().unwrap();
        found.extend(missing(&std::fs::read_to_string(&path).unwrap(), name, &known));
    }
    hold("docs cite only files of this repository", &found);
}

pub(super) fn pages() -> Vec<std::path::PathBuf> {
    let mut pages = files_below(&top().join("docs"));
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.extend(["README.md", "src/ARCHITECTURE.md", "cross/README.md"].map(|path| top().join(path)));
    pages
}

fn known_files() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for folder in CITED_FROM {
        let path = top().join(folder);
        let files = if path.is_dir() { files_below(&path) } else { vec![path] };
        known.extend(files.iter().map(|file| file.strip_prefix(top()).unwrap().to_str().unwrap().to_owned()));
    }
    // The page about a new kind has its reader make some.
    let page = std::fs::read_to_string(top().join("docs/new-service.md")).unwrap();
    let made = page.lines().filter_map(|line| line.strip_prefix("Make `")?.strip_suffix("`:"));
    known.extend(made.map(str::to_owned));
    known
}

/// Words that look like a file of Rust or a page, and are the end of no file's path.
fn missing(text: &str, place: &str, known: &BTreeSet<String>) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let before = rest[..start].chars().next_back();
        let end = rest[start..].find(|c| !is_part(c)).map_or(rest.len(), |n| start + n);
        let (word, after) = (&rest[start..end], rest[end..].chars().next());
        rest = &rest[end..];
        let word = word.trim_end_matches('.').trim_start_matches("./").trim_start_matches("../");
        let word = word.trim_start_matches("../");
        let extension = Path::new(word).extension().and_then(|extension| extension.to_str());
        let is_file = matches!(extension, Some("rs" | "md")) && Path::new(word).file_stem().is_some();
        // Part of a pattern (`<kind>.rs`, `*.rs`, `{a,b}.rs`) or of an address.
        let is_pattern = before.is_some_and(|c| "<>*{}$:@".contains(c)) || after.is_some_and(|c| "<>*{}".contains(c));
        let is_there = || known.iter().any(|file| file == word || file.ends_with(&format!("/{word}")));
        if is_file && !is_pattern && !word.contains("//") && !is_there() {
            found.push(format!("{place} cites {word}"));
        }
    }
    found
}

/// What follows two slashes, wherever that is in a line.
fn comments(text: &str) -> String {
    let lines = text.lines().map(str::trim_start).filter_map(|line| line.strip_prefix("//"));
    lines.map(|line| line.trim_start_matches(['/', '!'])).collect::<Vec<_>>().join("\n")
}

fn n_lines_of_docs(source: &Source) -> usize {
    source.file.attrs.iter().filter(|attribute| attribute.path().is_ident("doc")).count()
}

/// Sentences of docs that begin with their verb in the way that nobody speaks.
fn inversions(source: &Source) -> Vec<String> {
    let mut docs = Docs::default();
    docs.visit_file(&source.file);
    docs.end_block();
    let sentences = docs.blocks.iter().flat_map(|block| block.split_inclusive(". "));
    let found = sentences.map(str::trim).filter(|sentence| sentence.starts_with("Gives "));
    found.map(|sentence| format!("{}: {sentence}", source.path)).collect()
}

/// The docs of each item in one line.
#[derive(Default)]
struct Docs {
    blocks: Vec<String>,
    block: String,
    last_line: usize,
}

impl Docs {
    fn end_block(&mut self) {
        if !self.block.is_empty() {
            self.blocks.push(std::mem::take(&mut self.block));
        }
    }
}

impl<'ast> Visit<'ast> for Docs {
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let Meta::NameValue(doc) = &attribute.meta else { return };
        let Expr::Lit(literal) = &doc.value else { return };
        let Lit::Str(line) = &literal.lit else { return };
        if doc.path.is_ident("doc") {
            let number = line.span().start().line;
            if number != self.last_line + 1 || line.value().trim().is_empty() {
                self.end_block();
            }
            self.last_line = number;
            self.block.push_str(line.value().trim());
            self.block.push(' ');
        }
    }
}

#[test]
fn what_docs_may_not_say_is_found() {
    let source = Source::parse(
        "a.rs",
        "//! A file.\n\n/// Reads it. Gives\n/// the text.\nfn a() {}\n/// Gives it.\nfn b() {}\n/// What gives. Returns\n/// Gives a word.\nfn c() {}\n",
    );
    assert_eq!(inversions(&source), ["a.rs: Gives the text.", "a.rs: Gives it."]);
    assert_eq!(n_lines_of_docs(&source), 1);
    let known = BTreeSet::from(["docs/testing.md".to_owned(), "src/model/id.rs".to_owned()]);
    let text = "See `docs/testing.md`, [it](testing.md), `model/id.rs`, <kind>.rs, {a,b}.rs and https://a.b/c.md.";
    assert_eq!(missing(text, "x", &known), Vec::<String>::new());
    assert_eq!(
        missing("see director-api.md, `odel/id.rs`.", "x", &known),
        ["x cites director-api.md", "x cites odel/id.rs"]
    );
    assert_eq!(comments("let a = \"x.md\";\n  /// b.md\n// c.md\n"), " b.md\n c.md");
}
