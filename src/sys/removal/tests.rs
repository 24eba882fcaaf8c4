use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use super::*;

const INSIDE: &str = "CONPAAS_REMOVAL_INSIDE";
const SMALL_STACK_BYTES: usize = 96 * 1024;

/// A chain of directories below `top` that no path can name.
fn dig(top: &Path, n_levels: usize) {
    let mut here = rustix::fs::open(top, DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..n_levels {
        rustix::fs::mkdirat(&here, c"d", Mode::RWXU).unwrap();
        here = rustix::fs::openat(&here, c"d", DIRECTORY, Mode::empty()).unwrap();
    }
    let flags = OFlags::CREATE | OFlags::WRONLY;
    rustix::fs::openat(&here, c"deepest", flags, Mode::RUSR).unwrap();
}

/// Runs the test `name` again, where the shell's `prepare` has changed what surrounds it.
fn again(name: &str, prepare: &str, program: &[&str]) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let (first, rest) = program.split_first().unwrap();
    let script = format!("{prepare} && exec \"$@\"");
    let status = Command::new(first)
        .args(rest)
        .args(["sh", "-c", script.as_str(), "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("sys::removal::tests::{name}"), "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{name} failed inside: {status}");
    false
}

/// Removes on a thread whose stack holds no recursion.
fn remove_with_small_stack(top: &Path) {
    let top = top.to_owned();
    let removing = std::thread::Builder::new().stack_size(SMALL_STACK_BYTES).spawn(move || {
        remove_tree(&top).unwrap();
        assert!(!top.exists());
    });
    removing.unwrap().join().unwrap();
}

#[test]
fn depth_costs_neither_descriptors_nor_stack_nor_time() {
    if !again("depth_costs_neither_descriptors_nor_stack_nor_time", "ulimit -n 64", &["env"]) {
        return;
    }
    // Some disks take milliseconds for each directory that goes.
    let place = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
    let top = place.path().join("top");
    fs::create_dir(&top).unwrap();
    // A directory that was large once is read slowly for ever: a walk must not come back to it.
    for number in 0..30_000 {
        File::create(top.join(format!("{number}-{}", "x".repeat(200)))).unwrap();
    }
    for side in ["a", "b", "c"] {
        fs::create_dir(top.join(side)).unwrap();
        dig(&top.join(side), 20_000);
    }
    let began = std::time::Instant::now();
    remove_with_small_stack(&top);
    let took = began.elapsed();
    assert!(took < std::time::Duration::from_secs(60), "{took:?}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "nothing is left beside it");
}

#[test]
fn names_links_pipes_and_closed_directories_are_removed_and_what_links_name_stays() {
    let place = tempfile::tempdir().unwrap();
    let (top, outside) = (place.path().join("top"), place.path().join("outside"));
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("kept"), "x").unwrap();
    fs::create_dir_all(top.join("a/b/c")).unwrap();
    let name = OsStr::from_bytes(b"\xff\xfe\n");
    fs::create_dir_all(top.join(name).join(name)).unwrap();
    fs::write(top.join(name).join(name).join(name), "x").unwrap();
    for link in ["link", "a/link", "a/b/c/link"] {
        symlink(&outside, top.join(link)).unwrap();
    }
    nix::unistd::mkfifo(&top.join("a/pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    for closed in ["a/b/c", "a/b", "a", ""] {
        fs::set_permissions(top.join(closed), Permissions::from_mode(0o0)).unwrap();
    }
    remove_tree(&top).unwrap();
    remove_tree(&top).unwrap();
    remove_tree(&place.path().join("never/was")).unwrap();
    assert_eq!(fs::read_to_string(outside.join("kept")).unwrap(), "x");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn somebody_who_is_not_root_removes_his_closed_directories() {
    if nix::unistd::geteuid().is_root() {
        let nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
        let name = "somebody_who_is_not_root_removes_his_closed_directories";
        if !again(name, "true", &nobody) {
            return;
        }
    }
    let place = tempfile::tempdir_in("/tmp").unwrap();
    let top = place.path().join("top");
    fs::create_dir_all(top.join("a/b/c")).unwrap();
    fs::write(top.join("a/b/file"), "x").unwrap();
    for closed in ["a/b/c", "a/b", "a", ""] {
        fs::set_permissions(top.join(closed), Permissions::from_mode(0o0)).unwrap();
    }
    fs::set_permissions(place.path(), Permissions::from_mode(0o500)).unwrap();
    assert!(remove_tree(&top).is_err(), "what is above the tree is not opened");
    fs::set_permissions(place.path(), Permissions::from_mode(0o700)).unwrap();
    remove_tree(&top).unwrap();
    assert!(!top.exists());
}

#[test]
fn a_full_disk_and_flags_and_mounts_are_met() {
    meet("a_full_disk_and_flags_and_mounts_are_met", "true");
}

#[test]
fn a_unit_that_filters_calls_keeps_nothing_from_being_removed() {
    let filter = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/without_openat2.py");
    meet("a_unit_that_filters_calls_keeps_nothing_from_being_removed", &format!("set -- python3 '{filter}' \"$@\""));
}

/// Meets them in a test of its own, whose surroundings the shell's `prepare` has changed.
fn meet(name: &str, prepare: &str) {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: only root can mount and set flags");
        return;
    }
    if !again(name, prepare, &["unshare", "--mount", "--propagation", "private"]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let top = place.path().join("top");
    fs::create_dir(&top).unwrap();
    let mount = |options: &[&str], target: &Path| {
        assert!(Command::new("mount").args(options).arg(target).status().unwrap().success());
    };
    // Not one name more fits: directories are emptied where they are.
    let full = top.join("full");
    fs::create_dir(&full).unwrap();
    mount(&["-t", "tmpfs", "-o", "nr_inodes=5010", "tmpfs"], &full);
    fs::create_dir_all(full.join("tree/side/x/y")).unwrap();
    fs::create_dir(full.join("tree/deep")).unwrap();
    dig(&full.join("tree/deep"), 5000);
    while File::create(full.join(format!("filler {}", fs::read_dir(&full).unwrap().count()))).is_ok() {}
    remove_with_small_stack(&full.join("tree"));
    // What is mounted stays, also when it is a part of the same file system.
    let (kept, bound) = (place.path().join("kept"), top.join("a/b/bound"));
    fs::create_dir_all(&bound).unwrap();
    fs::create_dir(&kept).unwrap();
    fs::write(kept.join("file"), "x").unwrap();
    mount(&["--bind", kept.to_str().unwrap()], &bound);
    let error = remove_tree(&top).unwrap_err();
    assert!(error.to_string().contains("mounted"), "{error}");
    assert!(kept.join("file").exists());
    for target in [&full, &bound] {
        let target = find(target.file_name().unwrap(), &top);
        assert!(Command::new("umount").arg(target).status().unwrap().success());
    }
    // Flags are for root to set, and for root to clear.
    for (flag, path) in [("+i", "locked/file"), ("+a", "locked/log"), ("+i", "locked")] {
        fs::create_dir_all(top.join("locked")).unwrap();
        if path != "locked" {
            fs::write(top.join(path), "x").unwrap();
        }
        let set = Command::new("chattr").arg(flag).arg(top.join(path)).status();
        if !set.is_ok_and(|status| status.success()) {
            println!("skipped: this file system has no {flag}");
        }
    }
    remove_tree(&top).unwrap();
    assert!(!top.exists() && kept.join("file").exists());
}

/// A try that failed may have moved what it did not remove.
fn find(name: &OsStr, top: &Path) -> PathBuf {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mut targets = table.lines().filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from);
    targets.find(|target| target.starts_with(top) && target.file_name() == Some(name)).expect("it is mounted")
}
