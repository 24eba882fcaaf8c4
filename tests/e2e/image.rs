//! Images, made for real of few packages: the same bytes twice, and nothing
//! left of a build that fails, is ended or is killed.

use std::collections::BTreeMap;
use std::fs;
use std::hash::Hasher;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::wait::wait_until_within;

const ARCHITECTURE: &str = if cfg!(target_arch = "x86_64") {
    "amd64"
} else if cfg!(target_arch = "aarch64") {
    "arm64"
} else {
    "armhf"
};

/// Packages come over the network, and emulated machines are slow.
const LIMIT: Duration = Duration::from_secs(1200);

/// A directory with recipes of its own and the outputs that are made of them; gone at the end.
struct Workshop {
    directory: tempfile::TempDir,
}

impl Workshop {
    fn new() -> Self {
        assert!(nix::unistd::geteuid().is_root(), "the e2e tests make images and need root");
        let directory = tempfile::Builder::new().prefix("conpaas-image-").tempdir_in("/var/tmp").unwrap();
        let workshop = Workshop { directory };
        let recipe = |about: &str, output: &str| {
            format!(
                "about = \"{about}\"\noutput = \"{output}\"\narchitectures = [\"{ARCHITECTURE}\"]\nsuite = \"bookworm\"\n\
                 variant = \"essential\"\nspace_mb = 600\nparts = [\"few\"]\n"
            )
        };
        workshop.write("parts/few/01-early.overlay/etc/dpkg/dpkg.cfg.d/test", "path-exclude=/usr/share/man/*\n");
        workshop.write("parts/few/10-few.packages", "busybox-static # does not need much\n");
        let control = "Package: of-ours\nVersion: 1\nArchitecture: all\nMaintainer: x <x@localhost>\nDescription: x\n";
        workshop.write("parts/few/11-ours.deb/DEBIAN/control", control);
        workshop.write("parts/few/11-ours.deb/usr/share/of-ours/file", "ours\n");
        workshop.write("parts/few/files/data", "from the part");
        workshop.write("parts/few/40-etc.overlay/etc/test/file", "laid over\n");
        workshop.write(
            "parts/few/50-outside.script",
            "cp \"$FILES/data\" \"$1/etc/test/$RECIPE-$ARCH\"; date > \"$1/etc/date\"; rm \"$1/etc/date\"\n",
        );
        workshop.write("parts/few/60-inside.chroot", "test -c /dev/null && test -d /proc/self && test ! -e /etc/passwd-\nbusybox id -u > /etc/test/inside; echo x > /tmp/gone\n");
        workshop.write("tree/recipe.toml", &recipe("A tree.", "directory"));
        let card = recipe("A card.", "sd")
            + "[[embed]]\nrecipe = \"tree\"\nto = \"/var/lib/tree\"\n[disk]\nboot_mb = 48\nroot_free_mb = 8\n\
               [imager]\nname = \"Card\"\nicon = \"https://example.org/icon.png\"\n";
        workshop.write("card/recipe.toml", &card);
        workshop.write(
            "card/70-boot.boot",
            "mkdir \"$2/sub\"; echo \"$ROOT_UUID $BOOT_UUID\" > \"$2/sub/a long name.txt\"\n",
        );
        workshop
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path("recipes").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn command(&self, output: &str, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conpaas"));
        command.args(["image", "build"]).args(words).arg("--recipes").arg(self.path("recipes"));
        command.arg("--output").arg(self.path(output)).stdin(Stdio::null()).env_remove("SOURCE_DATE_EPOCH");
        command
    }

    fn build(&self, output: &str, words: &[&str]) -> Output {
        self.command(output, words).output().unwrap()
    }

    /// Builds, and gives the stages that were gone through.
    fn succeed(&self, output: &str, words: &[&str]) -> String {
        let made = self.build(output, words);
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(made.status.success(), "{words:?}: {said}");
        said
    }

    /// Builds in vain, and gives what is said about it.
    fn fail(&self, output: &str, words: &[&str]) -> String {
        let made = self.build(output, words);
        assert_eq!(made.status.code(), Some(1), "{words:?}");
        String::from_utf8_lossy(&made.stderr).into_owned()
    }

    /// Starts a build, and waits until its log has `words`.
    fn start_until(&self, output: &str, recipe: &str, words: &str) -> Child {
        let mut child = self.command(output, &[recipe]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let log = self.path(output).join("work").join(format!("{recipe}-{ARCHITECTURE}/log"));
        wait_until_within(LIMIT, &format!("the log says {words}"), || {
            assert!(child.try_wait().unwrap().is_none(), "the build ended before it said {words}");
            fs::read_to_string(&log).unwrap_or_default().contains(words).then_some(())
        });
        child
    }

    /// Processes and mounts that have to do with this directory, and what is not finished in it.
    fn remains(&self) -> Vec<String> {
        let mine = self.directory.path().as_os_str().as_bytes();
        let has_mine = |bytes: &[u8]| bytes.windows(mine.len()).any(|window| window == mine);
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let link = |name: &str| fs::read_link(entry.path().join(name)).unwrap_or_default();
            let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if has_mine(&words) || ["cwd", "root"].iter().any(|name| has_mine(link(name).as_os_str().as_bytes())) {
                found.push(format!("process {}", String::from_utf8_lossy(&words)));
            }
        }
        let mounts = fs::read("/proc/self/mountinfo").unwrap();
        if has_mine(&mounts) {
            found.push("a mount".to_owned());
        }
        found
    }
}

/// Two files with the same are the same, unless somebody wants to deceive.
fn hash(content: &[u8]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(content);
    hasher.finish()
}

/// Everything in a tree: path → mode, owner, time and content.
fn listing(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let content = match metadata.file_type() {
                kind if kind.is_file() => format!("{:016x}", hash(&fs::read(&path).unwrap())),
                kind if kind.is_symlink() => format!("{:?}", fs::read_link(&path).unwrap()),
                _ => String::new(),
            };
            let facts = (metadata.mode(), metadata.uid(), metadata.gid(), metadata.mtime(), metadata.rdev());
            found.insert(path.strip_prefix(root).unwrap().to_owned(), format!("{facts:?} {content}"));
            if metadata.is_dir() {
                directories.push(path);
            }
        }
    }
    found
}

fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_same_recipes_give_the_same_bytes() {
    let workshop = Workshop::new();
    let (tree, card) = (format!("tree-{ARCHITECTURE}"), format!("card-{ARCHITECTURE}"));
    let words = ["card", "tree", "--compress", "none"];
    workshop.succeed("one", &words);
    // Another directory, another hour, another umask, other languages.
    let mut other = workshop.command("two/and deeper", &words);
    other.envs([("TZ", "Asia/Tokyo"), ("LC_ALL", "C"), ("LANG", "de_DE.UTF-8"), ("COLUMNS", "20")]);
    let other = Command::new("sh")
        .arg("-c")
        .arg("umask 077; exec \"$@\"")
        .arg("sh")
        .arg(other.get_program())
        .args(other.get_args())
        .envs(other.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .output()
        .unwrap();
    assert!(other.status.success(), "{}", String::from_utf8_lossy(&other.stderr));
    let one = workshop.path("one");
    let two = workshop.path("two/and deeper");
    for name in [format!("{card}.img"), "SHA256SUMS".to_owned()] {
        assert!(fs::read(one.join(&name)).unwrap() == fs::read(two.join(&name)).unwrap(), "{name} differs");
    }
    assert_eq!(listing(&one.join(&tree)), listing(&two.join(&tree)));
    assert_eq!(workshop.remains(), Vec::<String>::new());
    look_at_tree(&one.join(&tree));
    look_at_card(&one.join(format!("{card}.img")), &workshop);
    look_at_lists(&one);

    // What is there is found, and what somebody wrote into is made again.
    assert_eq!(workshop.succeed("one", &words), "");
    let image = one.join(format!("{card}.img"));
    let sums = fs::read(one.join("SHA256SUMS")).unwrap();
    fs::write(&image, "somebody booted it").unwrap();
    let stages = workshop.succeed("one", &words);
    assert!(stages.contains("disk image") && !stages.contains("packages"), "{stages}");
    assert_eq!(fs::read(one.join("SHA256SUMS")).unwrap(), sums);
}

fn look_at_tree(tree: &Path) {
    let read = |path: &str| fs::read_to_string(tree.join(path)).unwrap();
    assert_eq!(read("etc/test/file"), "laid over\n");
    assert_eq!(read(&format!("etc/test/tree-{ARCHITECTURE}")), "from the part");
    assert_eq!(read("etc/test/inside"), "0\n");
    assert_eq!(read("usr/share/of-ours/file"), "ours\n");
    assert_eq!(read("etc/conpaas-image").trim().len(), 64);
    assert!(tree.join("bin/busybox").exists() && !tree.join("usr/share/man/man1/busybox.1.gz").exists());
    // Nothing tells of this machine: neither our archive, nor how it reaches others.
    let sources: Vec<PathBuf> =
        fs::read_dir(tree.join("etc/apt/sources.list.d")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(sources, [tree.join("etc/apt/sources.list.d/debian.list")]);
    assert!(!fs::read_to_string(&sources[0]).unwrap().contains("copy:"));
    for path in ["etc/apt/apt.conf.d/99mmdebstrap", "etc/hostname", "var/log/dpkg.log", "tmp/gone"] {
        assert!(!tree.join(path).exists(), "{path}");
    }
    let youngest = listing(tree).keys().map(|path| fs::symlink_metadata(tree.join(path)).unwrap().mtime()).max();
    assert_eq!(youngest, Some(1_704_067_200));
}

fn look_at_card(image: &Path, workshop: &Workshop) {
    let image = image.to_str().unwrap();
    let table = output_of("sfdisk", &["--json", image]);
    let table: serde_json::Value = serde_json::from_str(&table).unwrap();
    let partitions = table["partitiontable"]["partitions"].as_array().unwrap().clone();
    assert_eq!((&partitions[0]["type"], &partitions[0]["start"]), (&"c".into(), &8192.into()));
    let text = output_of("mtype", &["-i", &format!("{image}@@4M"), "::/sub/a long name.txt"]);
    let root = workshop.path("root.ext4");
    let start = partitions[1]["start"].as_u64().unwrap().to_string();
    let size = partitions[1]["size"].as_u64().unwrap().to_string();
    output_of(
        "dd",
        &[
            &format!("if={image}"),
            &format!("of={}", root.display()),
            "bs=512",
            &format!("skip={start}"),
            &format!("count={size}"),
        ],
    );
    let root = root.to_str().unwrap();
    output_of("e2fsck", &["-f", "-n", root]);
    let facts = output_of("dumpe2fs", &["-h", root]);
    let fact =
        |name: &str| facts.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    assert_eq!(fact("Filesystem volume name:"), "conpaas-root");
    assert!(text.starts_with(&fact("Filesystem UUID:")), "{text}");
    let free_mb = (fact("Free blocks:").parse::<u64>().unwrap() * 4096) >> 20;
    assert!((8..40).contains(&free_mb), "{free_mb} MB are free");
    assert_eq!(output_of("debugfs", &["-R", "cat /var/lib/tree/etc/test/file", root]), "laid over\n");
    let inode = output_of("debugfs", &["-R", "stat /etc/test/file", root]);
    assert_eq!(inode.matches(&format!("0x{:08x}", 1_704_067_200)).count(), 4, "{inode}");
}

fn look_at_lists(output: &Path) {
    let sums = fs::read_to_string(output.join("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), 1, "{sums}");
    let checked = Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(output).status();
    assert!(checked.unwrap().success());
}

#[test]
fn a_build_that_fails_or_is_killed_leaves_nothing_and_goes_on() {
    let workshop = Workshop::new();
    let (place, log) = (workshop.path("out/work").join(format!("tree-{ARCHITECTURE}")), "log");
    let unfinished = || -> Vec<PathBuf> {
        let paths = fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path());
        paths.filter(|path| path.to_string_lossy().ends_with(".new")).collect()
    };
    let gone = || wait_until_within(LIMIT, "all is gone", || workshop.remains().is_empty().then_some(()));

    // The power fails while packages are installed.
    let mut child = workshop.start_until("out", "tree", "I: extracting archives");
    child.kill().unwrap();
    child.wait().unwrap();
    gone();
    // A step fails, and left something running.
    workshop.write("tree/65-bad.script", "sleep 1000 &\necho what is wrong >&2\nexit 7\n");
    let said = workshop.fail("out", &["tree"]);
    assert!(said.contains("65-bad.script failed") && said.contains("(exit status: 7): what is wrong"), "{said}");
    assert_eq!((workshop.remains(), unfinished()), (Vec::new(), Vec::new()));
    assert!(!workshop.path("out").join(format!("tree-{ARCHITECTURE}")).exists());
    assert!(fs::read_to_string(place.join(log)).unwrap().contains("what is wrong"));
    // Somebody presses Ctrl-C in the middle of a step inside the root.
    workshop.write("tree/65-bad.script", "");
    workshop.write("tree/66-slow.chroot", "sleep 1000 &\necho it hangs\nsleep 1000\n");
    let mut child = workshop.start_until("out", "tree", "it hangs");
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!((workshop.remains(), unfinished()), (Vec::new(), Vec::new()));
    // The power fails there.
    let mut child = workshop.start_until("out", "tree", "it hangs");
    child.kill().unwrap();
    child.wait().unwrap();
    gone();
    // All of that did not undo the packages.
    workshop.write("tree/66-slow.chroot", "");
    let stages = workshop.succeed("out", &["tree"]);
    assert!(stages.contains("unpacking") && !stages.contains("packages"), "{stages}");
    look_at_tree(&workshop.path("out").join(format!("tree-{ARCHITECTURE}")));
    assert_eq!((workshop.remains(), unfinished()), (Vec::new(), Vec::new()));

    replaced_and_refused(&workshop);
    pre_installed(&workshop);
    left_out_in_vain(&workshop);
}

/// A pattern that fits no file of any package leaves nothing out, or lets nothing in.
fn left_out_in_vain(workshop: &Workshop) {
    let patterns =
        "path-exclude=/usr/share/man/*\npath-exclude=/lib/nothing/*\n# Optional: some day.\npath-exclude=/some/*\n";
    workshop.write("parts/few/01-early.overlay/etc/dpkg/dpkg.cfg.d/test", patterns);
    let said = workshop.fail("vain", &["tree"]);
    assert!(said.contains("dpkg.cfg.d/test line 2: path-exclude=/lib/nothing/*"), "{said}");
    assert!(!said.contains("/usr/share/man") && !said.contains("/some/"), "{said}");
    assert!(!workshop.path("vain").join(format!("tree-{ARCHITECTURE}")).exists());
}

fn replaced_and_refused(workshop: &Workshop) {
    let tree = workshop.path("out").join(format!("tree-{ARCHITECTURE}"));
    let before = listing(&tree);
    // A root that would give something away is refused, and what was made before stays.
    workshop.write("tree/65-bad.script", "echo root::19000:::::: > \"$1/etc/shadow\"\n");
    let said = workshop.fail("out", &["tree"]);
    assert!(said.contains("/etc/shadow lets root in without a password"), "{said}");
    assert_eq!(listing(&tree), before);
    workshop.write("tree/65-bad.script", "echo new > \"$1/etc/new\"\n");
    workshop.succeed("out", &["tree"]);
    assert!(tree.join("etc/new").exists());
    // What is no image of ours is not replaced.
    let home = workshop.path("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("mine"), "mine").unwrap();
    let said = workshop.fail("out", &["tree", "--to", home.to_str().unwrap()]);
    assert!(said.contains("is no image of ours") && home.join("mine").exists(), "{said}");
    fs::remove_file(home.join("mine")).unwrap();
    workshop.succeed("out", &["tree", "--to", home.to_str().unwrap()]);
    assert_eq!(listing(&home), listing(&tree));
}

fn pre_installed(workshop: &Workshop) {
    let (application, to) = (workshop.path("app"), workshop.path("with"));
    fs::create_dir_all(application.join("a b")).unwrap();
    let names: [&[u8]; 6] = [b"-rf", b"--to", b"$(touch x)", b"new\nline", b"\xff\xfe", b"a b/;reboot"];
    for name in names {
        fs::write(application.join(std::ffi::OsStr::from_bytes(name)), name).unwrap();
    }
    fs::write(application.join("run"), "").unwrap();
    fs::set_permissions(application.join("run"), fs::Permissions::from_mode(0o4755)).unwrap();
    std::os::unix::fs::symlink("/etc/shadow", application.join("link")).unwrap();
    let words = |what: &Path| -> Vec<String> {
        ["tree", "--preinstall", what.to_str().unwrap(), "--to", to.to_str().unwrap()].map(str::to_owned).to_vec()
    };
    let succeed = |what: &Path| {
        let words = words(what);
        workshop.succeed("out", &words.iter().map(String::as_str).collect::<Vec<_>>());
    };
    succeed(&application);
    let place = to.join("opt/preinstalled");
    for name in names {
        assert_eq!(fs::read(place.join(std::ffi::OsStr::from_bytes(name))).unwrap(), name);
    }
    assert_eq!(fs::metadata(place.join("run")).unwrap().mode() & 0o7777, 0o755);
    assert_eq!(fs::read_link(place.join("link")).unwrap(), Path::new("/etc/shadow"));
    // A script runs in the root, whatever its name, and nothing of it stays but what it did.
    let script = workshop.path("it's a script");
    fs::write(&script, "#!/bin/sh\nset -e\nbusybox ls / > /opt/seen\ntouch /tmp/gone\n").unwrap();
    succeed(&script);
    let seen = fs::read_to_string(to.join("opt/seen")).unwrap();
    assert!(seen.lines().any(|line| line == "var") && !to.join("opt/preinstalled").exists(), "{seen}");
    let hidden: Vec<String> = fs::read_dir(&to)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert_eq!(hidden, Vec::<String>::new());
    assert_eq!(workshop.remains(), Vec::<String>::new());
}

#[test]
fn what_cannot_be_made_is_told_before_anything_is_begun() {
    let workshop = Workshop::new();
    workshop.write(
        "big/recipe.toml",
        &fs::read_to_string(workshop.path("recipes/tree/recipe.toml"))
            .unwrap()
            .replace("space_mb = 600", "space_mb = 900000000"),
    );
    let said = workshop.fail("out", &["big"]);
    assert!(said.contains("takes about 900000000 MB") && said.contains("--output DIR"), "{said}");
    let said = workshop.fail("out", &["tree", "card", "--to", "/nonexistent/x"]);
    assert!(said.contains("--to names the place of one directory"), "{said}");
    let said = workshop.fail("out", &["tree", "--preinstall", "/nonexistent/app"]);
    assert!(said.contains("cannot pre-install /nonexistent/app"), "{said}");
    let mut command = workshop.command("out", &["tree"]);
    let said = command.env("SOURCE_DATE_EPOCH", "99999999999").output().unwrap();
    assert!(String::from_utf8_lossy(&said.stderr).contains("SOURCE_DATE_EPOCH must be"));
    // Without root it says so, instead of making files that are not root's.
    let program = workshop.path("conpaas");
    fs::copy(env!("CARGO_BIN_EXE_conpaas"), &program).unwrap();
    fs::set_permissions(workshop.directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(&program);
    command
        .args(["image", "build", "tree", "--recipes"])
        .arg(workshop.path("recipes"))
        .arg("--output")
        .arg(workshop.path("out"));
    let said = command.uid(65534).gid(65534).current_dir("/").output().unwrap();
    assert!(String::from_utf8_lossy(&said.stderr).contains("needs root: run it with sudo"), "{said:?}");
    assert!(!workshop.path("out/work").join(format!("tree-{ARCHITECTURE}")).exists());
}
