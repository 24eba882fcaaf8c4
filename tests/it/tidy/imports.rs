//! Which file imports which. A name is followed through re-exports to the file that defines it, so that a sibling's item
//! that is named through their common `mod.rs` is an import of the sibling.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;
use syn::{Item, UseTree, Visibility};

use super::source::Source;

/// Re-exports of re-exports; more than any code has.
const MAX_DEPTH: usize = 12;

type ModulePath = Vec<String>;

/// All modules of a program.
pub(super) struct Imports<'a> {
    modules: BTreeMap<ModulePath, Module<'a>>,
}

struct Module<'a> {
    path: ModulePath,
    source: &'a Source,
    children: BTreeSet<String>,
    items: BTreeSet<String>,
    named: Named,
}

/// What a file names.
#[derive(Default)]
struct Named {
    uses: Vec<Use>,
    paths: Vec<Vec<String>>,
}

struct Use {
    path: Vec<String>,
    /// The name that it has here; `None` is a glob.
    name: Option<String>,
    is_reexport: bool,
}

impl<'a> Imports<'a> {
    pub(super) fn of(sources: &'a [Source]) -> Imports<'a> {
        let mut modules = BTreeMap::new();
        for source in sources.iter().filter(|source| source.path != "main.rs") {
            let path = module_path(&source.path);
            let mut named = Named::default();
            named.visit_file(&source.file);
            let items = source.file.items.iter().filter_map(item_name).collect();
            modules.insert(path.clone(), Module { path, source, children: BTreeSet::new(), items, named });
        }
        let paths: Vec<ModulePath> = modules.keys().cloned().collect();
        for path in paths {
            let Some((name, parent)) = path.split_last() else { continue };
            if let Some(parent) = modules.get_mut(parent) {
                parent.children.insert(name.clone());
            }
        }
        Imports { modules }
    }

    /// For each file the files that it imports.
    pub(super) fn edges(&self) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
        let mut edges = BTreeMap::new();
        for module in self.modules.values().filter(|module| !module.path.is_empty()) {
            let targets = self.wanted(module).into_iter().map(|path| self.file_of(&path, 0));
            let own = module.source.path.as_str();
            edges.insert(own, targets.filter(|target| *target != own && *target != "lib.rs").collect());
        }
        edges
    }

    /// For each file the rooms that it names.
    pub(super) fn rooms(&self) -> BTreeMap<&'a str, BTreeSet<String>> {
        let of = |module: &Module<'_>| self.absolute_paths(module).into_iter().filter_map(|path| path.first().cloned());
        self.modules.values().map(|module| (module.source.path.as_str(), of(module).collect())).collect()
    }

    /// Re-exports of the `mod.rs` of a room, by the names that they have there.
    pub(super) fn doors(&self) -> Vec<(&'a str, String)> {
        let rooms = self.modules.values().filter(|module| module.path.len() == 1);
        rooms
            .flat_map(|room| {
                let public = room.source.file.items.iter().filter_map(|item| match item {
                    Item::Use(item) if matches!(item.vis, Visibility::Public(_)) => Some(&item.tree),
                    _ => None,
                });
                let mut leaves = Vec::new();
                public.for_each(|tree| leaves_of(tree, Vec::new(), true, &mut leaves));
                leaves.into_iter().filter_map(|leaf| Some((room.source.path.as_str(), leaf.name?)))
            })
            .collect()
    }

    /// Absolute paths of what a file needs: of a re-export only where the file itself says its name.
    fn wanted(&self, module: &Module<'_>) -> Vec<Vec<String>> {
        let is_said = |name: &Option<String>| {
            name.as_ref().is_some_and(|name| module.named.paths.iter().any(|path| path.first() == Some(name)))
        };
        let uses = module.named.uses.iter().filter(|leaf| !leaf.is_reexport || is_said(&leaf.name));
        let paths = uses.map(|leaf| &leaf.path).chain(&module.named.paths);
        paths.filter_map(|path| self.absolute(module, path, 0)).collect()
    }

    fn absolute_paths(&self, module: &Module<'_>) -> Vec<Vec<String>> {
        let paths = module.named.uses.iter().map(|leaf| &leaf.path).chain(&module.named.paths);
        paths.filter_map(|path| self.absolute(module, path, 0)).collect()
    }

    /// The path from the root of the crate; `None` for another crate, and for what stands in the same file.
    fn absolute(&self, module: &Module<'_>, path: &[String], depth: usize) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => (!rest.is_empty()).then(|| rest.to_vec()),
            "self" => (!rest.is_empty()).then(|| [&module.path, rest].concat()),
            "super" => {
                let mut base = module.path.split_last()?.1;
                let mut rest = rest;
                while let Some(("super", further)) =
                    rest.split_first().map(|(first, further)| (first.as_str(), further))
                {
                    base = base.split_last()?.1;
                    rest = further;
                }
                Some([base, rest].concat())
            }
            name if module.children.contains(name) => Some([&module.path[..], path].concat()),
            name if module.items.contains(name) || depth > MAX_DEPTH => None,
            name => {
                let alias = module.named.uses.iter().find(|leaf| leaf.name.as_deref() == Some(name))?;
                // `use hyper;` would be its own alias.
                if alias.path.first() == Some(first) {
                    return None;
                }
                let start = self.absolute(module, &alias.path, depth + 1)?;
                Some([&start[..], rest].concat())
            }
        }
    }

    /// The file that defines what is at an absolute path.
    fn file_of(&self, path: &[String], depth: usize) -> &'a str {
        self.find(path, depth).unwrap_or_else(|| self.nearest(path).0.source.path.as_str())
    }

    fn find(&self, path: &[String], depth: usize) -> Option<&'a str> {
        let (module, rest) = self.nearest(path);
        let own = module.source.path.as_str();
        let Some((name, further)) = rest.split_first() else { return Some(own) };
        if module.items.contains(name) {
            return Some(own);
        }
        if depth > MAX_DEPTH {
            return None;
        }
        let mut globs = Vec::new();
        for leaf in &module.named.uses {
            if leaf.name.as_ref() == Some(name) {
                let Some(start) = self.absolute(module, &leaf.path, 0) else { return Some(own) };
                return Some(self.file_of(&[&start[..], further].concat(), depth + 1));
            }
            if leaf.name.is_none() {
                globs.extend(self.absolute(module, &leaf.path, 0));
            }
        }
        globs.iter().find_map(|start| self.find(&[&start[..], rest].concat(), depth + 1))
    }

    /// The innermost module on the way, and what is left of the path.
    fn nearest<'p>(&self, path: &'p [String]) -> (&Module<'a>, &'p [String]) {
        let n = (0..=path.len()).rev().find(|n| self.modules.contains_key(&path[..*n])).expect("there is a lib.rs");
        (&self.modules[&path[..n]], &path[n..])
    }
}

