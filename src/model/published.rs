//! By what a service is reachable from outside: a name, and what is spoken there.

use std::fmt;
use std::str::FromStr;

use super::check_host_name;

/// What ends a name of the local network.
const LOCAL: &str = ".local";
/// Names of the local network by which people and their devices find something else.
const RESERVED: [&str; 24] = [
    "conpaas",
    "dhcp",
    "director",
    "dns",
    "fritz",
    "gateway",
    "gw",
    "home",
    "isatap",
    "local",
    "localhost",
    "mail",
    "modem",
    "nas",
    "ns",
    "ntp",
    "pi",
    "printer",
    "proxy",
    "raspberrypi",
    "router",
    "smtp",
    "switch",
    "wpad",
];
/// Ends of names that are nobody's.
const NOBODYS: [&str; 7] = ["arpa", "box", "internal", "invalid", "lan", "localhost", "onion"];

/// A name under which a service is published, in small letters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PublishedName(String);

impl PublishedName {
    /// The name.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether a machine that is called `host` has the name already.
    #[must_use]
    pub(crate) fn is_of_machine(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let label = host.split('.').next().unwrap_or_default();
        self.0 == host || self.0.strip_suffix(LOCAL) == Some(label)
    }
}

impl FromStr for PublishedName {
    type Err = String;

    /// Reads `blog`, `blog.local` or `blog.example.org`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim_end_matches('.').to_ascii_lowercase();
        let refuse = |why: &str| Err(format!("'{text}' cannot be published: {why}"));
        check_host_name(&text)?;
        if text.contains('_') || text.parse::<std::net::IpAddr>().is_ok() {
            return refuse("a name has letters, digits and '-'");
        }
        let label = text.strip_suffix(LOCAL).unwrap_or(&text);
        if !label.contains('.') {
            if RESERVED.contains(&label) {
                return refuse("the name is reserved");
            }
            return Ok(PublishedName(format!("{label}{LOCAL}")));
        }
        if text.ends_with(LOCAL) {
            return refuse("a name of the local network has one part before '.local'");
        }
        if NOBODYS.contains(&text.rsplit('.').next().unwrap_or_default()) {
            return refuse("the name is reserved");
        }
        Ok(PublishedName(text))
    }
}

impl fmt::Display for PublishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is spoken at a published address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    /// HTTP: a site.
    Http,
    /// Anything over TCP.
    Tcp,
}

impl Protocol {
    /// The word on the wire and in the database.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Protocol::Http => "http",
            Protocol::Tcp => "tcp",
        }
    }
}

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Protocol::Http, Protocol::Tcp];
        all.into_iter().find(|known| known.as_str() == text).ok_or_else(|| format!("'{text}' is neither http nor tcp"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_the_local_network_or_owned_by_somebody() {
        for (text, wanted) in [
            ("blog", "blog.local"),
            ("Blog.LOCAL.", "blog.local"),
            ("blog.example.org", "blog.example.org"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            let name: PublishedName = text.parse().unwrap();
            assert_eq!(name.as_str(), wanted, "{text}");
        }
    }

    #[test]
    fn reserved_names_and_what_is_no_name_are_refused() {
        for text in [
            "",
            ".",
            "router",
            "WPAD",
            "wpad.local",
            "localhost",
            "a.localhost",
            "local",
            "a.b.local",
            "1.2.3.4",
            "::1",
            "my_site",
            "-a",
            "a b",
            "a;b",
            "a.org{",
            "10.in-addr.arpa",
            "fritz.box",
            "x.onion",
            "*.example.org",
            "ä",
            "a.org\nserver",
            "isatap",
            "gateway.local",
        ] {
            assert!(text.parse::<PublishedName>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_machine_keeps_its_own_name() {
        let name = |text: &str| text.parse::<PublishedName>().unwrap();
        for host in ["attic", "Attic.local", "attic.example.org"] {
            assert!(name("attic").is_of_machine(host), "{host}");
        }
        assert!(name("pi.example.org").is_of_machine("pi.example.org"));
        assert!(!name("blog").is_of_machine("attic") && !name("blog.example.org").is_of_machine("example.org"));
    }
}
