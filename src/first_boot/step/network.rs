//! Addresses on the bridge, and the wireless card.
//!
//! The image has the bridge and puts every cable into it; what differs from
//! machine to machine is said here, in files of their own beside the image's.

use std::fmt::Write as _;
use std::path::Path;

use super::machine::Machine;
use super::outcome::{Outcome, done, skipped};
use crate::first_boot::error::FirstBootError;
use crate::first_boot::settings::{Lan, Settings, Wifi, WifiSecret};
use crate::sys::file::FileError;
use crate::sys::program::{self, LIMIT};
use crate::task::crash_point;

const BRIDGE: &str = "/etc/systemd/network/20-conpaas0.network.d/50-first-boot.conf";
const WIRELESS: &str = "/etc/systemd/network/40-wlan0.network";
const SUPPLICANT: &str = "/etc/wpa_supplicant/wpa_supplicant-wlan0.conf";
/// Started whenever there is such a card; a machine without one waits for nothing.
const WANTED_BY_CARD: &str =
    "/etc/systemd/system/sys-subsystem-net-devices-wlan0.device.wants/wpa_supplicant@wlan0.service";
const SUPPLICANT_UNIT: &str = "/lib/systemd/system/wpa_supplicant@.service";

pub(crate) fn ensure(machine: &Machine) -> Result<Outcome, FirstBootError> {
    machine.place.write(BRIDGE, &bridge(&machine.settings), 0o644)?;
    let plan = &machine.settings.plan;
    let lan = match &machine.settings.lan {
        Lan::Dhcp => "one by DHCP".to_owned(),
        Lan::Fixed { address, .. } => address.to_string(),
    };
    done(format!("addresses {} and {lan}; containers {} to {}", plan.own, plan.first_container, plan.last_container))
}

/// Writes the bridge's addresses. The image's own file names none: what it names cannot be taken back here.
fn bridge(settings: &Settings) -> String {
    let plan = &settings.plan;
    let mut text = format!(
        "# Written by the first boot of ConPaaS from what it was told.\n[Network]\nAddress={}/{}\n",
        plan.own,
        plan.network.prefix()
    );
    let mut add = |key: &str, value: &dyn std::fmt::Display| {
        let _a_string_takes_all = writeln!(text, "{key}={value}");
    };
    if let Lan::Fixed { address, network, gateway } = &settings.lan {
        add("DHCP", &"no");
        if *address != plan.own {
            add("Address", &format!("{address}/{}", network.prefix()));
        }
        if let Some(gateway) = gateway {
            add("Gateway", gateway);
        }
    }
    for server in &settings.dns {
        add("DNS", server);
    }
    text
}

pub(crate) async fn ensure_wifi(machine: &Machine) -> Result<Outcome, FirstBootError> {
    let Some(wifi) = &machine.settings.wifi else {
        return skipped("no wireless network is named");
    };
    machine.place.write(WIRELESS, WIRELESS_TEXT, 0o644)?;
    crash_point("first-boot.wifi.network");
    machine.place.write(SUPPLICANT, &supplicant(wifi, machine.settings.wifi_country.as_deref()), 0o600)?;
    crash_point("first-boot.wifi.supplicant");
    let link = machine.place.path(WANTED_BY_CARD);
    ensure_link(Path::new(SUPPLICANT_UNIT), &link)?;
    if machine.place.is_live() {
        program::run("systemctl", &["daemon-reload"], LIMIT).await?;
        if Path::new("/sys/class/net/wlan0").exists() {
            program::run("systemctl", &["--no-block", "start", "wpa_supplicant@wlan0.service"], LIMIT).await?;
        }
    }
    done("the wireless network is joined where there is a wireless card")
}

const WIRELESS_TEXT: &str = "# Written by the first boot of ConPaaS.\n[Match]\nName=wlan0\n\n[Link]\nRequiredForOnline=no\n\n\
[Network]\nDHCP=ipv4\nIPv6AcceptRA=yes\n\n[DHCPv4]\nUseHostname=no\nUseNTP=no\n# A cable is preferred.\nRouteMetric=2048\n\n\
[IPv6AcceptRA]\nRouteMetric=2048\n";

