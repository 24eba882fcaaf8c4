//! The machine's host name, machine id and keyboard.

use super::machine::Machine;
use super::outcome::{Outcome, done};
use crate::first_boot::error::FirstBootError;
use crate::sys::file;
use crate::sys::program::{self, LIMIT};
use crate::task::crash_point;

const MACHINE_ID: &str = "/etc/machine-id";

pub(crate) async fn ensure(machine: &Machine) -> Result<Outcome, FirstBootError> {
    let name = &machine.settings.hostname;
    machine.place.write("/etc/hostname", &format!("{name}\n"), 0o644)?;
    crash_point("first-boot.names.hostname");
    let before = file::read_text(&machine.place.path("/etc/hosts")).unwrap_or_default();
    machine.place.write("/etc/hosts", &hosts(&before, name), 0o644)?;
    if machine.place.is_live() {
        nix::unistd::sethostname(name)
            .map_err(|errno| FirstBootError::Kernel { action: "set the host name", source: errno.into() })?;
    }
    ensure_machine_id(machine).await?;
    if let Some(layout) = &machine.settings.keyboard {
        let text = format!(
            "XKBMODEL=\"pc105\"\nXKBLAYOUT=\"{layout}\"\nXKBVARIANT=\"\"\nXKBOPTIONS=\"\"\nBACKSPACE=\"guess\"\n"
        );
        machine.place.write("/etc/default/keyboard", &text, 0o644)?;
    }
    done(format!("this is {name}, found as {}", machine.local_name()))
}

/// Returns the same table with this machine's own line.
fn hosts(before: &str, name: &str) -> String {
    let own = format!("127.0.1.1 {name}.local {name}");
    let is_own = |line: &str| line.split_whitespace().next() == Some("127.0.1.1");
    let mut lines: Vec<&str> = before.lines().filter(|line| !is_own(line)).collect();
    if !lines.iter().any(|line| line.split_whitespace().next() == Some("127.0.0.1")) {
        lines.insert(0, "127.0.0.1 localhost");
    }
    lines.push(&own);
    lines.join("\n") + "\n"
}

/// systemd makes one when it starts; it is made here only where it could not.
async fn ensure_machine_id(machine: &Machine) -> Result<(), FirstBootError> {
    let text = file::read_text(&machine.place.path(MACHINE_ID)).unwrap_or_default();
    let is_good = text.trim().len() == 32 && text.trim().chars().all(|c| c.is_ascii_hexdigit());
    if is_good {
        return Ok(());
    }
    let root = format!("--root={}", machine.place.root().display());
    program::run("systemd-machine-id-setup", &[root], LIMIT).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::hosts;

    #[test]
    fn the_own_line_takes_the_place_of_older_ones() {
        let before = "127.0.0.1 localhost\n127.0.1.1 old.local old\n# mine\n192.168.1.9 printer\n";
        let after = "127.0.0.1 localhost\n# mine\n192.168.1.9 printer\n127.0.1.1 attic.local attic\n";
        assert_eq!(hosts(before, "attic"), after);
        assert_eq!(hosts(after, "attic"), after);
        assert_eq!(hosts("", "attic"), "127.0.0.1 localhost\n127.0.1.1 attic.local attic\n");
    }
}
