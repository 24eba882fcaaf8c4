//! What programs in the node are told of the machine: as much of it as the node may use.
//!
//! The kernel keeps limits, and yet `/proc/meminfo`, `/proc/cpuinfo` and `/sys/devices/system/cpu/online` tell of the
//! whole machine in every container. Here they are covered by files of the node. What its maker covered already,
//! with lxcfs, stays as it is. Without a limit so does the kernel's own file.
//!
//! # Guarantees
//! - The machine reads none of these files. Root in the node can change them, and misleads its own programs only.
//! - What is read again and again is opened once, before any program of the node runs, so none can put a trap there.
//!
//! # Caveats
//! - `/proc/stat`, `/proc/loadavg` and `/proc/uptime` stay the machine's, and so does the load that `top` shows.

mod cover;
mod cpuinfo;
mod meminfo;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Instant;

use crate::sys::processors::Processors;
use cover::{cover, is_covered, make_read_only};
use meminfo::{CONTROL_GROUPS, Meminfo};

const PROCESSORS_ONLINE: &str = "/sys/devices/system/cpu/online";

/// More than the table of any machine's processors.
const MAX_BYTES: u64 = 4 << 20;

/// What must be written again from time to time.
pub(crate) struct Limits(Option<Meminfo>);

impl Limits {
    /// Covers the kernel's files, and returns a sentence for each that it could not.
    pub(crate) fn show() -> (Limits, Vec<String>) {
        let mut complaints = Vec::new();
        let mut complain = |what: &str, error: io::Error| complaints.push(format!("cannot show {what}: {error}"));
        if let Err(error) = close_control_groups() {
            complain("the control groups read-only", error);
        }
        if let Err(error) = show_processors() {
            complain("the node's own processors", error);
        }
        let meminfo = Meminfo::show().unwrap_or_else(|error| {
            complain("the node's own memory", error);
            None
        });
        (Limits(meminfo), complaints)
    }

    /// When to call [`Limits::refresh`] again.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.0.as_ref().map(Meminfo::due)
    }

    /// Writes what has changed, if it is time to.
    pub(crate) fn refresh(&mut self) {
        if let Some(meminfo) = &mut self.0
            && meminfo.due() <= Instant::now()
            && let Err(error) = meminfo.refresh()
        {
            eprintln!("init: {} stays as it is from now on: {error}", meminfo::MEMINFO);
            self.0 = None;
        }
    }
}

/// liblxc mounts each group read-only, in a directory that is not.
fn close_control_groups() -> io::Result<()> {
    let directory = Path::new(CONTROL_GROUPS);
    if is_covered(directory)? { Ok(make_read_only(directory)?) } else { Ok(()) }
}

/// Programs count processors in three ways. The first, what they may run on, needs no help.
fn show_processors() -> io::Result<()> {
    let Ok(online) = read(Path::new(PROCESSORS_ONLINE))?.parse::<Processors>() else { return Ok(()) };
    let own = Processors::of_this_process()?;
    if own.0.len() >= online.0.len() {
        return Ok(());
    }
    let cpuinfo = Path::new("/proc/cpuinfo");
    if !is_covered(cpuinfo)? {
        cover(cpuinfo, "cpuinfo", &cpuinfo::of(&own, &read(cpuinfo)?))?;
    }
    let online = Path::new(PROCESSORS_ONLINE);
    if !is_covered(online)? {
        cover(online, "online", &format!("{own}\n"))?;
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
}