/// Writes the network with its name as hexadecimal digits, in which nothing has a meaning of its own.
fn supplicant(wifi: &Wifi, country: Option<&str>) -> String {
    let mut text =
        String::from("# Written by the first boot of ConPaaS.\nctrl_interface=DIR=/run/wpa_supplicant GROUP=netdev\n");
    let mut add = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    if let Some(country) = country {
        add(&format!("country={country}"));
    }
    let name: String = wifi.name.iter().map(|byte| format!("{byte:02x}")).collect();
    add("network={");
    add(&format!("\tssid={name}"));
    if wifi.is_hidden {
        add("\tscan_ssid=1");
    }
    match &wifi.secret {
        None => add("\tkey_mgmt=NONE"),
        Some(secret) => {
            // Networks of the second and of the third generation of WPA, and those that are both.
            add("\tkey_mgmt=WPA-PSK SAE");
            add("\tieee80211w=1");
            // Between quotes the program takes everything up to the last quote of the line.
            add(&match secret {
                WifiSecret::Passphrase(passphrase) => format!("\tpsk=\"{passphrase}\""),
                WifiSecret::Key(key) => format!("\tpsk={key}"),
            });
        }
    }
    add("}");
    text
}

fn ensure_link(target: &Path, path: &Path) -> Result<(), FileError> {
    if let Some(directory) = path.parent() {
        crate::sys::file::ensure_directory(directory)?;
    }
    match std::os::unix::fs::symlink(target, path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map_err(|source| FileError::new("make the link", path, source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::first_boot::settings::{read, resolve};

    fn settings(text: &str) -> Settings {
        resolve(&[read("t", text.as_bytes()).0], &mut Vec::new())
    }

    #[test]
    fn the_bridge_has_the_machines_address_and_one_of_the_house() {
        let text = bridge(&settings("network = 10.1.2.0/24\nnumber = 12\ndns = 9.9.9.9 fd00::1\n"));
        assert!(text.ends_with("[Network]\nAddress=10.1.2.12/24\nDNS=9.9.9.9\nDNS=fd00::1\n"), "{text}");
        let text = bridge(&settings("address = 192.168.1.5/24\ngateway = 192.168.1.1\n"));
        let end = "Address=172.16.0.11/24\nDHCP=no\nAddress=192.168.1.5/24\nGateway=192.168.1.1\n";
        assert!(text.ends_with(end), "{text}");
        let text = bridge(&settings("address = 172.16.0.11/24\ngateway = 172.16.0.1\n"));
        assert!(text.ends_with("[Network]\nAddress=172.16.0.11/24\nDHCP=no\nGateway=172.16.0.1\n"), "{text}");
    }

    #[test]
    fn nothing_in_a_name_or_passphrase_becomes_an_option() {
        let hostile = settings("wifi_name = a\"} country=XX\nwifi_password = p\"}#psk=x\\n\nwifi_country = de\n");
        let text = supplicant(hostile.wifi.as_ref().unwrap(), hostile.wifi_country.as_deref());
        let name: String = "a\"} country=XX".bytes().map(|byte| format!("{byte:02x}")).collect();
        let network = format!(
            "country=DE\nnetwork={{\n\tssid={name}\n\tkey_mgmt=WPA-PSK SAE\n\tieee80211w=1\n\tpsk=\"p\"}}#psk=x\\n\"\n}}\n"
        );
        assert!(text.ends_with(&network), "{text}");
        let open = settings("wifi_name = x\nwifi_hidden = yes\n");
        let text = supplicant(open.wifi.as_ref().unwrap(), None);
        assert!(text.ends_with("network={\n\tssid=78\n\tscan_ssid=1\n\tkey_mgmt=NONE\n}\n"), "{text}");
        let key = settings(&format!("wifi_name = x\nwifi_password = {}\n", "aB".repeat(32)));
        assert!(supplicant(key.wifi.as_ref().unwrap(), None).contains(&format!("\tpsk={}\n", "ab".repeat(32))));
    }
}
