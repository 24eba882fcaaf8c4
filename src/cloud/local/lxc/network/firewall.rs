//! The rules of a bridge in the kernel: set, looked at, taken away.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::settings::{LxcSettings, Nat};
use super::interface::exists;
use super::rules::{self, FLOODS, NodePort};
use crate::model::Finding;
use crate::sys::chain;
use crate::sys::file;
use crate::sys::program;

const LIMIT: Duration = Duration::from_secs(10);
const NO_PROGRAM: &str = "apt-get install nftables, or set FIREWALL = false: then nodes of all users reach each other";

/// What this process has set.
pub(crate) struct Applied {
    text: String,
    ports: Vec<NodePort>,
    /// How the kernel shows it; asked for when it is looked at for the first time.
    listed: Option<String>,
}

/// How closely the kernel is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// What this process has set is taken to be there still.
    Remembered,
    /// The kernel is asked whether it is there.
    Kernel,
}

/// Makes the kernel have the rules for `ports`, which may be there already.
///
/// # Errors
/// `nft` is missing or refuses: then all is as before.
pub(crate) async fn ensure(
    settings: &LxcSettings,
    prefix: &str,
    ports: &[NodePort],
    applied: &mut Option<Applied>,
    look: Look,
) -> Result<(), String> {
    if !settings.is_filtered && settings.nat == Nat::Off {
        *applied = None;
        return remove(settings).await;
    }
    let text = rules::plan_rules(settings, prefix, ports);
    let before = applied.take();
    if let Some(mut before) = before {
        let is_same = before.text == text;
        if is_same && (look == Look::Remembered || before.is_in_force(settings).await) {
            *applied = Some(before);
            return Ok(());
        }
        if is_same {
            tracing::warn!(bridge = settings.bridge, "somebody changed the rules of a bridge: they are set again");
        } else if look == Look::Remembered && before.is_added_to(settings, ports).await {
            *applied = Some(Applied { text, ports: ports.to_vec(), listed: None });
            return Ok(());
        }
    }
    load(settings, &text).await?;
    *applied = Some(Applied { text, ports: ports.to_vec(), listed: None });
    Ok(())
}

impl Applied {
    /// Adds what `ports` have more than before. Returns whether that was all that was to be done.
    async fn is_added_to(&self, settings: &LxcSettings, ports: &[NodePort]) -> bool {
        let Some(addition) = rules::plan_addition(settings, &self.ports, ports) else { return false };
        let added = program::run_with_input("nft", &["-f", "-"], &addition, LIMIT).await;
        if let Err(error) = &added {
            tracing::warn!(bridge = settings.bridge, error = %chain(error), "cannot add to the rules of a bridge: all are set again");
        }
        added.is_ok()
    }

    async fn is_in_force(&mut self, settings: &LxcSettings) -> bool {
        let Ok(found) = list(settings).await else { return false };
        if let Some(listed) = &self.listed {
            return *listed == found;
        }
        // A machine that gives no network to try them in is taken at its word.
        if let Ok(wanted) = as_this_machine_shows(&self.text, settings).await
            && !(missing(&wanted, &found).is_empty() && missing(&found, &wanted).is_empty())
        {
            return false;
        }
        self.listed = Some(found);
        true
    }
}

/// Takes the rules away. Fine if they are not there.
///
/// # Errors
/// `nft` refuses, or a file cannot be removed.
pub(crate) async fn remove(settings: &LxcSettings) -> Result<(), String> {
    let files = [file(settings), settings.state_directory.join("nat.nft")];
    if !files.iter().any(|file| file.exists()) {
        return Ok(());
    }
    load(settings, &rules::plan_removal(settings)).await?;
    files.iter().try_for_each(|file| file::ensure_absent(file)).map_err(|error| chain(&error))
}

/// Compares what the kernel has with what it should have.
pub(crate) async fn findings(settings: &LxcSettings, prefix: &str, ports: &[NodePort]) -> Vec<Finding> {
    let bridge = &settings.bridge;
    if !settings.is_filtered {
        return vec![Finding::warning(
            "FIREWALL is off: nodes of all users reach each other, and all of this machine",
            "set FIREWALL = true and restart the director",
        )];
    }
    if let Err(error) = program::run("nft", &["--version"], LIMIT).await {
        return vec![Finding::bad(format!("no node is started without rules: {}", chain(&error)), NO_PROGRAM)];
    }
    let wanted = match as_this_machine_shows(&rules::plan_rules(settings, prefix, ports), settings).await {
        Ok(wanted) => wanted,
        Err(reason) => {
            return vec![Finding::bad(
                format!("this machine cannot filter what nodes send: {reason}"),
                "use a kernel with nf_tables for the families bridge and ip, such as Debian's, or set FIREWALL = false",
            )];
        }
    };
    if !exists(settings) {
        return vec![Finding::good("this machine can filter what nodes send")];
    }
    let missing = missing(&wanted, &list(settings).await.unwrap_or_default());
    vec![match missing.first() {
        None => Finding::good(format!("the rules of bridge {bridge} are in force")),
        Some(line) => Finding::bad(
            format!("{} of the rules of bridge {bridge} are not in force, such as '{line}'", missing.len()),
            "start the director, which sets them, or see in its log why it cannot",
        ),
    }]
}

