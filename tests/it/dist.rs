//! What is put on a machine: the files of `make install`, their units,
//! manual pages and completion, and what the Debian package says of them.
//! The package itself is tried on a machine by `tests/e2e/package.rs`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_conpaas");

/// The highest exposure that `systemd-analyze security` may see, in tenths.
const EXPOSURE: u32 = 40;
/// Containers inherit what is refused to the director; docs/operator.md goes through what is left open.
const EXPOSURE_OF_DIRECTOR: u32 = 56;

fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Paths of all files and links below `directory`, counted from it.
fn files(directory: &Path) -> BTreeSet<String> {
    let found = run(Command::new("find").arg(directory).args(["-not", "-type", "d", "-printf", "%P\n"]));
    found.lines().map(str::to_owned).collect()
}

/// Standard output; it must succeed and complain of nothing.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{command:?}: {complaints}");
    String::from_utf8(output.stdout).unwrap()
}

/// What `make install` puts on a machine that has the program as `/usr/bin/conpaas`.
fn installed() -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    let destination = format!("DESTDIR={}", tree.path().display());
    let program = format!("PROGRAM={PROGRAM}");
    run(Command::new("make").args(["-s", "-C"]).arg(shipped("")).args([
        "install",
        "PREFIX=/usr",
        &destination,
        &program,
    ]));
    tree
}

fn units() -> Vec<String> {
    let is_unit = |name: &String| {
        let kind = name.rsplit_once('.').map(|(_, kind)| kind);
        matches!(kind, Some("service" | "timer" | "socket" | "path" | "target"))
    };
    let found: Vec<String> = files(&shipped("systemd")).into_iter().filter(is_unit).collect();
    assert!(found.contains(&"conpaas-director.service".to_owned()), "{found:?}");
    found
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let tree = installed();
    let directory = tree.path().join("usr/lib/systemd/system");
    // Units that ours refer to.
    run(Command::new("cp").args(["-a", "/usr/lib/systemd/system/."]).arg(&directory));
    // A page that a unit names must be among ours; the colon stands for the machine's own.
    let manual = format!("{}:", tree.path().join("usr/share/man").display());
    for unit in units() {
        let mut verify = Command::new("systemd-analyze");
        verify.arg(format!("--root={}", tree.path().display())).args(["verify", "--recursive-errors=no"]);
        let said = run(verify.arg(format!("usr/lib/systemd/system/{unit}")).current_dir(&tree).env("MANPATH", &manual));
        assert_eq!(said, "", "{unit}");
    }
}

#[test]
fn no_unit_is_more_exposed_than_it_must_be() {
    for unit in units().iter().filter(|unit| unit.ends_with(".service")) {
        let limit = if unit == "conpaas-director.service" { EXPOSURE_OF_DIRECTOR } else { EXPOSURE };
        let mut security = Command::new("systemd-analyze");
        security.args(["security", "--offline=yes", "--no-pager", &format!("--threshold={limit}")]);
        let output = security.arg(shipped("systemd").join(unit)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let verdict = said.lines().last().unwrap_or_default();
        assert!(verdict.contains("exposure level"), "{unit}: {}", String::from_utf8_lossy(&output.stderr));
        println!("{verdict}");
        assert!(output.status.success(), "{unit} may have {}: {verdict}", f64::from(limit) / 10.0);
    }
}

#[test]
fn the_program_is_found_by_all_its_names_and_each_has_a_manual_page_and_completion() {
    let tree = installed();
    let found = files(tree.path());
    let usage = String::from_utf8(Command::new(PROGRAM).output().unwrap().stderr).unwrap();
    let groups = usage.split_once('{').unwrap().1.split_once('}').unwrap().0;
    let names: Vec<String> = groups.split(',').chain(["tools"]).map(|group| format!("cps-{group}")).collect();
    assert!(names.len() > 5, "{usage}");
    for name in names.iter().map(String::as_str).chain(["conpaas"]) {
        for file in [
            format!("usr/bin/{name}"),
            format!("usr/share/man/man1/{name}.1.gz"),
            format!("usr/share/bash-completion/completions/{name}.bash"),
            format!("usr/share/zsh/site-functions/_{name}"),
            format!("usr/share/fish/vendor_completions.d/{name}.fish"),
        ] {
            assert!(found.contains(&file), "{file} is missing");
            assert!(fs::metadata(tree.path().join(&file)).is_ok_and(|file| file.len() > 0), "{file} is empty");
        }
        run(Command::new("bash")
            .arg("-n")
            .arg(tree.path().join(format!("usr/share/bash-completion/completions/{name}.bash"))));
    }
    let links = found.iter().filter(|file| file.starts_with("usr/bin/cps-")).count();
    assert_eq!(links, names.len(), "a name that the program does not answer to");
}

#[test]
fn manual_pages_are_well_formed_and_tell_every_command_and_every_key() {
    let tree = installed();
    let manual = tree.path().join("usr/share/man");
    let pages = files(&manual);
    for page in &pages {
        let mut man = Command::new("man");
        man.args(["--warnings", "-E", "UTF-8", "-l"])
            .arg(manual.join(page))
            .env("MANWIDTH", "100")
            .env("LC_ALL", "C.UTF-8");
        let shown = run(&mut man);
        assert!(shown.contains("NAME"), "{page}: {shown}");
        if page.ends_with("director.cfg.5.gz") {
            let config = text(&shipped("config/director.cfg"));
            let keys = config.lines().filter_map(|line| line.trim_start_matches("# ").split_once(" ="));
            let keys: Vec<&str> = keys.map(|(key, _)| key).filter(|key| !key.contains(' ')).collect();
            assert!(keys.len() > 50, "{keys:?}");
            for key in keys {
                assert!(shown.contains(key), "{page} does not tell {key}");
            }
        }
    }
    let help = run(Command::new(PROGRAM).arg("--help"));
    let commands = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let commands: Vec<&str> =
        commands.take_while(|line| line.starts_with("  ")).filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.len() > 8, "{help}");
    for command in commands.into_iter().filter(|command| *command != "help") {
        assert!(pages.contains(&format!("man1/conpaas-{command}.1.gz")), "conpaas {command} has no page");
    }
}

