//! What a container needs before its role starts and its maker did not give.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::MsFlags;
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket};

use crate::sys::mount;

/// Does all that can be done, and returns a sentence for each thing that could not.
pub(crate) fn boot() -> Vec<String> {
    let mut complaints = Vec::new();
    // The table of mounts is read from /proc, so that one comes first and unasked.
    if !Path::new("/proc/self/stat").exists() {
        complaints.extend(mount_one("/proc", "proc", SAFE, ""));
    }
    for (target, file_system, flags, options) in [
        ("/sys", "sysfs", SAFE.union(MsFlags::MS_RDONLY), ""),
        ("/run", "tmpfs", MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV), "mode=755,size=32m"),
        ("/dev/pts", "devpts", MsFlags::MS_NOSUID.union(MsFlags::MS_NOEXEC), "newinstance,ptmxmode=666,mode=620"),
        ("/dev/shm", "tmpfs", MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV), "mode=1777,size=64m"),
    ] {
        // What the maker mounted stays: volumes are bound below /run.
        if !mount::is_mounted(Path::new(target)).unwrap_or(false) {
            complaints.extend(mount_one(target, file_system, flags, options));
        }
    }
    complaints.extend(directories());
    complaints.extend(host_name());
    complaints.extend(names());
    complaints.extend(loopback_up().err().map(|errno| format!("cannot bring up the loopback interface: {errno}")));
    complaints.extend(network());
    complaints
}

const SAFE: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC);

fn mount_one(target: &str, file_system: &str, flags: MsFlags, options: &str) -> Option<String> {
    let made = fs::create_dir_all(target).map_err(|error| format!("cannot make {target}: {error}"));
    let mounted = made.and_then(|()| {
        nix::mount::mount(Some(file_system), target, Some(file_system), flags, Some(options))
            .map_err(|errno| format!("cannot mount {target}: {errno}"))
    });
    mounted.err()
}

/// `/tmp` stays on the node's disk, where archives are unpacked: in memory it would count against the node's limit.
fn directories() -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, mode) in
        [("/tmp", 0o1777), ("/var/tmp", 0o1777), ("/root", 0o700), ("/media", 0o755), ("/run/lock", 0o1777)]
    {
        if Path::new(path).is_dir() {
            continue;
        }
        let made = fs::create_dir_all(path).and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)));
        complaints.extend(made.err().map(|error| format!("cannot make {path}: {error}")));
    }
    complaints
}

fn host_name() -> Option<String> {
    let wanted = fs::read_to_string("/etc/hostname").unwrap_or_default();
    let wanted = wanted.trim();
    if wanted.is_empty() || nix::unistd::gethostname().is_ok_and(|name| name == wanted) {
        return None;
    }
    nix::unistd::sethostname(wanted).err().map(|errno| format!("cannot set the host name {wanted}: {errno}"))
}

/// Without /etc/hosts some programs ask the network for `localhost`.
fn names() -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, content) in [("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"), ("/etc/resolv.conf", "")] {
        if !Path::new(path).exists() {
            complaints.extend(fs::write(path, content).err().map(|error| format!("cannot write {path}: {error}")));
        }
    }
    complaints
}

/// The network is given from outside; here it is only looked at, for the console's sake.
fn network() -> Option<String> {
    let table = fs::read_to_string("/proc/net/route").unwrap_or_default();
    let has_route = table.lines().skip(1).any(|line| !line.starts_with("lo\t"));
    (!has_route).then(|| "the node has no network: no interface has an address".to_owned())
}

/// Sends `RTM_NEWLINK` with the flag "up" for interface 1, which is always the loopback.
fn loopback_up() -> Result<(), Errno> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let netlink = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
    let up = u32::try_from(libc::IFF_UP).unwrap_or(1).to_ne_bytes();
    let mut message = Vec::with_capacity(32);
    message.extend(32_u32.to_ne_bytes());
    message.extend(libc::RTM_NEWLINK.to_ne_bytes());
    message.extend(u16::try_from(libc::NLM_F_REQUEST | libc::NLM_F_ACK).unwrap_or(5).to_ne_bytes());
    message.extend([0; 8]);
    message.extend([0; 4]);
    message.extend(1_u32.to_ne_bytes());
    message.extend(up);
    message.extend(up);
    sendto(netlink.as_raw_fd(), &message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    let mut answer = [0_u8; 256];
    let length = recv(netlink.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    let code: [u8; 4] =
        answer.get(16..20).filter(|_| length >= 20).and_then(|code| code.try_into().ok()).ok_or(Errno::EPROTO)?;
    match i32::from_ne_bytes(code) {
        0 => Ok(()),
        negative => Err(Errno::from_raw(-negative)),
    }
}