/// Lines of `wanted` that `found` has not.
fn missing(wanted: &str, found: &str) -> Vec<String> {
    let mut found: Vec<&str> = found.lines().map(str::trim).collect();
    let mut missing = Vec::new();
    for line in wanted.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match found.iter().position(|other| *other == line) {
            Some(at) => drop(found.swap_remove(at)),
            None => missing.push(line.to_owned()),
        }
    }
    missing
}

/// Each release of `nft` shows rules in its own way: so they are set once in a network without anything.
async fn as_this_machine_shows(text: &str, settings: &LxcSettings) -> Result<String, String> {
    let mut file = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    file.write_all(text.as_bytes()).map_err(|error| error.to_string())?;
    let script = "nft -f \"$1\" && { nft list table bridge \"$2\"; nft list table ip \"$2\"; }";
    let table = rules::table(settings);
    let path = file.path().display().to_string();
    let arguments = ["--net", "sh", "-c", script, "sh", &path, &table];
    let shown = program::run("unshare", &arguments, LIMIT).await.map_err(|error| chain(&error))?;
    Ok(without_counts(&shown))
}

async fn list(settings: &LxcSettings) -> Result<String, String> {
    let table = rules::table(settings);
    let families: &[&str] = if settings.is_filtered { &["bridge", "ip"] } else { &["ip"] };
    let mut text = String::new();
    for family in families {
        let arguments = ["list", "table", family, &table];
        text.push_str(&program::run("nft", &arguments, LIMIT).await.map_err(|error| chain(&error))?);
    }
    Ok(without_counts(&text))
}

/// Leaves out what the kernel counts.
fn without_counts(text: &str) -> String {
    let mut is_counter = false;
    let mut kept = Vec::new();
    for line in text.lines() {
        if line == format!("\tset {FLOODS} {{") {
            is_counter = true;
        } else if is_counter {
            is_counter = line != "\t}";
        } else {
            kept.push(line);
        }
    }
    kept.join("\n")
}

async fn load(settings: &LxcSettings, text: &str) -> Result<(), String> {
    let path = file(settings);
    file::write_atomic(&path, text.as_bytes(), 0o600).map_err(|error| chain(&error))?;
    let outcome = program::run("nft", &["-f".as_ref(), path.as_os_str()], LIMIT).await;
    outcome.map(drop).map_err(|error| match error {
        program::ProgramError::Start { .. } => format!("{}: {NO_PROGRAM}", chain(&error)),
        other => chain(&other),
    })
}

fn file(settings: &LxcSettings) -> PathBuf {
    settings.state_directory.join("network.nft")
}

/// What keeps bridged or forwarded packets from their way though our rules let them pass: another table
/// drops what it does not know, as Docker's does.
pub(crate) async fn foreign_drop(settings: &LxcSettings) -> Option<Finding> {
    let is_seen = |name: &str| {
        let path = Path::new("/proc/sys/net/bridge").join(name);
        file::read_text(&path).is_ok_and(|text| text.trim() == "1")
    };
    let is_bridge_seen = is_seen("bridge-nf-call-iptables");
    if !is_bridge_seen && settings.nat == Nat::Off {
        return None;
    }
    let what = if is_bridge_seen { "nodes do not reach each other" } else { "nodes reach no other network" };
    let bridge = &settings.bridge;
    let ruleset = program::run("nft", &["list", "ruleset"], LIMIT).await.unwrap_or_default();
    let legacy = match program::find("iptables-legacy") {
        Some(_) => program::run("iptables-legacy", &["-S"], LIMIT).await.unwrap_or_default(),
        None => String::new(),
    };
    let (table, remedy) = dropping_chain(&ruleset, &legacy, settings)?;
    let text = format!("{what}: {table} drops what it does not know");
    let why = if is_bridge_seen { " (bridge-nf-call-iptables is 1)" } else { "" };
    Some(Finding::bad(format!("{text}{why}"), &format!("let the bridge pass: {}", remedy.replace("BRIDGE", bridge))))
}

