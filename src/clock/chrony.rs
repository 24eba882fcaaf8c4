//! What chronyd, the program that keeps a machine's clock, is told by us.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::model::Ipv4Network;

/// Where machines at home and in schools live; none of it is the Internet.
const PRIVATE_NETWORKS: &[&str] = &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8", "fe80::/10"];
const NTP_PORT: u16 = 123;
const MAX_NAME_CHARS: usize = 253;

/// A text that cannot name a time server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a time server: write a host name or an address, and :port behind it if it is not 123")]
pub(crate) struct TimeServerError(pub String);

/// Writes the text of `/etc/chrony/conf.d/conpaas.conf`: chronyd asks `servers`
/// (`host` or `host:port`, as `TIME_SERVERS`) and answers machines of
/// `networks` and of private addresses; nobody where `networks` is empty.
///
/// A machine that answers others does so even when none of its own servers
/// can be heard: machines that agree with each other can talk TLS, whether or
/// not they are right.
///
/// # Errors
/// A server's name would not be read as one: these names come from a file
/// that anybody may have written.
pub(crate) fn chrony_conf(servers: &[String], networks: &[Ipv4Network]) -> Result<String, TimeServerError> {
    let mut text = String::from("# Written by conpaas; read by chronyd besides /etc/chrony/chrony.conf.\n");
    for server in servers {
        let line = source(server).ok_or_else(|| TimeServerError(server.clone()))?;
        let _a_string_takes_all = writeln!(text, "{line}");
    }
    if networks.is_empty() {
        return Ok(text);
    }
    text.push_str(
        "# This machine is the clock of its network, a last resort when it hears none itself.\nlocal stratum 10\n",
    );
    for network in networks {
        let _a_string_takes_all = writeln!(text, "allow {network}");
    }
    for network in PRIVATE_NETWORKS {
        let _a_string_takes_all = writeln!(text, "allow {network}");
    }
    Ok(text)
}

/// Returns a `server` line; for a host name a `pool` line, which takes all addresses
/// that the name has, one or many.
fn source(server: &str) -> Option<String> {
    let (host, port) = match server.rsplit_once(':') {
        // An address of IPv6 has colons of its own; with a port it stands in brackets.
        Some(_) if server.parse::<IpAddr>().is_ok() => (server, NTP_PORT),
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)?),
        None => (server, NTP_PORT),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = if port == NTP_PORT { String::new() } else { format!(" port {port}") };
    if host.parse::<IpAddr>().is_ok() {
        return Some(format!("server {host} iburst{port}"));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let is_good = !host.is_empty() && host.len() <= MAX_NAME_CHARS && !host.starts_with(['-', '.']);
    (is_good && host.chars().all(is_name)).then(|| format!("pool {host} iburst{port}"))
}

#[cfg(test)]
mod tests;
