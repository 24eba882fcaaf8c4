//! Whom a request asks for, by its header `Host`.

use std::net::IpAddr;

/// What the header names, without its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AskedHost {
    /// An address, which cannot be made to mean another machine.
    Address(IpAddr),
    /// A name, in small letters and without a dot at its end.
    Name(String),
}

impl AskedHost {
    /// Reads `host` or `host:port`.
    #[must_use]
    pub(crate) fn read(text: &str) -> Self {
        let host = match text.rsplit_once(':') {
            Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) && !host.ends_with(':') => host,
            _ => text,
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match bare.parse() {
            Ok(address) => AskedHost::Address(address),
            Err(_) => AskedHost::Name(host.trim_end_matches('.').to_ascii_lowercase()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_brackets_and_capitals_are_no_part_of_a_host() {
        let name = |text: &str| AskedHost::Name(text.to_owned());
        let address = |text: &str| AskedHost::Address(text.parse().unwrap());
        for (text, wanted) in [
            ("Pi.local.:8443", name("pi.local")),
            ("pi", name("pi")),
            ("10.0.0.1:80", address("10.0.0.1")),
            ("[fe80::1]:443", address("fe80::1")),
            ("fe80::1", address("fe80::1")),
            ("a:b", name("a:b")),
            ("", name("")),
        ] {
            assert_eq!(AskedHost::read(text), wanted, "{text}");
        }
    }
}
