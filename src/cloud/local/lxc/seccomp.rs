//! The system calls that no node may make.

use std::path::{Path, PathBuf};

use super::liblxc;
use crate::sys::file::{self, FileError};

/// In liblxc's own form; `[all]` means all architectures whose programs the
/// kernel runs. Written by the program itself, because the profile that comes
/// with Debian's `lxc` is missing where liblxc is part of the program.
///
/// - Keys, and rings of `io_uring`: to programs it looks as if the kernel had
///   none (errno 38), for which all have another way. Keys outlive processes and
///   have one quota for each user; a ring makes system calls that no filter sees.
/// - What loads code into the kernel, reads it, or reaches files past every
///   mount, which not even root in a privileged node may do: not permitted.
///
/// Databases, web servers, Java, PHP, Python, git and sshd use none of them.
const PROFILE: &str = "2
denylist
reject_force_umount
[all]
add_key errno 38
request_key errno 38
keyctl errno 38
io_uring_setup errno 38
io_uring_enter errno 38
io_uring_register errno 38
kexec_load errno 1
kexec_file_load errno 1
open_by_handle_at errno 1
init_module errno 1
finit_module errno 1
delete_module errno 1
bpf errno 1
perf_event_open errno 1
userfaultfd errno 1
lookup_dcookie errno 1
syslog errno 1
acct errno 1
swapon errno 1
swapoff errno 1
quotactl errno 1
quotactl_fd errno 1
iopl errno 1
ioperm errno 1
uselib errno 1
vm86 errno 1
vm86old errno 1
";

/// Where the profile is, if liblxc can use one. Writes it only when it is not there as it should be.
pub(crate) fn ensure_profile(state_directory: &Path) -> Result<Option<PathBuf>, FileError> {
    if !liblxc::knows("lxc.seccomp.profile") {
        return Ok(None);
    }
    let path = state_directory.join("seccomp");
    file::ensure_content(&path, PROFILE.as_bytes(), 0o644)?;
    Ok(Some(path))
}
