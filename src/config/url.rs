//! The URL of a director.

use std::fmt;
use std::str::FromStr;

/// The port of a director when none is named.
pub const DEFAULT_DIRECTOR_PORT: u16 = 5555;

/// `host`, `host:port` or `scheme://host[:port]`; the scheme must be `https`
/// (also the default) and there is no path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DirectorUrl {
    host: String,
    port: u16,
}

impl DirectorUrl {
    /// Returns the URL of a director on `host`, on the default port.
    ///
    /// # Errors
    /// `host` is no host name and no IPv4 address.
    pub fn of_host(host: &str) -> Result<Self, String> {
        match host.parse::<DirectorUrl>() {
            Ok(url) if url.host == host => Ok(url),
            Err(problem) if problem.contains("IPv6") => Err(problem),
            _ => Err(format!("'{host}' is not a host name")),
        }
    }

    /// Host name or IPv4 address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the same host on another port.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }
}

impl FromStr for DirectorUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let authority = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => rest,
            Some((scheme, _)) => return Err(format!("'{text}': a director speaks https, not {scheme}")),
            None => text,
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.contains('/') {
            return Err(format!("'{text}': a director's URL has no path"));
        }
        if authority.starts_with('[') || authority.matches(':').count() > 1 {
            return Err(format!("'{text}': IPv6 addresses are not supported; write a host name or an IPv4 address"));
        }
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, super::value::port(port)?),
            None => (authority, DEFAULT_DIRECTOR_PORT),
        };
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if host.is_empty() || host.len() > 253 || host.starts_with('-') || !host.chars().all(is_host) {
            return Err(format!("'{text}' names no host: write https://host:port"));
        }
        Ok(DirectorUrl { host: host.to_owned(), port })
    }
}

impl fmt::Display for DirectorUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_upstream_is_read() {
        let table = [
            ("host", "https://host:5555"),
            ("host:1", "https://host:1"),
            ("https://a.b.nl", "https://a.b.nl:5555"),
            ("HTTPS://10.0.0.1:443/", "https://10.0.0.1:443"),
        ];
        for (text, url) in table {
            assert_eq!(text.parse::<DirectorUrl>().map(|url| url.to_string()), Ok(url.to_owned()));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "http://a", "a:0", "a:b", "https://a/b", "a b", "https://", "-a", "a\nb", "[::1]:5555"] {
            assert!(text.parse::<DirectorUrl>().is_err(), "{text}");
        }
        for text in ["https://[::1]:5555", "[::1]", "::1", "fe80::1", "https://2001:db8::7:5555"] {
            assert!(text.parse::<DirectorUrl>().unwrap_err().contains("IPv6 addresses are not supported"), "{text}");
            assert!(DirectorUrl::of_host(text).unwrap_err().contains("IPv6"), "{text}");
        }
        assert!(DirectorUrl::of_host("a:1").is_err());
        assert!(DirectorUrl::of_host("a").is_ok());
    }
}