#[test]
fn what_the_documents_lead_to_is_installed_with_them() {
    let tree = installed();
    let documents = tree.path().join("usr/share/doc/conpaas");
    let pages: Vec<String> = files(&documents).into_iter().filter(|name| name.ends_with(".md")).collect();
    assert!(pages.len() > 10, "{pages:?}");
    for name in pages {
        let page = documents.join(&name);
        let content = text(&page);
        let targets = content.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
        for target in targets.filter(|target| !target.contains("://")) {
            let file = target.split('#').next().unwrap_or_default();
            let there = page.parent().unwrap().join(file);
            assert!(there.exists(), "{name} leads to {target}");
        }
    }
}

#[test]
fn the_package_knows_every_unit_and_this_version() {
    let manifest = text(&shipped("Cargo.toml"));
    for unit in units().iter().filter(|unit| !unit.contains('@')) {
        let entry = format!("unit-name = \"{}\"", unit.rsplit_once('.').unwrap().0);
        assert!(manifest.contains(&entry), "[package.metadata.deb] systemd-units has no {entry}");
    }
    let changelog = text(&shipped("config/debian/changelog"));
    let version = format!("conpaas ({}-1) ", env!("CARGO_PKG_VERSION"));
    assert!(changelog.starts_with(&version), "config/debian/changelog does not begin with {version}");
}

#[test]
fn the_package_depends_on_every_program_that_is_called() {
    // Empty: on every Debian; or looked at only where it is; or suggested, as only nodes that are processes use git here, and
    // only an ingress nginx and avahi; or brought by the images, whose first boot alone calls it.
    let packages = [
        ("ip", "iproute2"),
        ("nft", "nftables"),
        ("losetup", "mount"),
        ("mount", "mount"),
        ("umount", "mount"),
        ("mkfs.ext4", "e2fsprogs"),
        ("e2fsck", "e2fsprogs"),
        ("resize2fs", "e2fsprogs"),
        ("dumpe2fs", "e2fsprogs"),
        ("blkid", ""),
        ("nsenter", ""),
        ("setpriv", ""),
        ("unshare", ""),
        ("iptables-legacy", ""),
        ("taskset", ""),
        ("chown", ""),
        ("env", ""),
        ("bash", ""),
        ("git", ""),
        ("avahi-publish", ""),
        ("nginx", ""),
        ("mfsmount", ""),
        ("agetty", ""),
        ("apt-config", ""),
        ("apt-get", ""),
        ("chpasswd", ""),
        ("dpkg-deb", ""),
        ("groupadd", ""),
        ("pwconv", ""),
        ("sh", ""),
        ("ssh-keygen", ""),
        ("sshd", ""),
        ("systemctl", ""),
        ("systemd-machine-id-setup", ""),
        ("useradd", ""),
        ("usermod", ""),
    ];
    let manifest = text(&shipped("Cargo.toml"));
    let depends = manifest.split("\ndepends = ").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
    let sources = files(&shipped("src")).into_iter().filter(|name| name.ends_with(".rs"));
    let mut seen = BTreeSet::new();
    for name in sources {
        let source = text(&shipped("src").join(&name));
        let source = source.split("#[cfg(test)]").next().unwrap();
        for call in ["program::run(\"", "run_in_machine(\"", "run_with_input(\"", "run_into(\"", "program::find(\""] {
            for program in source.split(call).skip(1).map(|rest| rest.split('"').next().unwrap()) {
                let package = packages.iter().find(|(known, _)| *known == program);
                // What the nodes of a kind run is in their image: images/services/kinds.
                if package.is_none() && (name.starts_with("service/kinds/") || name.starts_with("service/web/")) {
                    continue;
                }
                let (_, package) = package.unwrap_or_else(|| panic!("{name} calls {program}: of which package is it?"));
                assert!(package.is_empty() || depends.contains(&format!("\"{package}\"")), "{program}: {package}");
                seen.insert(program.to_owned());
            }
        }
    }
    assert!(seen.contains("losetup") && seen.contains("nft"), "{seen:?}");
}

#[test]
fn the_copyright_file_names_every_library() {
    // The first run on a machine says which crates it fetches; the script sees to it that this is no complaint.
    let copyright = run(&mut Command::new(shipped(".ci/copyright")));
    assert!(copyright.starts_with("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"));
    let manifest = text(&shipped("Cargo.toml"));
    let dependencies = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let names = dependencies.take_while(|line| !line.starts_with('[')).filter_map(|line| line.split_once(" = "));
    let linked = |name: &str| name != "async-trait";
    for name in names.map(|(name, _)| name).filter(|name| linked(name)) {
        assert!(copyright.contains(&format!(" {name}-")), "{name} is not named");
    }
    for library in ["liblxc", "glibc", "sqlite"] {
        assert!(copyright.contains(library), "{library}");
    }
}
