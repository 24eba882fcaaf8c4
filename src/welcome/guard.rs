//! Who is answered.
//!
//! - A caller is a neighbour: his IPv4 address lies in a network of this
//!   machine. A container is none, although it is one by its address: what
//!   runs in it is somebody's program, which may not take the first login.
//! - The `Host` is a name of this machine or an address. A foreign name that
//!   suddenly means this machine (DNS rebinding) is refused.
//! - Who asks for something to happen sends the page's token, and his browser
//!   says that the form stands on the page itself.
//!
//! # Caveats
//! - The first login is for whoever is first on the local network, as on the
//!   console it is for whoever sees the screen.
//! - Root in a container can take an address that is nobody's: the first
//!   login should be taken before strangers' programs run here.

use std::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::api::first_boot::Welcome;
use crate::model::AskedHost;
use crate::rpc::Request;
use crate::sys::address::OwnAddress;

/// Why a caller is refused: a status and a sentence.
pub(crate) type Refusal = (u16, &'static str);

/// Whether the caller may see pages at all.
pub(crate) fn check_caller(request: &Request, welcome: &Welcome, own: &[OwnAddress]) -> Result<(), Refusal> {
    let caller = request.caller.address.ip().to_canonical();
    if !is_neighbour(caller, welcome, own) {
        return Err((403, "This page is only for the local network."));
    }
    match request.header("host") {
        Some(host) if is_own_host(host, &welcome.hostname) => Ok(()),
        _ => Err((421, "This machine does not have the name that it was asked for by.")),
    }
}

/// Whether a form was sent by this very page. `token` is the page's.
pub(crate) fn check_form(request: &Request, sent: Option<&str>, token: &str) -> Result<(), Refusal> {
    let is_ours = |origin: &str| {
        let host = request.header("host").unwrap_or_default();
        origin.strip_prefix("http://").is_some_and(|origin| origin.eq_ignore_ascii_case(host))
    };
    // Browsers say where a form stands; a header twice is nobody's browser.
    let has = |name: &str| request.has_header(name);
    let is_foreign = (has("origin") && !request.header("origin").is_some_and(is_ours))
        || (has("sec-fetch-site") && !matches!(request.header("sec-fetch-site"), Some("same-origin" | "none")));
    let is_known = sent.is_some_and(|sent| Sha256::digest(sent) == Sha256::digest(token));
    if is_foreign || !is_known {
        return Err((403, "The page is out of date: go back, load it again and press the button once more."));
    }
    Ok(())
}

fn is_neighbour(caller: IpAddr, welcome: &Welcome, own: &[OwnAddress]) -> bool {
    if caller.is_loopback() || own.iter().any(|own| own.address == caller) {
        return true;
    }
    // Containers give themselves IPv6 addresses that look like anybody's.
    let IpAddr::V4(address) = caller else { return false };
    let is_container = (welcome.first_container..=welcome.last_container).contains(&address);
    // An interface whose network is everything has no neighbours.
    !is_container && own.iter().any(|own| own.prefix > 0 && own.reaches(caller))
}

/// `host` or `host:port`; an address cannot be rebound, a name can.
fn is_own_host(text: &str, hostname: &str) -> bool {
    let AskedHost::Name(host) = AskedHost::read(text) else { return true };
    let name = host.strip_suffix(".local").unwrap_or(&host);
    // When two machines have one name, avahi puts a number behind the second's.
    let is_numbered = |name: &str| {
        let number = name.strip_prefix(hostname).and_then(|rest| rest.strip_prefix('-'));
        number.is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
    };
    name == hostname || host == "localhost" || (host.ends_with(".local") && is_numbered(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn welcome() -> Welcome {
        Welcome {
            hostname: "attic".into(),
            account: "pi".into(),
            address: [172, 16, 0, 11].into(),
            first_container: [172, 16, 0, 32].into(),
            last_container: [172, 16, 0, 61].into(),
            director: None,
            n_problems: 0,
        }
    }

    #[test]
    fn neighbours_are_answered_and_containers_and_strangers_are_not() {
        let own =
            |address: &str, prefix| OwnAddress { interface: "x".into(), address: address.parse().unwrap(), prefix };
        let own =
            [own("127.0.0.1", 8), own("172.16.0.11", 24), own("192.0.2.7", 28), own("fd00::7", 64), own("10.9.9.9", 0)];
        for (caller, is_welcome) in [
            ("127.0.0.1", true),
            ("172.16.0.11", true),
            ("172.16.0.200", true),
            ("172.16.0.31", true),
            ("172.16.0.32", false),
            ("172.16.0.61", false),
            ("172.16.0.62", true),
            ("192.0.2.14", true),
            ("192.0.2.16", false),
            ("8.8.8.8", false),
            ("10.0.0.1", false),
            ("::1", true),
            ("fd00::7", true),
            ("fe80::1", false),
            ("fd00::1234", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_neighbour(caller.parse().unwrap(), &welcome(), &own), is_welcome, "{caller}");
        }
    }

    #[test]
    fn foreign_names_are_refused() {
        for (host, is_own) in [
            ("attic.local", true),
            ("ATTIC.local:80", true),
            ("attic.local.", true),
            ("attic", true),
            ("attic-2.local", true),
            ("localhost:8080", true),
            ("192.168.1.7", true),
            ("192.168.1.7:80", true),
            ("[fe80::1]:80", true),
            ("[::1]", true),
            ("", false),
            ("attic.example.org", false),
            ("attic.local.example.org", false),
            ("attic-2", false),
            ("attic-x.local", false),
            ("attic-.local", false),
            ("atticx.local", false),
            ("evil.org", false),
            ("192.168.1.7.evil.org", false),
            ("attic.local:80:80", false),
            ("attic.local@evil.org", false),
        ] {
            assert_eq!(is_own_host(host, "attic"), is_own, "{host}");
        }
    }
}
