//! `[openid_connect]` of `director.cfg`: the provider that may say who somebody is.

use std::path::PathBuf;

use super::ConfigError;
use super::ini::{Document, Key};
use super::value;

/// The name of the section.
pub(crate) const SECTION: &str = "openid_connect";

pub(crate) const KEYS: &[Key] = &[
    Key::unset("ISSUER"),
    Key::unset("CLIENT_ID"),
    Key::unset("CLIENT_SECRET_FILE"),
    Key::new("SCOPES", "openid profile email"),
    Key::unset("NAME"),
    Key::unset("CA_FILE"),
];

/// An OpenID provider, and as what this director is registered there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIdConfig {
    /// Its URL, as its tokens name it.
    pub issuer: String,
    /// As what it knows this director.
    pub client_id: String,
    /// The file with the secret that goes with it; a public client has none.
    pub client_secret: Option<PathBuf>,
    /// What is asked for, separated by blanks; `openid` is among them.
    pub scopes: String,
    /// What users call it.
    pub name: String,
    /// A file with authorities in PEM that vouch for it, beside those that this machine trusts.
    pub authority: Option<PathBuf>,
}

/// Reads the section; none where it is not there.
pub(super) fn read(document: &Document) -> Result<Option<OpenIdConfig>, ConfigError> {
    if document.options(SECTION).is_none() {
        return Ok(None);
    }
    let section = document.section(SECTION, KEYS, |_| false)?;
    let issuer = section.value("ISSUER", issuer)?;
    let name = section.optional("NAME", value::line)?;
    Ok(Some(OpenIdConfig {
        client_id: section.value("CLIENT_ID", value::line)?,
        client_secret: section.optional("CLIENT_SECRET_FILE", value::absolute_path)?,
        scopes: section.value("SCOPES", scopes)?,
        name: name.unwrap_or_else(|| host(&issuer).to_owned()),
        authority: section.optional("CA_FILE", value::absolute_path)?,
        issuer,
    }))
}

/// Whether a provider may be asked under this URL: over TLS, or on this very machine.
pub(crate) fn is_safe_url(url: &str) -> bool {
    let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic()) && !host(url).is_empty();
    let is_here = |url: &str| {
        let host = host(url);
        host == "localhost" || host == "[::1]" || host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
    };
    is_plain && (url.starts_with("https://") || (url.starts_with("http://") && is_here(url)))
}

/// Returns the host of a URL, without its port; empty if it has none, or something before it.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return "";
    }
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn issuer(text: &str) -> Result<String, String> {
    if is_safe_url(text) && !text.contains(['?', '#']) {
        return Ok(text.to_owned());
    }
    Err(format!("'{text}' is no https:// URL without ? and #, as the provider's tokens name it"))
}

fn scopes(text: &str) -> Result<String, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if !words.contains(&"openid") {
        return Err(format!("'{text}' lacks the word openid"));
    }
    Ok(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tls_and_this_machine_are_safe() {
        for (url, is_safe) in [
            ("https://id.example.org/realms/x", true),
            ("https://id.example.org:8443", true),
            ("http://127.0.0.1:9400", true),
            ("http://localhost:1/x", true),
            ("http://[::1]:1/x", true),
            ("http://id.example.org", false),
            ("http://127.0.0.1.evil.org", false),
            ("http://127.0.0.1@evil.org", false),
            ("https://a@b", false),
            ("https://", false),
            ("https://a b", false),
            ("ftp://127.0.0.1", false),
            ("", false),
        ] {
            assert_eq!(is_safe_url(url), is_safe, "{url}");
        }
    }
}
