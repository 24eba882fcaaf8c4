//! Makes one [`Settings`] of many sources.

use std::net::Ipv4Addr;

use super::checked::{Account, FirstUser, Lan, MachineRole, Settings, Wifi, WifiSecret};
use super::entry::{Entry, Problem};
use super::keys::{KEYS, is_secret};
use super::plan::NetworkPlan;
use super::value;
use crate::model::Ipv4Network;

/// Keys that may stand more than once.
const REPEATED: &str = "ssh_key";

/// The time servers when nobody names any.
const TIME_SERVERS: &str = "0.debian.pool.ntp.org 1.debian.pool.ntp.org 2.debian.pool.ntp.org";

/// Makes settings of `sources`, the most important one first. Each key takes
/// the first value that can be used; the others become `problems`.
#[must_use]
pub fn resolve(sources: &[Vec<Entry>], problems: &mut Vec<Problem>) -> Settings {
    for source in sources {
        refuse_unknown(source, problems);
        refuse_repeated(source, problems);
    }
    let mut pick = Picker { sources, problems };
    let role = pick.with_default("role", value::role);
    let number = pick.with_default("number", value::machine_number);
    let plan = plan(&mut pick, number);
    let hostname = pick.one("hostname", value::hostname).unwrap_or_else(|| match role {
        MachineRole::Director => "conpaas".to_owned(),
        MachineRole::Compute => format!("conpaas-pi{number}"),
    });
    let user = first_user(&mut pick, &hostname);
    Settings {
        role,
        account: account(&mut pick),
        wifi_country: pick.one("wifi_country", value::country),
        wifi: wifi(&mut pick),
        plan,
        lan: lan(&mut pick, &plan),
        dns: pick.one("dns", value::addresses).unwrap_or_default(),
        time_servers: time_servers(&mut pick, role, &plan),
        timezone: pick.with_default("timezone", value::timezone),
        keyboard: pick.one("keyboard", value::keyboard),
        hostname,
        user,
    }
}

/// Looks keys up in the sources.
struct Picker<'a> {
    sources: &'a [Vec<Entry>],
    problems: &'a mut Vec<Problem>,
}

impl<'a> Picker<'a> {
    /// Returns the first usable value of a key.
    fn one<T>(&mut self, key: &str, parse: fn(&str) -> Result<T, String>) -> Option<T> {
        self.one_with_entry(key, parse).map(|(value, _)| value)
    }

    /// Returns the first usable value of a key, and where it stands.
    fn one_with_entry<T>(&mut self, key: &str, parse: fn(&str) -> Result<T, String>) -> Option<(T, &'a Entry)> {
        debug_assert!(KEYS.iter().any(|known| known.name == key), "{key} is in the table of keys");
        let sources: &'a [Vec<Entry>] = self.sources;
        let entries = sources.iter().flatten().filter(|entry| entry.key == key);
        // Of a secret that was taken off the card only stars are left.
        for entry in entries.filter(|entry| !(is_secret(key) && (entry.is_masked() || entry.is_refused()))) {
            match parse(&entry.value) {
                Ok(value) => return Some((value, entry)),
                Err(text) => self.problems.push(Problem::with(entry, text)),
            }
        }
        None
    }

    /// Returns the first usable value of a key, or the table's default.
    fn with_default<T>(&mut self, key: &str, parse: fn(&str) -> Result<T, String>) -> T {
        self.one(key, parse).unwrap_or_else(|| {
            let default = KEYS.iter().find(|known| known.name == key).and_then(|known| known.default);
            default.and_then(|text| parse(text).ok()).expect("a test reads every default of the table")
        })
    }

    /// Returns all usable values of the first source that has one.
    fn all<T>(&mut self, key: &str, parse: fn(&str) -> Result<T, String>) -> Vec<T> {
        for source in self.sources {
            let mut values = Vec::new();
            for entry in source.iter().filter(|entry| entry.key == key) {
                match parse(&entry.value) {
                    Ok(value) => values.push(value),
                    Err(text) => self.problems.push(Problem::with(entry, text)),
                }
            }
            if !values.is_empty() {
                return values;
            }
        }
        Vec::new()
    }

    fn complain(&mut self, key: &str, text: impl Into<String>) {
        self.problems.push(Problem::of_key(key, text));
    }
}

fn account(pick: &mut Picker<'_>) -> Account {
    let name = pick.with_default("user", value::account);
    let ssh_keys = pick.all(REPEATED, value::ssh_key);
    let plain = pick.one("password", value::password);
    let hash = pick.one("password_hash", value::password_hash);
    // Whoever gave a key and says nothing else wants no guessing of passwords.
    let may_use_password_by_ssh = pick.one("ssh_password", value::flag).unwrap_or(ssh_keys.is_empty());
    Account { name, may_use_password_by_ssh, password: plain.or(hash), ssh_keys }
}

fn wifi(pick: &mut Picker<'_>) -> Option<Wifi> {
    let text = pick.one_with_entry("wifi_name", value::wifi_name);
    let hex = pick.one_with_entry("wifi_name_hex", value::wifi_name_hex);
    let is_hidden = pick.with_default("wifi_hidden", value::flag);
    let Some((name, of_name)) = text.or(hex) else {
        if pick.one("wifi_password", value::wifi_password).is_some() {
            pick.complain("wifi_password", "is given, but wifi_name is not: no wireless network is joined");
        }
        return None;
    };
    let secret = wifi_secret(pick, of_name)?;
    if pick.one("wifi_country", value::country).is_none() {
        pick.complain("wifi_country", "is not given: channels that not every country allows are not used");
    }
    Some(Wifi { name, secret, is_hidden })
}

