//! Who is answered: whoever asks for a name of this site, and, for what changes something, from a page of it.
//!
//! - The `Host` is a name that the certificate is good for, or an address. A foreign name that suddenly means this
//!   machine (DNS rebinding) is refused.
//! - A form comes from a page of this site. Browsers say so by `Sec-Fetch-Site`, older ones by `Origin`. A request
//!   that says neither is refused: no browser sends it.

use crate::model::AskedHost;
use crate::pki::CertificateName;
use crate::rpc::Request;

/// Whether the request asks for a name of this site.
pub(super) fn is_for_us(request: &Request, names: &[CertificateName]) -> bool {
    request.header("host").is_some_and(|host| is_own_host(host, names))
}

/// Whether a form was sent by a page of this site.
pub(super) fn is_from_us(request: &Request) -> bool {
    let of = |name: &str| request.has_header(name).then(|| request.header(name).unwrap_or_default());
    is_same_origin(of("sec-fetch-site"), of("origin"), request.header("host").unwrap_or_default())
}

fn is_same_origin(site: Option<&str>, origin: Option<&str>, host: &str) -> bool {
    let is_own = |origin: &str| origin.strip_prefix("https://").is_some_and(|own| own.eq_ignore_ascii_case(host));
    match (site, origin) {
        (Some("same-origin"), None) => true,
        (Some("same-origin") | None, Some(origin)) => is_own(origin),
        _ => false,
    }
}

fn is_own_host(text: &str, names: &[CertificateName]) -> bool {
    let AskedHost::Name(host) = AskedHost::read(text) else { return true };
    host == "localhost" || names.iter().any(|name| is_name(name, &host))
}

fn is_name(name: &CertificateName, host: &str) -> bool {
    let CertificateName::Dns(name) = name else { return false };
    let name = name.to_ascii_lowercase();
    match name.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(first, rest)| !first.is_empty() && rest == parent),
        None => name == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_site_may_ask_for_something_to_happen() {
        let host = "pi.local:8443";
        for (site, origin, is_ours) in [
            (Some("same-origin"), None, true),
            (Some("same-origin"), Some("https://pi.local:8443"), true),
            (None, Some("https://PI.local:8443"), true),
            (Some("same-origin"), Some("https://evil.example"), false),
            (Some("cross-site"), None, false),
            (Some("same-site"), Some("https://pi.local:8443"), false),
            (Some("none"), None, false),
            (Some(""), Some("https://pi.local:8443"), false),
            (None, None, false),
            (None, Some("null"), false),
            (None, Some("http://pi.local:8443"), false),
            (None, Some("https://pi.local"), false),
        ] {
            assert_eq!(is_same_origin(site, origin, host), is_ours, "{site:?} {origin:?}");
        }
    }

    #[test]
    fn foreign_names_are_refused() {
        let names = ["attic.local", "*.example.org"].map(|name| CertificateName::Dns(name.to_owned()));
        for (host, is_own) in [
            ("attic.local", true),
            ("ATTIC.local.:443", true),
            ("192.168.1.7:8443", true),
            ("[::1]", true),
            ("localhost:1", true),
            ("paas.example.org", true),
            ("example.org", false),
            ("a.b.example.org", false),
            (".example.org", false),
            ("evil.org", false),
            ("attic.local.evil.org", false),
            ("192.168.1.7.evil.org", false),
            ("", false),
        ] {
            assert_eq!(is_own_host(host, &names), is_own, "{host}");
        }
    }
}