/// What a file imports or says by its own name: not `Cloud` of `Failure::Cloud`.
pub(super) fn names_of(source: &Source) -> BTreeSet<String> {
    let mut named = Named::default();
    named.visit_file(&source.file);
    let imported = named.uses.into_iter().filter_map(|leaf| leaf.path.last().cloned());
    let modules = |path: &[String]| path.iter().take_while(|name| name.starts_with(char::is_lowercase)).count();
    let said = named.paths.iter().filter_map(|path| path.get(modules(path)).cloned());
    imported.chain(said).collect()
}

fn module_path(file: &str) -> ModulePath {
    let name = file.strip_suffix("/mod.rs").or_else(|| file.strip_suffix(".rs")).unwrap_or(file);
    if name == "lib" { Vec::new() } else { name.split('/').map(str::to_owned).collect() }
}

fn item_name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Mod(item) if item.content.is_some() => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

fn leaves_of(tree: &UseTree, mut path: Vec<String>, is_reexport: bool, leaves: &mut Vec<Use>) {
    match tree {
        UseTree::Path(part) => {
            path.push(part.ident.to_string());
            leaves_of(&part.tree, path, is_reexport, leaves);
        }
        UseTree::Name(part) if part.ident == "self" => {
            leaves.push(Use { name: path.last().cloned(), path, is_reexport });
        }
        UseTree::Name(part) => {
            path.push(part.ident.to_string());
            leaves.push(Use { path, name: Some(part.ident.to_string()), is_reexport });
        }
        UseTree::Rename(part) => {
            if part.ident != "self" {
                path.push(part.ident.to_string());
            }
            leaves.push(Use { path, name: Some(part.rename.to_string()), is_reexport });
        }
        UseTree::Glob(_) => leaves.push(Use { path, name: None, is_reexport }),
        UseTree::Group(group) => {
            group.items.iter().for_each(|tree| leaves_of(tree, path.clone(), is_reexport, leaves));
        }
    }
}

impl<'ast> Visit<'ast> for Named {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            leaves_of(&item.tree, Vec::new(), !matches!(item.vis, Visibility::Inherited), &mut self.uses);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        syn::visit::visit_macro(self, call);
        paths_in(&call.tokens, &mut self.paths);
    }

    // `pub(super)` imports nothing, and derives are of other crates.
    fn visit_visibility(&mut self, _visibility: &'ast Visibility) {}

    fn visit_attribute(&mut self, _attribute: &'ast syn::Attribute) {}
}

/// What the arguments of a macro name: identifiers with two colons between them.
fn paths_in(tokens: &TokenStream, paths: &mut Vec<Vec<String>>) {
    let mut path: Vec<String> = Vec::new();
    let mut n_colons = 0;
    for token in tokens.clone() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == ':' => n_colons += 1,
            TokenTree::Ident(identifier) => {
                if n_colons != 2 && !path.is_empty() {
                    paths.push(std::mem::take(&mut path));
                }
                path.push(identifier.to_string());
                n_colons = 0;
            }
            other => {
                paths.extend((!path.is_empty()).then(|| std::mem::take(&mut path)));
                n_colons = 0;
                if let TokenTree::Group(group) = other {
                    paths_in(&group.stream(), paths);
                }
            }
        }
    }
    paths.extend((!path.is_empty()).then_some(path));
}
