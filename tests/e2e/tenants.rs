//! Who is root in a node against what the kernel counts and shares: he takes
//! all that he can get, and neighbours and the machine keep theirs.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use conpaas::cloud::local::lxc::LxcCloud;
use conpaas::cloud::{Cloud, ContextFile, NodeSpec, VolumeSpec};
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, mkdirat};

use super::world;
use crate::support::control_groups::groups;
use crate::support::wait::wait_until;

/// Takes something in children of many users, in namespaces of their own and not, and says how many there were.
/// They hold it until nobody reads their output any more.
const TAKE: &str = r#"
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
kind = sys.argv[1]
def take():
    if kind == 'inotify': return libc.inotify_init()
    if kind == 'network': return libc.unshare(0x40000000)
    if kind == 'pipe': os.pipe(); return 0
os.system('mount -o remount,rw /proc/sys 2>/dev/null; for f in /proc/sys/user/max_*; do echo 90000 > $f; done 2>/dev/null')
count = 0
r, w = os.pipe()
for user in range(40):
    back_r, back_w = os.pipe()
    if os.fork() == 0:
        os.close(back_r)
        if user % 3 == 1 and kind != 'network': os.setuid(user)
        if user % 3 == 2: libc.unshare(0x10000000)
        got = 0
        for _ in range(1 if kind == 'network' else 100):
            try:
                if take() < 0: break
            except OSError: break
            got += 1
        os.write(back_w, b'%d' % got)
        os.close(back_w)
        os.close(w)
        os.read(r, 1)
        os._exit(0)
    os.close(back_w)
    count += int(os.read(back_r, 9) or b'0')
print(count, flush=True)
open('/tmp/holding', 'w').close()
while os.path.exists('/tmp/holding'): time.sleep(0.02)
"#;

