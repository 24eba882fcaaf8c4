//! Sizes and names of files, modules and functions.

use syn::spanned::Spanned;
use syn::visit::Visit;

use super::source::{Source, all_in, everything, hold};

const MAX_LINES: usize = 500;
const MAX_LINES_OF_FUNCTION: usize = 70;

/// Nobody would search for anything by these; and words that other words have taken the place of.
const BANNED: [&str; 11] =
    ["utils", "helpers", "common", "misc", "words", "limited", "mend", "ours", "shelf", "board", "answers"];

#[test]
fn files_are_short() {
    let sources = everything();
    let lines = sources.iter().map(|source| (source, source.text.lines().count()));
    let long = lines.filter(|(_, n)| *n > MAX_LINES).map(|(source, n)| format!("{}: {n} lines", source.path));
    hold("files have at most 500 lines", &long.collect::<Vec<_>>());
}

#[test]
fn functions_are_short() {
    let found: Vec<String> = all_in("src").iter().flat_map(long_functions).collect();
    hold("functions have at most 70 lines", &found);
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    let sources = everything();
    let found: Vec<String> = sources.iter().flat_map(banned_names).collect();
    hold("no banned name", &found);
}

#[test]
fn no_file_is_a_module_by_a_path_attribute() {
    let sources = everything();
    let has_path = |source: &&Source| {
        let mut found = PathAttributes::default();
        found.visit_file(&source.file);
        found.n > 0
    };
    hold("no #[path]", &sources.iter().filter(has_path).map(|source| source.path.clone()).collect::<Vec<_>>());
}

fn banned_names(source: &Source) -> Vec<String> {
    let mut inline = InlineModules::default();
    inline.visit_file(&source.file);
    let path = source.path.trim_end_matches(".rs").split('/').map(str::to_owned);
    let names = path.chain(inline.names).filter(|name| BANNED.contains(&name.as_str()));
    names.map(|name| format!("{}: '{name}'", source.path)).collect()
}

fn long_functions(source: &Source) -> Vec<String> {
    // Those of tests are read as well.
    let whole = syn::parse_file(&source.text).unwrap();
    let mut functions = Functions::default();
    functions.visit_file(&whole);
    let long = functions.found.into_iter().filter(|(_, n)| *n > MAX_LINES_OF_FUNCTION);
    long.map(|(name, n)| format!("{}: {name} has {n} lines", source.path)).collect()
}

#[derive(Default)]
struct InlineModules {
    names: Vec<String>,
}

impl<'ast> Visit<'ast> for InlineModules {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.names.extend(module.content.is_some().then(|| module.ident.to_string()));
        syn::visit::visit_item_mod(self, module);
    }
}

#[derive(Default)]
struct PathAttributes {
    n: usize,
}

impl<'ast> Visit<'ast> for PathAttributes {
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        self.n += usize::from(attribute.path().is_ident("path"));
    }
}

/// Names and lines, from `fn` to the last brace.
#[derive(Default)]
struct Functions {
    found: Vec<(String, usize)>,
}

impl Functions {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let n = block.span().end().line + 1 - signature.span().start().line;
        self.found.push((signature.ident.to_string(), n));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig, &function.block);
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
        syn::visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.add(&function.sig, block);
        }
        syn::visit::visit_trait_item_fn(self, function);
    }
}

#[test]
fn what_is_too_long_or_badly_named_is_found() {
    let body = "    x();\n".repeat(69);
    let source =
        Source::parse("a/utils.rs", &format!("/// Long.\nfn long() {{\n{body}}}\nimpl A {{ fn short() {{}} }}\n"));
    assert_eq!(long_functions(&source), ["a/utils.rs: long has 71 lines"]);
    assert_eq!(banned_names(&source), ["a/utils.rs: 'utils'"]);
    let source = Source::parse("a/b.rs", &format!("mod words {{}}\nfn long() {{\n{}}}\n", "    x();\n".repeat(68)));
    assert_eq!(long_functions(&source), Vec::<String>::new());
    assert_eq!(banned_names(&source), ["a/b.rs: 'words'"]);
}
