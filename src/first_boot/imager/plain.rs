//! The files that people put on the FAT partition of Raspberry Pi OS by hand.
//! (`ssh`, which turns SSH on, has nothing to say: it is on.)

use super::found::Found;

/// `userconf.txt`: `name:hash` on one line.
pub(crate) fn userconf(text: &str, found: &mut Found) {
    match text.lines().map(str::trim).find(|line| !line.is_empty()).and_then(|line| line.split_once(':')) {
        Some((name, hash)) => {
            found.add("user", name);
            found.add("password_hash", hash);
        }
        None => found.complain("is not `name:hash of the password` on one line"),
    }
}