/// Returns the password that belongs to a name, or that there is none because the network is open. `None` when
/// one is given that cannot be used: then the network is none to join.
///
/// A name's password stands in the name's file, or in a more important one that names no network itself.
fn wifi_secret(pick: &mut Picker<'_>, of_name: &Entry) -> Option<Option<WifiSecret>> {
    let entries = || pick.sources.iter().flatten();
    let is_name = |entry: &&Entry| entry.key == "wifi_name" || entry.key == "wifi_name_hex";
    let names_itself = |file: &str| entries().filter(is_name).any(|entry| entry.origin.file == file);
    let first_of_file = entries().position(|entry| entry.origin.file == of_name.origin.file).unwrap_or_default();
    let belongs = |at: usize, entry: &Entry| {
        entry.origin.file == of_name.origin.file || (at < first_of_file && !names_itself(&entry.origin.file))
    };
    let given = entries().enumerate().filter(|(at, entry)| entry.key == "wifi_password" && belongs(*at, entry));
    let given: Vec<&Entry> = given.map(|(_, entry)| entry).collect();
    for entry in &given {
        // Of a secret that was taken off the card only stars are left.
        if entry.is_masked() || entry.is_refused() {
            continue;
        }
        match value::wifi_password(&entry.value) {
            Ok(secret) => return Some(Some(secret)),
            Err(text) => pick.problems.push(Problem::with(entry, text)),
        }
    }
    if given.is_empty() {
        return Some(None);
    }
    pick.complain("wifi_name", "is not joined: its password cannot be used, and without one only an open network is");
    None
}

fn plan(pick: &mut Picker<'_>, number: u32) -> NetworkPlan {
    let network = pick.with_default("network", value::network);
    let mut plan = NetworkPlan::new(network, number).unwrap_or_else(NetworkPlan::standard);
    if let Some(backend) = pick.one("backend", value::ipv4) {
        match refuse_container(&plan, backend) {
            Ok(()) => plan.backend = backend,
            Err(text) => pick.complain("backend", text),
        }
    }
    plan
}

/// Says why nobody but a container may have `address`, if it is one of theirs.
fn refuse_container(plan: &NetworkPlan, address: Ipv4Addr) -> Result<(), String> {
    if !plan.is_container(address) {
        return Ok(());
    }
    let (first, last) = (plan.first_container, plan.last_container);
    Err(format!("{address} is not used: {first} to {last} belong to containers; take another one"))
}

/// Says why the machine cannot have `address` in `network` beside the addresses of the cluster.
fn refuse_lan(plan: &NetworkPlan, address: Ipv4Addr, network: Ipv4Network) -> Result<(), String> {
    refuse_container(plan, address)?;
    if network != plan.network && network.overlaps(plan.network) {
        return Err(format!(
            "{address} is not used: its network {network} overlaps that of the cluster, {}; write the same prefix, or \
             another `network`",
            plan.network
        ));
    }
    Ok(())
}

fn lan(pick: &mut Picker<'_>, plan: &NetworkPlan) -> Lan {
    let given = pick.one("gateway", value::ipv4);
    match pick.with_default("address", value::lan) {
        Lan::Dhcp => {
            if given.is_some() {
                pick.complain("gateway", "is not used: with `address = dhcp` the network tells it");
            }
            Lan::Dhcp
        }
        Lan::Fixed { address, network, .. } => {
            if let Err(text) = refuse_lan(plan, address, network) {
                pick.complain("address", text);
                return Lan::Dhcp;
            }
            let given = given.filter(|gateway| match refuse_container(plan, *gateway) {
                Ok(()) => true,
                Err(text) => {
                    pick.complain("gateway", text);
                    false
                }
            });
            let gateway = given.filter(|gateway| network.contains_host(*gateway) && *gateway != address);
            if let (Some(given), None) = (given, gateway) {
                pick.complain(
                    "gateway",
                    format!("{given} is not another address in {network}, where `address` lies: not used"),
                );
            }
            if given.is_none() {
                pick.complain("gateway", "is not given: without it the machine reaches only its own network");
            }
            Lan::Fixed { address, network, gateway }
        }
    }
}

fn time_servers(pick: &mut Picker<'_>, role: MachineRole, plan: &NetworkPlan) -> Vec<String> {
    pick.one("time_servers", value::hosts).unwrap_or_else(|| {
        let backend = (role == MachineRole::Compute).then(|| plan.backend.to_string());
        backend.into_iter().chain(TIME_SERVERS.split(' ').map(str::to_owned)).collect()
    })
}

fn first_user(pick: &mut Picker<'_>, hostname: &str) -> FirstUser {
    let name = pick.with_default("conpaas_user", value::user_name);
    let email = pick.one("email", value::email).unwrap_or_else(|| format!("{name}@{hostname}.local"));
    FirstUser { email, credit: pick.with_default("credit", value::credit), name }
}

fn refuse_unknown(source: &[Entry], problems: &mut Vec<Problem>) {
    for entry in source.iter().filter(|entry| !KEYS.iter().any(|known| known.name == entry.key)) {
        let names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        problems.push(Problem::with(entry, format!("is not a key; there are: {}", names.join(", "))));
    }
}

fn refuse_repeated(source: &[Entry], problems: &mut Vec<Problem>) {
    for (index, entry) in source.iter().enumerate() {
        let is_again = source[..index].iter().any(|earlier| earlier.key == entry.key);
        if is_again && entry.key != REPEATED {
            problems.push(Problem::with(entry, "is given twice; the first one that can be used counts"));
        }
    }
}
