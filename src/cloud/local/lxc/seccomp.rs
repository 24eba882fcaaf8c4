//! The system calls that no node may make.

use std::path::{Path, PathBuf};

use super::liblxc;
use crate::sys::file::{self, FileError};

/// In liblxc's own form. They load code into the kernel or reach files past
/// every mount, which not even root in a privileged node may do. Written by
/// the program itself, because the profile that comes with Debian's `lxc` is
/// missing where liblxc is part of the program.
const PROFILE: &str = "2
denylist
reject_force_umount
[all]
kexec_load errno 1
kexec_file_load errno 1
open_by_handle_at errno 1
init_module errno 1
finit_module errno 1
delete_module errno 1
";

/// Where the profile is, if liblxc can use one. Writes it only when it is not there as it should be.
pub(crate) fn ensure_profile(state_directory: &Path) -> Result<Option<PathBuf>, FileError> {
    if !liblxc::knows("lxc.seccomp.profile") {
        return Ok(None);
    }
    let path = state_directory.join("seccomp");
    if !file::read(&path).is_ok_and(|found| found == PROFILE.as_bytes()) {
        file::write_atomic(&path, PROFILE.as_bytes(), 0o644)?;
    }
    Ok(Some(path))
}