/// System calls as programs of other architectures make them: 64 bits, and 32 by interrupt 0x80.
const CALL: &str = r#"
import ctypes, mmap, platform, sys
libc = ctypes.CDLL(None, use_errno=True)
native = {'x86_64': (248, 249, 250, 425, 298), 'aarch64': (217, 218, 219, 425, 241), 'armv7l': (309, 310, 311, 425, 364)}
for number in native[platform.machine()]:
    if libc.syscall(number, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() not in (1, 38): print('allowed', number)
if platform.machine() == 'x86_64':
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(b'\x53\x89\xf8\x31\xdb\x31\xc9\x31\xd2\x31\xf6\x31\xff\xcd\x80\x5b\xc3')
    call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    assert call(20) > 0, 'getpid'
    for number in (286, 287, 288, 425, 336):
        if call(number) not in (-1, -38): print('allowed with 32 bits', number)
print('done')
"#;

#[test]
fn system_calls_that_no_node_may_make_are_refused_on_all_architectures() {
    world::inside(
        "e2e::tenants::system_calls_that_no_node_may_make_are_refused_on_all_architectures",
        |state| async move {
            // Whoever enters a node from outside is not filtered, so its first process makes the calls.
            let program = state.join("program");
            let script = format!(
                "#!/bin/sh\ncase $1 in lxc-*) exec {} \"$@\";; esac\ntrap 'exit 0' TERM\n\
             python3 /root/call > /root/said 2>&1; mv /root/said /root/answer\nsleep 600 & wait\n",
                env!("CARGO_BIN_EXE_conpaas")
            );
            fs::write(&program, script).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            let mut settings = world::settings(&state);
            settings.program = program;
            let cloud = world::cloud(settings);
            let call = ContextFile { path: "/root/call".into(), mode: 0o600, content: CALL.as_bytes().to_vec() };
            let spec = NodeSpec { context: world::files(vec![call]), ..world::agent("a") };
            cloud.ensure_node(&spec).await.unwrap();
            let answer = state.join("cloud/nodes/a/root/root/answer");
            assert_eq!(wait_until("it has answered", || fs::read_to_string(&answer).ok()), "done\n");
            cloud.remove_node(&spec.tag).await.unwrap();
        },
    );
}

#[test]
fn what_the_kernel_counts_is_each_nodes_own() {
    world::inside("e2e::tenants::what_the_kernel_counts_is_each_nodes_own", |state| async move {
        let cloud = world::cloud(world::settings(&state));
        let taker = cloud.ensure_node(&world::agent("a")).await.unwrap().vmid;
        let neighbour = cloud.ensure_node(&world::agent("b")).await.unwrap().vmid;
        let first = |vmid: &str| fs::read_to_string(format!("/proc/{}/uid_map", world::init_pid(vmid))).unwrap();
        assert_ne!(first(&taker), first(&neighbour), "they have no id in common");
        fs::write(state.join("cloud/nodes/a/root/tmp/take"), TAKE).unwrap();
        let limits = "awk '/open files/ { print $4, $5 }' /proc/1/limits";
        assert_eq!(world::run_in(&taker, limits).1, "4096 4096");

        for (kind, limit, here) in
            [("inotify", 128, HERE), ("network", 16, "unshare -n true && echo 1"), ("pipe", 4000, SIZE)]
        {
            let (node, command) = (taker.clone(), format!("python3 /tmp/take {kind}"));
            let taking = std::thread::spawn(move || world::run_in(&node, &command));
            let holding = state.join("cloud/nodes/a/root/tmp/holding");
            wait_until("it has taken what it can", || (holding.exists() || taking.is_finished()).then_some(()));
            let of_neighbour = world::run_in(&neighbour, here);
            let of_machine = Command::new("sh").args(["-c", here]).output().unwrap();
            fs::remove_file(&holding).unwrap();
            let (_, taken) = taking.join().unwrap();
            let taken: u32 = taken.parse().unwrap_or_else(|_| panic!("{kind}: {taken}"));
            assert!((5..=limit).contains(&taken), "{kind}: {taken} were taken");
            let wanted = if kind == "inotify" {
                "50"
            } else if kind == "pipe" {
                "65536"
            } else {
                "1"
            };
            assert_eq!(of_neighbour.1, wanted, "{kind}: the neighbour");
            assert_eq!(String::from_utf8_lossy(&of_machine.stdout).trim(), wanted, "{kind}: the machine");
        }
        for node in ["a", "b"] {
            cloud.remove_node(&node.parse().unwrap()).await.unwrap();
        }
        assert_eq!(world::remains(&state), Vec::<String>::new());
    });
}

/// Forks without end; the last is the sign that it has begun.
const FORK: &str = "import os, sys
for _ in range(3): os.fork()
open('/tmp/forking', 'w').close()
while True:
    try: os.fork()
    except OSError: pass
";

#[test]
fn a_node_that_forks_without_end_keeps_no_other_from_ending() {
    let name = "e2e::tenants::a_node_that_forks_without_end_keeps_no_other_from_ending";
    world::inside(name, |state| async move {
        let cloud = world::cloud(world::settings(&state));
        let forking = cloud.ensure_node(&world::agent("a")).await.unwrap();
        let neighbour = cloud.ensure_node(&world::agent("b")).await.unwrap();
        let pids = world::group(&forking.vmid, "pids").unwrap();
        fs::write(state.join("cloud/nodes/a/root/tmp/fork"), FORK).unwrap();
        // Who enters a node from outside is counted and bounded as its own processes are.
        let enter = "echo $$ > \"$1/cgroup.procs\"; echo $$ > \"$2/cgroup.procs\"
            exec nsenter -t \"$3\" -m -u -i -n -p -U -- python3 /tmp/fork";
        let processor = world::group(&forking.vmid, "cpu").unwrap();
        let init = world::init_pid(&forking.vmid).to_string();
        let words = [pids.as_os_str(), processor.as_os_str(), init.as_ref()];
        let mut child = Command::new("sh").args(["-c", enter, "sh"]).args(words).spawn().unwrap();
        let count = || fs::read_to_string(pids.join("pids.current")).unwrap().trim().parse::<u32>().unwrap();
        wait_until("it has all the processes that it may have", || (count() >= 500).then_some(()));

        let began = Instant::now();
        cloud.remove_node(&neighbour.tag).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        cloud.remove_node(&forking.tag).await.unwrap();
        child.wait().unwrap();
        assert_eq!(world::remains(&state), Vec::<String>::new());
    });
}

/// Fifty inotify instances at once.
const HERE: &str = "python3 -c 'import ctypes
libc = ctypes.CDLL(None)
print(sum(libc.inotify_init() >= 0 for _ in range(50)))'";

/// How much a new pipe holds.
const SIZE: &str = "python3 -c 'import fcntl, os
print(fcntl.fcntl(os.pipe()[0], 1032))'";

#[test]
fn a_volume_has_the_same_owners_in_every_node() {
    world::inside("e2e::tenants::a_volume_has_the_same_owners_in_every_node", |state| async move {
        // A node as they were recorded when all had the same ids.
        let old = state.join("cloud/nodes/old");
        fs::create_dir_all(&old).unwrap();
        let record =
            r#"{"tag": "old", "number": 7, "vmid": "i-00000007", "ip": "172.16.0.99", "role": "agent", "name": "old"}"#;
        fs::write(old.join("node.json"), record).unwrap();
        // liblxc finds a newuidmap that grants nothing.
        let bin = state.join("bin");
        fs::create_dir(&bin).unwrap();
        for name in ["newuidmap", "newgidmap"] {
            fs::write(bin.join(name), "#!/bin/sh\nexit 1\n").unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o4755)).unwrap();
        }
        assert!(
            Command::new("mount")
                .args(["--bind".as_ref(), bin.as_os_str(), "/usr/local/sbin".as_ref()])
                .status()
                .unwrap()
                .success()
        );

        let cloud = world::cloud(world::settings(&state));
        let wanted = VolumeSpec { tag: "v".parse().unwrap(), name: "vol".to_owned(), size_mb: 16, node: None };
        cloud.ensure_volume(&wanted).await.unwrap();
        let mut known = String::new();
        for (number, tag) in ["old", "a", "b", "old"].into_iter().enumerate() {
            let node = cloud.ensure_node(&world::agent(tag)).await.unwrap();
            cloud.attach_volume(&wanted.tag, &node.tag, "sdb").await.unwrap();
            let inside = "cd /run/conpaas/volumes/sdb";
            assert_eq!(
                world::run_in(&node.vmid, &format!("{inside} && stat -c '%n %u %g' . $(ls | grep -v lost)")).1,
                format!(". 0 0{known}")
            );
            let write = format!("{inside} && mkdir {number} && chown 1000:50 {number} && touch {number}/x");
            assert_eq!(world::run_in(&node.vmid, &write), (true, String::new()));
            known += &format!("\n{number} 1000 50");
            is_restarted_with_its_volume(&cloud, tag).await;
            cloud.detach_volume(&wanted.tag).await.unwrap();
        }
        let map = fs::read_to_string(format!("/proc/{}/uid_map", world::init_pid("i-00000007"))).unwrap();
        assert_eq!(map.split_whitespace().collect::<Vec<_>>(), ["0", "100000", "65536"], "an old node keeps its ids");
    });
}

