//! Looks at a `conpaas.txt` on any machine, before a card is written.

use super::settings::{Lan, Problem, Settings, read, resolve};

/// Describes for people the machine that a file of settings would make: one line for
/// each thing, and the problems of the file.
#[must_use]
pub(crate) fn check_settings(name: &str, bytes: &[u8]) -> (Vec<String>, Vec<Problem>) {
    let (entries, mut problems) = read(name, bytes);
    let settings = resolve(&[entries], &mut problems);
    (summary(&settings), problems)
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
        |wifi| format!("{}{}", wifi.name, if wifi.secret.is_some() { " with a password" } else { ", open" }),
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
