//! Loop devices that go with their last user.
//!
//! The kernel is asked without a program in between: each start of one takes as long as a tenth of a node's start.
#![expect(unsafe_code, reason = "neither std, nix nor rustix has the calls of loop devices")]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::sys::machine;

/// `LOOP_CTL_GET_FREE` and `LOOP_CONFIGURE` of `linux/loop.h`.
const GET_FREE: u32 = 0x4C82;
const CONFIGURE: u32 = 0x4C0A;
/// `LO_FLAGS_AUTOCLEAR`.
const AUTOCLEAR: u32 = 4;
/// How often a device that somebody else took first is let go.
const N_TRIES: usize = 64;

/// `struct loop_info64`.
#[repr(C)]
struct Info {
    numbers: [u64; 5],
    number: u32,
    encryption: [u32; 2],
    flags: u32,
    names: [u8; 160],
    init: [u64; 2],
}

/// `struct loop_config`.
#[repr(C)]
struct Config {
    file: u32,
    block_size: u32,
    info: Info,
    reserved: [u64; 8],
}

/// A loop device. It goes when it is neither held nor mounted any more.
pub(super) struct LoopDevice {
    /// Where it is in the machine.
    pub(super) path: PathBuf,
    /// Keeps it until its file system is mounted.
    _held: File,
}

/// Makes a device of a disk, as this process's machine has it. Blocking.
///
/// # Errors
/// The kernel is older than 5.8, has no loop devices, or none is left.
pub(super) fn make(disk: &Path) -> io::Result<LoopDevice> {
    machine::inside(|| make_here(disk))?
}

fn make_here(disk: &Path) -> io::Result<LoopDevice> {
    let open = |path: &Path| OpenOptions::new().read(true).write(true).open(path);
    let (disk, control) = (open(disk)?, open(Path::new("/dev/loop-control"))?);
    let file = u32::try_from(disk.as_raw_fd()).map_err(io::Error::other)?;
    for _ in 0..N_TRIES {
        // SAFETY: the call takes no argument.
        let number = Errno::result(unsafe { libc::ioctl(control.as_raw_fd(), GET_FREE as _) })?;
        let path = PathBuf::from(format!("/dev/loop{number}"));
        let device = open(&path)?;
        let info =
            Info { numbers: [0; 5], number: 0, encryption: [0; 2], flags: AUTOCLEAR, names: [0; 160], init: [0; 2] };
        let config = Config { file, block_size: 0, info, reserved: [0; 8] };
        // SAFETY: the kernel reads one `loop_config`, of which `Config` has the layout, and keeps no reference to it.
        match Errno::result(unsafe { libc::ioctl(device.as_raw_fd(), CONFIGURE as _, &raw const config) }) {
            Ok(_) => return Ok(LoopDevice { path, _held: device }),
            Err(Errno::EBUSY) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Err(Errno::EBUSY.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_reads_has_its_layout() {
        assert_eq!((size_of::<Info>(), size_of::<Config>()), (232, 304));
        assert_eq!(std::mem::offset_of!(Info, flags), 52);
        assert_eq!(std::mem::offset_of!(Config, info), 8);
    }
}
