//! axe-core, which finds what shuts people out of a page. `.ci/axe` fetches it.

use std::path::Path;

use super::webdriver::Driver;

const FILE: &str = "target/axe/axe-4.14.1.min.js";
/// Says of each rule that the page breaks its name, and where.
const RUN: &str = "
    const done = arguments[arguments.length - 1];
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const told = (one) => `${one.id}: ${one.nodes.map((node) => node.target + ' ' + node.html).join(' | ')}`;
    axe.run(document, { runOnly: tags, resultTypes: ['violations'] })
        .then((found) => done(found.violations.map(told)), (error) => done([String(error)]));
";

/// Returns the program; `None` where it could not be fetched because the machine has no npm.
pub(crate) fn program() -> Option<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE)).ok()
}

/// Returns what it finds on the present page.
pub(crate) fn violations(driver: &Driver, program: &str) -> Vec<String> {
    driver.script(program, &[]).unwrap();
    let found = driver.script_with_callback(RUN, &[]).unwrap();
    let texts = found.as_array().cloned().unwrap_or_default();
    texts.iter().map(|text| text.as_str().unwrap_or("?").to_owned()).collect::<Vec<String>>()
}
