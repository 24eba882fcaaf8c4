//! How a proxy stands before Tomcat: which backend a session lives in, and which files it serves by itself.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde::Serialize;

use super::tomcat::route_of;
use crate::api::web::HttpProxy;
use crate::service::web::war::{Statics, Survey};

/// Ends of names of plain files.
const EXTENSIONS: [&str; 19] = [
    "css", "js", "mjs", "map", "png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "ico", "woff", "woff2", "ttf",
    "pdf", "mp4", "zip", "gz",
];
/// What nginx itself answers.
const OWN_PATHS: &str = "/-/";

/// What the templates of a proxy are filled with.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct JavaFront<'a> {
    backends: Vec<Backend>,
    /// Ends of names of the files that it serves; empty means none.
    extensions: Vec<&'a str>,
    /// Paths that are Tomcat's, whatever their names end in.
    exact: BTreeSet<String>,
    /// The same for all paths below these.
    prefixes: BTreeSet<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Backend {
    ip: Ipv4Addr,
    port: u16,
    weight: u32,
    route: String,
}

impl JavaFront<'_> {
    /// Returns how a proxy stands before Tomcat with this code; `None` if it does not.
    pub(super) fn of(proxy: &HttpProxy, war: Option<&Survey>) -> Option<Self> {
        if proxy.tomcat_list.is_empty() {
            return None;
        }
        let with_weight = proxy.tomcat_list.iter().filter(|server| server.weight > 0);
        let backends = with_weight.map(|server| Backend {
            ip: server.ip,
            port: server.port,
            weight: server.weight,
            route: route_of(server.ip),
        });
        let mut front = JavaFront {
            backends: backends.collect(),
            extensions: Vec::new(),
            exact: BTreeSet::new(),
            prefixes: BTreeSet::new(),
        };
        if let Some(Statics::AllBut(patterns)) = war.map(|war| &war.statics) {
            front.extensions = EXTENSIONS.to_vec();
            patterns.iter().chain(&proxy.tomcat_servlets).for_each(|pattern| front.cover(pattern));
        }
        Some(front)
    }

    /// Leaves to Tomcat what a pattern covers.
    fn cover(&mut self, pattern: &str) {
        if let Some(end) = pattern.strip_prefix("*.") {
            let end = end.to_ascii_lowercase();
            self.extensions.retain(|known| *known != end);
        } else if pattern.starts_with(OWN_PATHS) {
            // Nothing but health is answered there.
        } else if let Some(directory) = pattern.strip_suffix("/*") {
            self.prefixes.insert(format!("{directory}/"));
            self.exact.insert(directory.to_owned());
        } else {
            self.exact.insert(pattern.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::web::{Hooks, Server};
    use crate::service::web::war::Dialect;

    fn front(statics: Statics, servlets: &[&str]) -> JavaFront<'static> {
        let server = |weight| Server { ip: [10, 0, 0, 3].into(), port: 9000, weight };
        let proxy = HttpProxy {
            port: 80,
            code_version: "code-a".to_owned(),
            cdn: false,
            web_list: Vec::new(),
            fpm_list: Vec::new(),
            tomcat_list: vec![server(2), server(0)],
            tomcat_servlets: servlets.iter().map(|pattern| (*pattern).to_owned()).collect(),
            max_body_mb: 0,
            document_root: None,
            hooks: Hooks::default(),
        };
        let war = Survey { dialect: Dialect::Jakarta, statics, oddities: Vec::new() };
        JavaFront::of(&proxy, Some(&war)).unwrap()
    }

    #[test]
    fn what_patterns_cover_is_left_to_tomcat() {
        let patterns = ["/shop/*", "*.PDF", "/a.css", "/-/health"].map(str::to_owned);
        let front = front(Statics::AllBut(patterns.into()), &["*.gif"]);
        assert!(front.prefixes.contains("/shop/") && front.exact.contains("/shop") && front.exact.contains("/a.css"));
        assert!(!front.exact.contains("/-/health"));
        assert!(!front.extensions.contains(&"pdf") && !front.extensions.contains(&"gif"));
        assert!(front.extensions.contains(&"css"));
        assert_eq!(front.backends.len(), 1, "a server without weight gets no requests");
    }

    #[test]
    fn without_certainty_no_file_is_served() {
        assert!(front(Statics::None, &[]).extensions.is_empty());
    }
}
