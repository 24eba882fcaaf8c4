//! `WEB-INF/web.xml`: which paths servlets, filters, pages and rules of access cover.

use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::bounded;

/// What a descriptor says of paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Descriptor {
    /// Every pattern in it, of whatever it is one.
    pub patterns: Vec<String>,
    /// Whether a filter covers every path, or what it covers is not known.
    pub covers_everything: bool,
    /// Whether it names `javax.servlet`.
    pub names_javax: bool,
}

/// Reads a descriptor; without one nothing is covered.
///
/// # Errors
/// Returns a text if it is too large or no XML.
pub(super) fn read(path: &Path) -> Result<Descriptor, String> {
    if !path.is_file() {
        return Ok(Descriptor::default());
    }
    let text = bounded::read(path).ok_or("it is too large")?;
    of_text(String::from_utf8_lossy(&text).trim_start_matches('\u{feff}'))
}

fn of_text(text: &str) -> Result<Descriptor, String> {
    let mut reader = Reader::from_str(text);
    let mut descriptor = Descriptor { names_javax: text.contains("javax.servlet."), ..Descriptor::default() };
    let mut path: Vec<String> = Vec::new();
    let mut content = String::new();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                path.push(start.local_name().as_ref().to_owned());
                content.clear();
            }
            Event::Text(text) => content.push_str(&text),
            Event::CData(text) => content.push_str(&text),
            // What an entity stands for is not looked up.
            Event::GeneralRef(_) => content.push('&'),
            Event::End(_) => {
                descriptor.take(&path, content.trim());
                path.pop();
                content.clear();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    match path.first() {
        Some(open) => Err(format!("its element '{open}' has no end")),
        None => Ok(descriptor),
    }
}

impl Descriptor {
    fn take(&mut self, path: &[String], content: &str) {
        let of = |depth: usize| path.iter().rev().nth(depth).map_or("", String::as_str);
        match (of(1), of(0)) {
            (_, "url-pattern") => self.patterns.push(content.to_owned()),
            // The servlet for plain files, or all servlets.
            ("filter-mapping", "servlet-name") if content == "default" || content == "*" => {
                self.covers_everything = true;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_counts_whatever_it_is_for() {
        let text = "<?xml version='1.0'?><!DOCTYPE web-app><web-app xmlns='x'><!-- <url-pattern>/no</url-pattern> -->\
            <servlet-mapping><servlet-name>a</servlet-name><url-pattern> /a/* </url-pattern></servlet-mapping>\
            <jee:security-constraint><web-resource-collection><url-pattern>*.pdf</url-pattern>\
            </web-resource-collection></jee:security-constraint>\
            <filter-mapping><filter-name>f</filter-name><url-pattern><![CDATA[/f]]></url-pattern></filter-mapping></web-app>";
        let descriptor = of_text(text).unwrap();
        assert_eq!(descriptor.patterns, ["/a/*", "*.pdf", "/f"]);
        assert!(!descriptor.covers_everything && !descriptor.names_javax);
    }

    #[test]
    fn a_filter_before_all_servlets_covers_everything_and_an_entity_is_no_path() {
        let filter = |name: &str| {
            let text =
                format!("<web-app><filter-mapping><servlet-name>{name}</servlet-name></filter-mapping></web-app>");
            of_text(&text).unwrap().covers_everything
        };
        assert!(filter("default") && filter("*") && !filter("mine"));
        let of_entity = of_text("<w><url-pattern>/&x;</url-pattern></w>").unwrap();
        assert_eq!(of_entity.patterns, ["/&"]);
        for broken in ["<web-app>", "<a></b>", "<web-app><servlet></web-app>"] {
            assert!(of_text(broken).is_err(), "{broken}");
        }
    }
}
