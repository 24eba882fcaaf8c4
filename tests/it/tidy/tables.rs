//! Protocols are tables: a name and its handler in one line, typed answers, doors apart from deeds.

use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{BinOp, Expr, ExprMatch, Lit, Pat};

use super::imports::names_of;
use super::source::{Source, hold, program};

/// Answers of no fixed shape: what Python's classes printed, and the envelopes around answers.
const MAY_HAVE_JSON: [&str; 3] = ["rpc/client.rs", "rpc/jsonrpc.rs", "rpc/response.rs"];

/// What a node runs, which is an enum; other programs have names that people type.
const PROGRAMS: [&str; 2] = ["manager", "agent"];

#[test]
fn no_match_on_names_ends_in_a_method() {
    let found: Vec<String> = program().iter().flat_map(fall_throughs).collect();
    hold("no match on names ends in a method", &found);
}

#[test]
fn a_program_is_no_text() {
    let found: Vec<String> = program().iter().flat_map(compared_programs).collect();
    hold("a choice of few is an enum", &found);
}

#[test]
fn answers_are_structs() {
    let found: Vec<String> = program().iter().flat_map(untyped_answers).collect();
    hold("no json! outside tests", &found);
}

#[test]
fn the_directors_doors_are_apart_from_its_deeds() {
    let sources = program();
    let found = sources.iter().filter(|source| source.room() == "director").filter_map(mixed_door);
    hold("a file that names Call, Form or Response names no Transaction and no Cloud", &found.collect::<Vec<_>>());
}

