//! Whether this machine can run containers, and what to do if not.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::cgroup::Cgroups;
use super::settings::{LxcSettings, Nat, Privilege};
use super::{liblxc, network};
use crate::model::{Finding, Verdict};
use crate::sys::{blocking, file, program};

/// Everything that was looked at.
pub(crate) async fn findings(settings: Arc<LxcSettings>) -> Vec<Finding> {
    let mut found = Vec::new();
    found.push(root());
    found.push(good(format!("liblxc {}", liblxc::version())));
    let of_machine = Arc::clone(&settings);
    found.extend(
        blocking(move || {
            let mut found = cgroups();
            found.push(base(&of_machine));
            found.push(walkable(&of_machine));
            found.push(disk(&of_machine));
            found.extend(id_map(&of_machine));
            found
        })
        .await,
    );
    found.push(program_runs(&settings).await);
    found.extend(tools(&settings).await);
    found.push(if network::exists(&settings) {
        good(format!("bridge {} is there", settings.bridge))
    } else {
        finding(
            Verdict::Warning,
            format!("bridge {} is not there yet", settings.bridge),
            "the director makes it with its first node",
        )
    });
    found
}

fn root() -> Finding {
    if nix::unistd::geteuid().is_root() {
        good("running as root".to_owned())
    } else {
        bad("not running as root".to_owned(), "run the director as root, or use a cloud with DRIVER = process")
    }
}

fn cgroups() -> Vec<Finding> {
    let cgroups = match Cgroups::of_this_machine() {
        Ok(cgroups) => cgroups,
        Err(error) => return vec![bad(format!("control groups: {error}"), "mount /proc")],
    };
    let controller = |name: &str| cgroups.version_of(name).is_some();
    let memory = if controller("memory") {
        good("control group memory: limits work".to_owned())
    } else {
        bad(
            "control group memory is off: nodes would have no memory limit".to_owned(),
            "add 'cgroup_enable=memory' to the line in /boot/firmware/cmdline.txt (or the kernel's command line) and reboot",
        )
    };
    let mut found = vec![memory];
    for name in ["cpu", "pids"] {
        found.push(if controller(name) {
            good(format!("control group {name}: limits work"))
        } else {
            finding(
                Verdict::Warning,
                format!("control group {name} is missing: that limit is not set"),
                "mount cgroup2 on /sys/fs/cgroup",
            )
        });
    }
    found
}

fn base(settings: &LxcSettings) -> Finding {
    let base = &settings.root_file_system;
    let wanted = [super::plan::PROGRAM_INSIDE, "bin/sh", "etc/passwd"];
    match wanted.iter().find(|file| !base.join(file).exists()) {
        None => good(format!("root file system {} is there", base.display())),
        Some(missing) => bad(
            format!("root file system {} has no {missing}", base.display()),
            &format!("build it: conpaas image build services --to {}", base.display()),
        ),
    }
}

/// The program is run in the base's own libraries, as it will be in a node.
async fn program_runs(settings: &LxcSettings) -> Finding {
    let base = &settings.root_file_system;
    let text = format!("{} with the libraries of {}", settings.program.display(), base.display());
    // The dynamic loader lists what the program needs without running it.
    let script = "mount --bind \"$1\" \"$2/usr/sbin/conpaas\" && exec chroot \"$2\" /usr/sbin/conpaas --version";
    let arguments = ["--mount", "--propagation", "private", "sh", "-c", script, "sh"].map(std::ffi::OsStr::new);
    let arguments: Vec<_> = arguments.into_iter().chain([settings.program.as_os_str(), base.as_os_str()]).collect();
    match program::run("unshare", &arguments, Duration::from_secs(20)).await {
        Ok(_) => good(format!("runs {text}")),
        Err(error) => bad(
            format!("cannot run {text}: {}", crate::sys::chain(&error)),
            "build the root file system and the program for the same Debian release and architecture",
        ),
    }
}

