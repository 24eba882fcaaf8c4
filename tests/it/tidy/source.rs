//! The source as it is read by the rules: parsed, and without what is compiled for tests alone.

use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;
use syn::{Attribute, ImplItem, Item};

/// A file of Rust.
pub(super) struct Source {
    /// From the folder that was read, such as `config/ini.rs`.
    pub(super) path: String,
    pub(super) text: String,
    /// Without items that are compiled for tests alone.
    pub(super) file: syn::File,
}

impl Source {
    pub(super) fn parse(path: &str, text: &str) -> Source {
        let mut file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        prune(&mut file.items);
        Source { path: path.to_owned(), text: text.to_owned(), file }
    }

    /// The first folder, or the name of a file that lies in none.
    pub(super) fn room(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// Whether this is compiled for tests alone; by its name, as such files are named.
    pub(super) fn is_test(&self) -> bool {
        let path = &self.path;
        path.ends_with("_tests.rs") || path.ends_with("/tests.rs") || path.contains("/tests/")
    }

    /// Every identifier, also of those in the arguments of macros.
    pub(super) fn identifiers(&self) -> Vec<String> {
        let mut found = Identifiers::default();
        found.visit_file(&self.file);
        found.names
    }
}

pub(super) fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What is compiled into the program.
pub(super) fn program() -> Vec<Source> {
    let mut sources = all_in("src");
    sources.retain(|source| !source.is_test());
    sources
}

/// All files of Rust below a folder of the repository, tests too.
pub(super) fn all_in(folder: &str) -> Vec<Source> {
    let found = files_below(&top().join(folder));
    let rust = found.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let sources: Vec<Source> = rust
        .map(|path| {
            let name = path.strip_prefix(top().join(folder)).unwrap().to_str().unwrap();
            Source::parse(name, &std::fs::read_to_string(path).unwrap())
        })
        .collect();
    assert!(sources.len() > 20, "the sources are not in {folder}");
    sources
}

/// The program and its tests, by paths from the top.
pub(super) fn everything() -> Vec<Source> {
    let below = |folder: &str| {
        let named = all_in(folder).into_iter();
        named.map(|source| Source { path: format!("{folder}/{}", source.path), ..source }).collect::<Vec<_>>()
    };
    [below("src"), below("tests")].into_iter().flatten().collect()
}

pub(super) fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Fails with all violations of a rule at once.
pub(super) fn hold(rule: &str, violations: &[String]) {
    assert!(violations.is_empty(), "{rule}: {} times not so\n{}", violations.len(), violations.join("\n"));
}

fn prune(items: &mut Vec<Item>) {
    items.retain(|item| !is_for_tests(attributes(item)));
    for item in items {
        match item {
            Item::Mod(module) => {
                if let Some((_, items)) = &mut module.content {
                    prune(items);
                }
            }
            Item::Impl(block) => block.items.retain(|item| match item {
                ImplItem::Fn(function) => !is_for_tests(&function.attrs),
                ImplItem::Const(constant) => !is_for_tests(&constant.attrs),
                _ => true,
            }),
            _ => {}
        }
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_cfg = attribute.path().is_ident("cfg");
        is_cfg && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[derive(Default)]
struct Identifiers {
    names: Vec<String>,
}

impl<'ast> Visit<'ast> for Identifiers {
    fn visit_ident(&mut self, identifier: &'ast proc_macro2::Ident) {
        self.names.push(identifier.to_string());
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        syn::visit::visit_macro(self, call);
        in_tokens(&call.tokens, &mut self.names);
    }
}

fn in_tokens(tokens: &TokenStream, names: &mut Vec<String>) {
    for token in tokens.clone() {
        match token {
            TokenTree::Ident(identifier) => names.push(identifier.to_string()),
            TokenTree::Group(group) => in_tokens(&group.stream(), names),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}