/// Returns the chain that drops what our bridge forwards, and the command that lets it pass.
fn dropping_chain(ruleset: &str, legacy: &str, settings: &LxcSettings) -> Option<(String, String)> {
    let bridge = &settings.bridge;
    if legacy.lines().any(|line| line.trim() == "-P FORWARD DROP")
        && !legacy.lines().any(|line| line.contains(&format!("-i {bridge} ")) && line.ends_with("-j ACCEPT"))
    {
        let to = if legacy.contains("-N DOCKER-USER") { "DOCKER-USER" } else { "FORWARD" };
        let command =
            format!("iptables-legacy -I {to} -i BRIDGE -j ACCEPT && iptables-legacy -I {to} -o BRIDGE -j ACCEPT");
        return Some(("chain FORWARD of iptables".to_owned(), command));
    }
    let own = rules::table(settings);
    for part in tables(ruleset) {
        let mut words = part.lines().next().unwrap_or_default().split_whitespace().skip(1);
        let (Some(family @ ("ip" | "inet")), Some(name)) = (words.next(), words.next()) else { continue };
        let lets_pass = |line: &str| line.contains(&format!("iifname \"{bridge}\"")) && line.ends_with("accept");
        if name == own || part.lines().any(|line| lets_pass(line.trim())) {
            continue;
        }
        let Some(hook) = part.lines().position(|line| line.contains("hook forward") && line.contains("policy drop"))
        else {
            continue;
        };
        let above: Vec<&str> = part.lines().take(hook).collect();
        let header = above.iter().rev().find_map(|line| line.trim().strip_prefix("chain ")).unwrap_or_default();
        let chain = header.trim_end_matches('{').trim();
        let to = if part.contains("chain DOCKER-USER") { "DOCKER-USER" } else { chain };
        let insert = |side: &str| format!("nft insert rule {family} {name} {to} {side} BRIDGE accept");
        let command = format!("{} && {}", insert("iifname"), insert("oifname"));
        return Some((format!("chain {chain} of table {family} {name}"), command));
    }
    None
}

/// Cuts what `nft list ruleset` says into its tables.
fn tables(ruleset: &str) -> Vec<String> {
    let mut tables: Vec<String> = Vec::new();
    for line in ruleset.lines() {
        if line.starts_with("table ") {
            tables.push(String::new());
        }
        if let Some(table) = tables.last_mut() {
            table.push_str(line);
            table.push('\n');
        }
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CloudName;

    fn settings() -> LxcSettings {
        LxcSettings::usual(CloudName::default_cloud(), "/state".into(), "/base".into(), "/program".into())
    }

    #[test]
    fn a_line_that_was_taken_out_is_named_and_counts_are_not_looked_at() {
        let wanted = "table bridge x {\n\tset arp_floods {\n\t\ttype ifname\n\t}\n\tchain c {\n\t\tdrop\n\t}\n}";
        let busy = wanted.replace("ifname\n", "ifname\n\t\telements = { \"a\" limit rate over 50/second }\n");
        let wanted = without_counts(wanted);
        assert_eq!(missing(&wanted, &without_counts(&busy)), Vec::<String>::new());
        assert_eq!(missing(&wanted, &without_counts(&busy.replace("\t\tdrop\n", ""))), ["drop"]);
        assert_eq!(missing(&wanted, "").len(), 5);
    }

    #[test]
    fn a_foreign_chain_that_drops_is_found_until_it_lets_the_bridge_pass() {
        let docker = "table ip nat {\n}\ntable ip filter {\n\tchain DOCKER-USER {\n\t}\n\tchain FORWARD {\n\t\ttype filter hook \
                      forward priority filter; policy drop;\n\t}\n}\n";
        let (chain, remedy) = dropping_chain(docker, "", &settings()).unwrap();
        assert_eq!(chain, "chain FORWARD of table ip filter");
        assert!(remedy.starts_with("nft insert rule ip filter DOCKER-USER iifname BRIDGE accept && "), "{remedy}");
        let mended = docker
            .replace("DOCKER-USER {\n", "DOCKER-USER {\n\t\tiifname \"conpaas0\" counter packets 0 bytes 0 accept\n");
        assert_eq!(dropping_chain(&mended, "", &settings()), None);
        assert_eq!(dropping_chain(&docker.replace("policy drop", "policy accept"), "", &settings()), None);
        assert_eq!(dropping_chain(&docker.replace("ip filter", "ip conpaas_conpaas0"), "", &settings()), None);
    }

    #[test]
    fn the_older_filter_is_found_too() {
        let legacy = "-P INPUT ACCEPT\n-P FORWARD DROP\n";
        let (_, remedy) = dropping_chain("", legacy, &settings()).unwrap();
        assert!(remedy.starts_with("iptables-legacy -I FORWARD -i BRIDGE -j ACCEPT"), "{remedy}");
        let mended = format!("{legacy}-A FORWARD -i conpaas0 -j ACCEPT\n");
        assert_eq!(dropping_chain("", &mended, &settings()), None);
    }
}