fn mixed_door(source: &Source) -> Option<String> {
    let names = names_of(source);
    let first = |wanted: &[&'static str]| wanted.iter().copied().find(|name| names.contains(*name));
    let (door, deed) = (first(&["Call", "Form", "Response"])?, first(&["Transaction", "Cloud"])?);
    Some(format!("{} names {door} and {deed}", source.path))
}

fn untyped_answers(source: &Source) -> Vec<String> {
    struct Macros(Vec<usize>);
    impl<'ast> Visit<'ast> for Macros {
        fn visit_macro(&mut self, call: &'ast syn::Macro) {
            if let Some(name) = call.path.segments.last().filter(|segment| segment.ident == "json") {
                self.0.push(name.ident.span().start().line);
            }
        }
    }
    if MAY_HAVE_JSON.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let mut macros = Macros(Vec::new());
    macros.visit_file(&source.file);
    let in_macros = source.identifiers().iter().filter(|name| *name == "json").count();
    // In the arguments of another macro it is a word among tokens.
    let hidden = (macros.0.is_empty() && source.text.contains("json!(") && in_macros > 0)
        .then(|| format!("{}: in another macro", source.path));
    macros.0.iter().map(|line| format!("{}:{line}", source.path)).chain(hidden).collect()
}

fn compared_programs(source: &Source) -> Vec<String> {
    struct Comparisons(Vec<usize>);
    impl<'ast> Visit<'ast> for Comparisons {
        fn visit_expr_binary(&mut self, expression: &'ast syn::ExprBinary) {
            let is_comparison = matches!(expression.op, BinOp::Eq(_) | BinOp::Ne(_));
            let sides = [&*expression.left, &*expression.right];
            if is_comparison
                && sides.iter().any(|side| is_name_of_program(side))
                && sides.iter().any(|side| is_program(side))
            {
                self.0.push(expression.span().start().line);
            }
            syn::visit::visit_expr_binary(self, expression);
        }
    }
    let mut comparisons = Comparisons(Vec::new());
    comparisons.visit_file(&source.file);
    comparisons.0.iter().map(|line| format!("{}:{line}: program == …", source.path)).collect()
}

fn is_name_of_program(expression: &Expr) -> bool {
    let Expr::Lit(literal) = expression else { return false };
    matches!(&literal.lit, Lit::Str(text) if PROGRAMS.contains(&text.value().as_str()))
}

/// `self.program`, `x.program()`, `program` as a value: whatever was read of a row or a certificate.
fn is_program(expression: &Expr) -> bool {
    match expression {
        Expr::Path(path) => path.path.segments.last().is_some_and(|segment| segment.ident == "program"),
        Expr::Field(field) => matches!(&field.member, syn::Member::Named(name) if name == "program"),
        Expr::MethodCall(call) => call.method == "program" || is_program(&call.receiver),
        _ => false,
    }
}

/// A `match` with texts, whose last arm calls what the other arms call: with the same receiver or the same arguments.
fn fall_throughs(source: &Source) -> Vec<String> {
    struct Matches(Vec<usize>);
    impl<'ast> Visit<'ast> for Matches {
        fn visit_expr_match(&mut self, expression: &'ast ExprMatch) {
            if ends_in_a_method(expression) {
                self.0.push(expression.match_token.span.start().line);
            }
            syn::visit::visit_expr_match(self, expression);
        }
    }
    let mut matches = Matches(Vec::new());
    matches.visit_file(&source.file);
    matches.0.iter().map(|line| format!("{}:{line}: a match on names ends in a method", source.path)).collect()
}

fn ends_in_a_method(expression: &ExprMatch) -> bool {
    let Some((last, others)) = expression.arms.split_last() else { return false };
    let named: Vec<_> = others.iter().filter(|arm| has_text(&arm.pat)).collect();
    let is_open = matches!(last.pat, Pat::Wild(_) | Pat::Ident(_));
    let Some((_, arguments)) = called(&last.body).filter(|_| is_open && named.len() > 1) else { return false };
    !arguments.is_empty() && named.iter().any(|arm| called(&arm.body).is_some_and(|(_, others)| others == arguments))
}

fn has_text(pattern: &Pat) -> bool {
    match pattern {
        Pat::Lit(literal) => matches!(literal.lit, Lit::Str(_)),
        Pat::Or(or) => or.cases.iter().any(has_text),
        Pat::Tuple(tuple) => tuple.elems.iter().any(has_text),
        Pat::TupleStruct(tuple) => tuple.elems.iter().any(has_text),
        _ => false,
    }
}

/// The function that an arm calls in the end, and with what, receiver first.
fn called(expression: &Expr) -> Option<(String, Vec<String>)> {
    match expression {
        Expr::Await(inner) => called(&inner.base),
        Expr::Try(inner) => called(&inner.expr),
        Expr::Paren(inner) => called(&inner.expr),
        Expr::Block(block) => match block.block.stmts.as_slice() {
            [syn::Stmt::Expr(inner, _)] => called(inner),
            _ => None,
        },
        Expr::MethodCall(call) => {
            let receiver = std::iter::once(text(&call.receiver));
            Some((call.method.to_string(), receiver.chain(call.args.iter().map(text)).collect()))
        }
        Expr::Call(call) => {
            let function = text(&call.func);
            // What wraps a value, and what makes one, calls no method.
            let is_value = ["Some", "Ok", "Err", "Box pin"].contains(&function.as_str());
            let arguments = || call.args.iter().map(text).collect();
            if is_value { call.args.first().and_then(called) } else { Some((function, arguments())) }
        }
        _ => None,
    }
}

fn text(expression: &Expr) -> String {
    let mut words = Words::default();
    words.visit_expr(expression);
    words.0.join(" ")
}

/// Enough of an expression to see whether another is the same.
#[derive(Default)]
struct Words(Vec<String>);

impl<'ast> Visit<'ast> for Words {
    fn visit_ident(&mut self, identifier: &'ast proc_macro2::Ident) {
        self.0.push(identifier.to_string());
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        self.0.push(literal.value());
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.0.push(call.tokens.to_string());
    }
}

#[test]
fn what_no_table_may_be_is_found() {
    let parse = |text: &str| Source::parse("director/x.rs", text);
    let bad = parse(
        r#"
        fn a(self, name: &str) { match name { "a" => self.a(call).await, "b" => self.b(call).await, _ => self.c(call).await } }
        fn b(name: &str) { match name { "a" => Ok(a(params)?), "b" => Ok(b(params)?), _ => Ok(c(params)?) } }
        fn c(name: &str) { if self.program == "manager" || "agent" == program {} }
        fn d(call: &Call) { let c: Box<dyn Cloud>; json!({}) }
        "#,
    );
    assert_eq!(fall_throughs(&bad).len(), 2);
    assert_eq!(compared_programs(&bad).len(), 2);
    assert_eq!(untyped_answers(&bad), ["director/x.rs:5"]);
    assert_eq!(mixed_door(&bad).unwrap(), "director/x.rs names Call and Cloud");
    let good = parse(
        r#"
        fn a(self, name: &str) { match name { "a" => self.a(call), "b" => self.b(call), _ => Err(unknown(name)) } }
        fn b(name: &str) { match name { "a" => 1, "b" => 2, _ => parse(name) } }
        fn c(name: &str) { if self.program == Program::Manager {} }
        fn d(call: &Call) { let c: CloudName = Failure::Cloud; }
        #[cfg(test)] mod tests { fn d() { json!({}) } }
        "#,
    );
    assert_eq!(fall_throughs(&good), Vec::<String>::new());
    assert_eq!(compared_programs(&good), Vec::<String>::new());
    assert_eq!(untyped_answers(&good), Vec::<String>::new());
    assert_eq!(mixed_door(&good), None);
}
