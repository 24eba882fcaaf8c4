//! Time servers and time zone.

use std::path::{Path, PathBuf};

use super::machine::Machine;
use super::outcome::{Outcome, done};
use crate::clock::chrony_conf;
use crate::first_boot::error::FirstBootError;
use crate::sys::file::FileError;
use crate::task::crash_point;

/// The directory of Debian's time zones.
pub(crate) const ZONES: &str = "/usr/share/zoneinfo";

/// Returns the name of a zone as the directory spells it: capitals do not matter to people.
pub(crate) fn find_zone(zones: &Path, zone: &str) -> Option<String> {
    if zones.join(zone).is_file() {
        return Some(zone.to_owned());
    }
    let mut found = PathBuf::new();
    for part in zone.split('/') {
        let names = std::fs::read_dir(zones.join(&found)).ok()?.flatten().map(|entry| entry.file_name());
        let same = names.into_iter().find(|name| name.to_string_lossy().eq_ignore_ascii_case(part))?;
        found.push(same);
    }
    zones.join(&found).is_file().then(|| found.to_string_lossy().into_owned())
}

pub(crate) fn ensure(machine: &Machine) -> Result<Outcome, FirstBootError> {
    let settings = &machine.settings;
    let networks = if machine.has_director() { vec![settings.plan.network] } else { Vec::new() };
    machine.place.write("/etc/chrony/conf.d/conpaas.conf", &chrony_conf(&settings.time_servers, &networks)?, 0o644)?;
    crash_point("first-boot.time.chrony");
    let zone = &settings.timezone;
    let file = machine.place.path(ZONES).join(zone);
    if file.is_file() {
        link(&Path::new(ZONES).join(zone), &machine.place.path("/etc/localtime"))?;
        machine.place.write("/etc/timezone", &format!("{zone}\n"), 0o644)?;
    }
    done(format!("{zone}; asks {}", settings.time_servers.join(", ")))
}

/// Puts a link in the place of whatever is there, whole or not at all.
fn link(target: &Path, path: &Path) -> Result<(), FileError> {
    if std::fs::read_link(path).is_ok_and(|found| found == target) {
        return Ok(());
    }
    let temporary = path.with_extension("new");
    crate::sys::file::ensure_absent(&temporary)?;
    let made = std::os::unix::fs::symlink(target, &temporary).and_then(|()| std::fs::rename(&temporary, path));
    made.map_err(|source| FileError::new("make the link", path, source))
}
