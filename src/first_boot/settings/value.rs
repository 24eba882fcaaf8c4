//! The spelling of values. Each function says in its refusal what would be right.

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::checked::{AccountPassword, Lan, MachineRole, WifiSecret};
use super::plan::{MACHINE_NUMBERS, MAX_PREFIX};

use crate::model::Ipv4Network;

pub(crate) fn hostname(text: &str) -> Result<String, String> {
    let name = text.to_ascii_lowercase();
    let name = name.strip_suffix(".local").unwrap_or(&name);
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_label = (1..=63).contains(&name.len()) && name.chars().all(is_good);
    let is_number = name.chars().all(|c| c.is_ascii_digit());
    if is_label && !is_number && !name.starts_with('-') && !name.ends_with('-') && name != "localhost" {
        return Ok(name.to_owned());
    }
    Err(format!("'{text}' is not a name for a machine: use letters, digits and '-', at most 63, such as conpaas"))
}

/// Names that Debian, its programs and ConPaaS use themselves.
const TAKEN: &[&str] = &[
    "root",
    "daemon",
    "bin",
    "sys",
    "sync",
    "games",
    "man",
    "lp",
    "mail",
    "news",
    "uucp",
    "proxy",
    "www-data",
    "backup",
    "list",
    "irc",
    "gnats",
    "nobody",
    "sshd",
    "messagebus",
    "avahi",
    "conpaas-web",
    "conpaas-frontend",
    "conpaas-ingress",
    "sudo",
    "adm",
    "users",
];

pub(crate) fn account(text: &str) -> Result<String, String> {
    let is_first = |c: char| c.is_ascii_lowercase();
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    if TAKEN.contains(&text) || text.starts_with("systemd") {
        return Err(format!("'{text}' belongs to the system: choose another name, such as pi"));
    }
    if text.len() <= 32 && text.starts_with(is_first) && text.chars().all(is_good) {
        return Ok(text.to_owned());
    }
    Err(format!("'{text}' is not a name for an account: use small letters, digits, '-' and '_', at most 32"))
}

/// Kinds of public keys.
pub(crate) const KEY_TYPES: &[&str] = &[
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// Returns a public key as in the file that ends in `.pub`; options before it are not taken.
pub(crate) fn ssh_key(text: &str) -> Result<String, String> {
    let right = "write the one line of a file such as id_ed25519.pub, beginning with ssh-ed25519";
    if text.contains("PRIVATE KEY") {
        return Err(format!("this is a private key, which must never leave your machine: {right}"));
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let [kind, key, ..] = words.as_slice() else {
        return Err(format!("is not a public key: {right}"));
    };
    if !KEY_TYPES.contains(kind) {
        return Err(format!("is not a public key of a known kind: {right}"));
    }
    // The key names its kind once more: four bytes of length, then the text.
    let bytes = STANDARD.decode(key).unwrap_or_default();
    let length = u32::try_from(kind.len()).unwrap_or_default().to_be_bytes();
    if bytes.get(..4) != Some(&length[..]) || bytes.get(4..4 + kind.len()) != Some(kind.as_bytes()) {
        return Err(format!("is a damaged public key: {right}"));
    }
    Ok(words.join(" "))
}

pub(crate) fn password(text: &str) -> Result<AccountPassword, String> {
    match text.chars().count() {
        8..=128 => Ok(AccountPassword::Plain(text.to_owned())),
        _ => Err("must have 8 to 128 characters".to_owned()),
    }
}

/// `$<method>$…` as in `/etc/shadow`.
pub(crate) fn password_hash(text: &str) -> Result<AccountPassword, String> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "./$=,-_".contains(c);
    let method = text.strip_prefix('$').and_then(|rest| rest.split_once('$'));
    let is_known = method
        .is_some_and(|(method, rest)| ["5", "6", "y", "gy", "7", "2b", "2y"].contains(&method) && rest.len() >= 20);
    if is_known && text.len() <= 256 && text.chars().all(is_good) {
        return Ok(AccountPassword::Hash(text.to_owned()));
    }
    Err("is not a hash of a password: make one with `openssl passwd -6`".to_owned())
}

pub(crate) fn wifi_name(text: &str) -> Result<Vec<u8>, String> {
    match text.len() {
        1..=32 => Ok(text.as_bytes().to_vec()),
        length => Err(format!("is {length} bytes long: the name of a wireless network has 1 to 32")),
    }
}

pub(crate) fn wifi_name_hex(text: &str) -> Result<Vec<u8>, String> {
    let pairs = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok());
    let octets = pairs.collect::<Option<Vec<u8>>>().filter(|_| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    octets.filter(|octets| (1..=32).contains(&octets.len())).ok_or_else(|| {
        "is not the bytes of a wireless network's name: write two hexadecimal digits for each, at most 32".to_owned()
    })
}

pub(crate) fn wifi_password(text: &str) -> Result<WifiSecret, String> {
    if text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(WifiSecret::Key(text.to_ascii_lowercase()));
    }
    if (8..=63).contains(&text.len()) && text.chars().all(|c| (' '..='~').contains(&c)) {
        return Ok(WifiSecret::Passphrase(text.to_owned()));
    }
    Err("must have 8 to 63 letters, digits and signs of plain ASCII; leave it out for an open network".to_owned())
}

pub(crate) fn country(text: &str) -> Result<String, String> {
    let code = text.to_ascii_uppercase();
    if code == "UK" {
        return Err("'UK' is not the code of a country: write GB".to_owned());
    }
    if code.len() == 2 && code.chars().all(|c| c.is_ascii_uppercase()) {
        return Ok(code);
    }
    Err(format!("'{text}' is not the code of a country: write two letters, such as DE or US"))
}

