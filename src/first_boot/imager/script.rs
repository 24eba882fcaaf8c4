//! `firstrun.sh`: what an Imager that was not told an image's format writes.
//!
//! It calls two programs of Raspberry Pi OS with its settings as words. Those
//! calls are read; the script is not run.

use super::found::Found;

const CUSTOM: &str = "/usr/lib/raspberrypi-sys-mods/imager_custom";
const USERCONF: &str = "/usr/lib/userconf-pi/userconf";

pub(crate) fn read(text: &str, found: &mut Found) {
    let calls =
        text.lines().filter(|line| [CUSTOM, USERCONF].iter().any(|program| line.trim_start().starts_with(program)));
    let (mut is_known, mut ignored) = (false, Vec::new());
    for line in calls {
        let words = shlex::split(line).unwrap_or_default();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if call(&words, found) {
            is_known = true;
        } else {
            let name = words.get(1).filter(|_| words[0] == CUSTOM).unwrap_or(&"a line that is cut off");
            ignored.push(name.chars().filter(|c| !c.is_control()).take(40).collect());
        }
    }
    if is_known {
        found.ignore(&ignored);
    } else {
        found.complain("is not a script of Raspberry Pi Imager: it is never run; use conpaas.txt");
    }
}

/// Takes the settings of one call, and returns whether the call was understood.
fn call(words: &[&str], found: &mut Found) -> bool {
    match words {
        [USERCONF, name, rest @ ..] => {
            found.add("user", *name);
            found.add("password_hash", rest.first().copied().unwrap_or_default());
        }
        [CUSTOM, "set_hostname", name] => found.add("hostname", *name),
        [CUSTOM, "enable_ssh", "-k", keys @ ..] => keys.iter().for_each(|key| found.add("ssh_key", *key)),
        [CUSTOM, "enable_ssh"] => found.add("ssh_password", "yes"),
        [CUSTOM, "set_wlan", rest @ ..] => wlan(rest, found),
        [CUSTOM, "set_keymap", layout] => found.add("keyboard", *layout),
        [CUSTOM, "set_timezone", zone] => found.add("timezone", *zone),
        _ => return false,
    }
    true
}

fn wlan(words: &[&str], found: &mut Found) {
    let (options, values): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| ["-h", "-p"].contains(*word));
    if options.contains(&"-h") {
        found.add("wifi_hidden", "yes");
    }
    for (key, value) in ["wifi_name", "wifi_password", "wifi_country"].into_iter().zip(values) {
        found.add(key, value);
    }
}
