//! Looks at a `conpaas.txt`, or a file of Raspberry Pi Imager, on any machine, before a card is written.

use std::path::Path;

use super::imager;
use super::settings::{Lan, Problem, Settings, read, resolve};
use super::step::time::{ZONES, find_zone};

/// Describes for people the machine that a file of settings, or one of Imager's, would make: one
/// line for each thing, and the problems of the file. Time zones are looked for where this machine has them.
#[must_use]
pub(crate) fn check_settings(name: &str, bytes: &[u8]) -> (Vec<String>, Vec<Problem>) {
    let is_of_imager = imager::files().any(|file| file == name);
    let (entries, mut problems) = if is_of_imager { imager::read(name, bytes) } else { read(name, bytes) };
    let settings = resolve(&[entries], &mut problems);
    problems.extend(missing_zone(Path::new(ZONES), &settings.timezone));
    (summary(&settings), problems)
}

/// A machine without the package of time zones, or of another system, says nothing.
fn missing_zone(zones: &Path, zone: &str) -> Option<Problem> {
    let is_missing = zones.join("Europe").is_dir() && find_zone(zones, zone).is_none();
    is_missing.then(|| Problem::of_key("timezone", format!("there is no '{zone}' below {}", zones.display())))
}

/// Returns the settings without their secrets.
pub(crate) fn summary(settings: &Settings) -> Vec<String> {
    let plan = &settings.plan;
    let account = &settings.account;
    let password = match (&account.password, account.ssh_keys.is_empty()) {
        (Some(_), _) => "the given password",
        (None, true) => "a password that the machine makes up and shows once",
        (None, false) => "no password",
    };
    let lan = match &settings.lan {
        Lan::Dhcp => "one by DHCP".to_owned(),
        Lan::Fixed { address, gateway: Some(gateway), .. } => format!("{address} with gateway {gateway}"),
        Lan::Fixed { address, gateway: None, .. } => format!("{address} without a gateway"),
    };
    let wifi = settings.wifi.as_ref().map_or_else(
        || "none".to_owned(),
        |wifi| {
            format!(
                "{}{}",
                String::from_utf8_lossy(&wifi.name).escape_debug(),
                if wifi.secret.is_some() { " with a password" } else { ", open" }
            )
        },
    );
    let country = settings.wifi_country.as_deref().unwrap_or("unknown");
    let user = &settings.user;
    vec![
        format!("role        {:?}", settings.role).to_lowercase(),
        format!("name        {0}, found as {0}.local", settings.hostname),
        format!("account     {} with {} key(s) and {password}", account.name, account.ssh_keys.len()),
        format!("wireless    {wifi}; country {country}"),
        format!("addresses   {} and {lan}", plan.own),
        format!(
            "cluster     {}: containers {} to {}, backend {}",
            plan.network, plan.first_container, plan.last_container, plan.backend
        ),
        format!("time        {} from {}", settings.timezone, settings.time_servers.join(", ")),
        format!("first user  {} <{}> with credit {}", user.name, user.email, user.credit),
    ]
}