pub(crate) fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" | "1" => Ok(true),
        "no" | "false" | "off" | "0" => Ok(false),
        _ => Err(format!("'{text}' is neither yes nor no")),
    }
}

pub(crate) fn lan(text: &str) -> Result<Lan, String> {
    if text.eq_ignore_ascii_case("dhcp") {
        return Ok(Lan::Dhcp);
    }
    let parts = text.split_once('/').and_then(|(address, prefix)| {
        let address: Ipv4Addr = address.trim().parse().ok()?;
        Some((address, Ipv4Network::around(address, prefix.trim().parse().ok()?)?))
    });
    match parts {
        Some((address, network)) => {
            Ipv4Network::check_host(address)?;
            Ok(Lan::Fixed { address, network, gateway: None })
        }
        None => Err(format!("'{text}' is neither dhcp nor an address with its prefix, such as 192.168.1.50/24")),
    }
}

pub(crate) fn ipv4(text: &str) -> Result<Ipv4Addr, String> {
    let address: Ipv4Addr = text.parse().map_err(|_| format!("'{text}' is not an address, such as 192.168.1.1"))?;
    Ipv4Network::check_host(address)?;
    Ok(address)
}

pub(crate) fn addresses(text: &str) -> Result<Vec<IpAddr>, String> {
    let parse = |word: &str| {
        word.parse::<IpAddr>()
            .map_err(|_| format!("'{word}' is not an address, such as 9.9.9.9; put blanks between two"))
    };
    words(text).map(parse).collect::<Result<Vec<_>, _>>().and_then(at_most_eight)
}

pub(crate) fn network(text: &str) -> Result<Ipv4Network, String> {
    let network: Ipv4Network = text.parse().map_err(|error: crate::model::ParseNetworkError| error.to_string())?;
    network.check_usable()?;
    if network.prefix() > MAX_PREFIX {
        return Err(format!(
            "{network} is too small: machines and containers have the numbers 1 to 61, so write /{MAX_PREFIX} or less"
        ));
    }
    Ok(network)
}

pub(crate) fn machine_number(text: &str) -> Result<u32, String> {
    let number = text.parse::<u32>().ok().filter(|number| MACHINE_NUMBERS.contains(number));
    number.ok_or_else(|| {
        format!("'{text}' is not the number of a machine: write 11 for the first, 12 for the second, up to 31")
    })
}

/// `host` or `host:port`, as chrony's configuration takes them.
pub(crate) fn hosts(text: &str) -> Result<Vec<String>, String> {
    let check = |word: &str| {
        let word = word.to_owned();
        let outcome = crate::clock::chrony_conf(std::slice::from_ref(&word), &[]);
        outcome.map(|_| word).map_err(|error| format!("{error}; put blanks between two"))
    };
    words(text).map(check).collect::<Result<Vec<_>, _>>().and_then(at_most_eight)
}

/// Reads a zone's name; whether there is such a zone is seen on the machine.
pub(crate) fn timezone(text: &str) -> Result<String, String> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "-_+".contains(c);
    let is_part = |part: &str| {
        !part.is_empty() && part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.chars().all(is_good)
    };
    // People write the name of a town with blanks.
    let text = &text.replace(' ', "_");
    let parts: Vec<&str> = text.split('/').collect();
    if parts.len() <= 3 && text.len() <= 64 && parts.into_iter().all(is_part) {
        return Ok(text.to_owned());
    }
    Err(format!("'{text}' is not a time zone, such as Europe/Amsterdam"))
}

pub(crate) fn keyboard(text: &str) -> Result<String, String> {
    let layout = text.to_ascii_lowercase();
    if (2..=16).contains(&layout.len()) && layout.chars().all(|c| c.is_ascii_lowercase() || c == ',') {
        return Ok(layout);
    }
    Err(format!("'{text}' is not a layout of a keyboard, such as us, gb or de"))
}

pub(crate) fn role(text: &str) -> Result<MachineRole, String> {
    match text.to_ascii_lowercase().as_str() {
        "director" | "standalone" => Ok(MachineRole::Director),
        "compute" => Ok(MachineRole::Compute),
        _ => Err(format!("'{text}' is neither director nor compute")),
    }
}

pub(crate) fn user_name(text: &str) -> Result<String, String> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(is_good)
    {
        return Ok(text.to_owned());
    }
    Err(format!("'{text}' is not a name for a user: use letters, digits, '-', '_' and '.', at most 64"))
}

pub(crate) fn email(text: &str) -> Result<String, String> {
    let is_part =
        |part: &str| !part.is_empty() && part.chars().all(|c| ('!'..='~').contains(&c) && !"<>\"'\\,;@".contains(c));
    match text.split_once('@') {
        Some((name, host)) if text.len() <= 254 && is_part(name) && is_part(host) && !name.starts_with('-') => {
            Ok(text.to_owned())
        }
        _ => Err(format!("'{text}' is not an e-mail address, such as me@example.org")),
    }
}

pub(crate) fn credit(text: &str) -> Result<u32, String> {
    let number = text.parse::<u32>().ok().filter(|number| (1..=1_000_000_000).contains(number));
    number.ok_or_else(|| format!("'{text}' is not a whole number from 1 to 1000000000"))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ', '\t']).filter(|word| !word.is_empty())
}

fn at_most_eight<T>(all: Vec<T>) -> Result<Vec<T>, String> {
    match all.len() {
        0 => Err("names none: write at least one, or put # before the line".to_owned()),
        1..=8 => Ok(all),
        _ => Err("names more than 8".to_owned()),
    }
}