async fn is_restarted_with_its_volume(cloud: &LxcCloud, tag: &str) {
    cloud.stop_node(&tag.parse().unwrap()).await.unwrap();
    let node = cloud.ensure_node(&world::agent(tag)).await.unwrap();
    assert_eq!(world::run_in(&node.vmid, "stat -c %u /run/conpaas/volumes/sdb/0/x").1, "0");
}

#[test]
fn a_node_makes_no_control_groups_and_those_that_one_made_go_with_it() {
    world::inside(
        "e2e::tenants::a_node_makes_no_control_groups_and_those_that_one_made_go_with_it",
        |state| async move {
            let cloud = world::cloud(world::settings(&state));
            let node = cloud.ensure_node(&world::agent("a")).await.unwrap();
            let own = groups(Path::new("/sys/fs/cgroup"), &format!("lxc.payload.{}", world::mark(&state)));
            let attempts = "mkdir -p /tmp/g/1 /tmp/g/2; mount -t cgroup -o memory none /tmp/g/1; mount -t cgroup2 none /tmp/g/2
                mount -o remount,rw /sys/fs/cgroup; for d in $(find /sys/fs/cgroup /tmp/g -type d); do mkdir $d/of-node; done";
            world::run_in(&node.vmid, attempts);
            let below = own.iter().flat_map(|group| fs::read_dir(group).unwrap().flatten());
            let made: Vec<_> =
                below.filter(|entry| entry.file_type().unwrap().is_dir()).map(|entry| entry.path()).collect();
            assert_eq!((own.is_empty(), made), (false, Vec::new()));

            // As a node of before could make them, with a process in the deepest and many beside.
            let group = world::group(&node.vmid, "memory").unwrap();
            let name = "d".repeat(250);
            let mut here = File::open(&group).unwrap();
            for _ in 0..40 {
                mkdirat(&here, name.as_str(), Mode::S_IRWXU).unwrap();
                mkdirat(&here, "beside", Mode::S_IRWXU).unwrap();
                here = openat(&here, name.as_str(), OFlag::O_DIRECTORY, Mode::empty()).unwrap().into();
            }
            let mut deep = Command::new("sleep").arg("600").spawn().unwrap();
            let members: File = openat(&here, "cgroup.procs", OFlag::O_WRONLY, Mode::empty()).unwrap().into();
            (&members).write_all(deep.id().to_string().as_bytes()).unwrap();
            drop((here, members));
            cloud.remove_node(&node.tag).await.unwrap();
            assert_eq!(deep.wait().unwrap().signal(), Some(9));
            assert_eq!(world::remains(&state), Vec::<String>::new());
        },
    );
}