fn walkable(settings: &LxcSettings) -> Finding {
    let directory = &settings.state_directory;
    let is_open = |path: &Path| path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0);
    match directory.ancestors().skip(1).find(|path| !is_open(path)) {
        Some(closed) if settings.privilege != Privilege::Privileged => bad(
            format!("{} is closed to the nodes' root, and {} is in it", closed.display(), directory.display()),
            &format!("chmod o+x {}, or choose a state directory elsewhere", closed.display()),
        ),
        _ => good(format!("state directory {}", directory.display())),
    }
}

fn disk(settings: &LxcSettings) -> Finding {
    match file::free_bytes(&settings.state_directory) {
        Ok(free) if free < 512 << 20 => bad(
            format!("only {} MB are free in {}", free >> 20, settings.state_directory.display()),
            "remove volumes or add disk",
        ),
        Ok(free) => good(format!("{} MB are free in {}", free >> 20, settings.state_directory.display())),
        Err(error) => bad(error.to_string(), "make the state directory"),
    }
}

/// Where newuidmap is installed liblxc uses it, and it asks /etc/subuid even for root.
fn id_map(settings: &LxcSettings) -> Option<Finding> {
    let Privilege::Unprivileged(map) = settings.privilege else {
        return Some(finding(
            Verdict::Warning,
            "nodes are privileged: root in a node is root here".to_owned(),
            "use unprivileged nodes unless a program needs this",
        ));
    };
    if !["/usr/bin/newuidmap", "/bin/newuidmap"].iter().any(|path| Path::new(path).exists()) {
        return Some(good(format!("ids {}:{} for nodes", map.first, map.count)));
    }
    let line = format!("root:{}:{}", map.first, map.count);
    let lacking = ["/etc/subuid", "/etc/subgid"].into_iter().find(|path| {
        let text = file::read_text(Path::new(path)).unwrap_or_default();
        !text.lines().any(|found| covers(found, map.first, map.count))
    });
    Some(match lacking {
        None => good(format!("ids {}:{} for nodes, granted in /etc/subuid and /etc/subgid", map.first, map.count)),
        Some(path) => bad(
            format!("{path} does not grant root the ids {}:{}", map.first, map.count),
            &format!("echo {line} >> {path}"),
        ),
    })
}

/// Whether a line `user:first:count` grants root the ids.
fn covers(line: &str, first: u32, count: u32) -> bool {
    let mut words = line.trim().split(':');
    let is_root = matches!(words.next(), Some("root" | "0"));
    let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
    match (number(), number()) {
        (Some(from), Some(many)) => {
            is_root && from <= u64::from(first) && u64::from(first) + u64::from(count) <= from + many
        }
        _ => false,
    }
}

async fn tools(settings: &LxcSettings) -> Vec<Finding> {
    let mut wanted = vec![
        ("ip", "-V", "iproute2"),
        ("losetup", "-V", "mount"),
        ("mkfs.ext4", "-V", "e2fsprogs"),
        ("e2fsck", "-V", "e2fsprogs"),
    ];
    if settings.nat == Nat::On {
        wanted.push(("nft", "--version", "nftables"));
    }
    let mut found = Vec::new();
    for (tool, argument, package) in wanted {
        found.push(match program::run(tool, &[argument], Duration::from_secs(10)).await {
            Ok(_) => good(format!("{tool} is there")),
            Err(error) => bad(error.to_string(), &format!("apt-get install {package}")),
        });
    }
    found
}

fn good(text: String) -> Finding {
    finding(Verdict::Good, text, "")
}

fn bad(text: String, remedy: &str) -> Finding {
    finding(Verdict::Bad, text, remedy)
}

fn finding(verdict: Verdict, text: String, remedy: &str) -> Finding {
    Finding { verdict, text, remedy: remedy.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_of_ids_must_cover_all_of_them() {
        assert!(covers("root:100000:65536", 100_000, 65_536));
        assert!(covers("root:65536:1000000", 100_000, 65_536));
        assert!(!covers("root:100000:65535", 100_000, 65_536));
        assert!(!covers("lxd:100000:65536", 100_000, 65_536));
        assert!(!covers("", 100_000, 65_536));
    }
}
