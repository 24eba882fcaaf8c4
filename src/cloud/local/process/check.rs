//! Whether this machine can run nodes as plain programs, and what to do if not.

use super::settings::{DISK_RESERVE, ProcessSettings};
use crate::model::Finding;
use crate::sys::file;

/// Everything that was looked at. Blocking.
pub(crate) fn findings(settings: &ProcessSettings) -> Vec<Finding> {
    let mut found = Vec::new();
    found.push(if settings.program.is_file() {
        Finding::good(format!("{} is there", settings.program.display()))
    } else {
        Finding::bad(format!("{} is missing", settings.program.display()), "install the program again")
    });
    for port in [settings.manager_port, settings.agent_port] {
        if port < 1024 && !nix::unistd::geteuid().is_root() {
            let text = format!("port {port} needs root");
            found.push(Finding::bad(text, "choose a port above 1023, or run as root"));
        }
    }
    found.push(match file::free_bytes(&settings.state_directory) {
        Ok(free) if free < 2 * DISK_RESERVE => {
            Finding::bad(format!("only {} MB of disk are free", free >> 20), "remove volumes or add disk")
        }
        Ok(free) => Finding::good(format!("{} MB of disk are free", free >> 20)),
        Err(error) => Finding::bad(error.to_string(), "make the state directory"),
    });
    let text = "nodes are plain programs: no limits, no isolation".to_owned();
    found.push(Finding::warning(text, "use DRIVER = lxc for other people's programs"));
    found
}
