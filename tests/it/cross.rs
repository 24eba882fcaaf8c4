//! The files of cross/ are data and scripts: each is read here, and what was
//! built with them is looked at where it is there.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What one file of ours may take on a card or in a download. The aim is 12 MB; see cross/README.md for what they have.
const MAX_BYTES: u64 = 16_500_000;

const SCRIPTS: [&str; 4] = ["build", "check", "private-apt", "sysroot"];
const OTHERS: [&str; 6] = ["README.md", "architectures", "name-server.py", "packages", "stubs.c", "toolchain.sh"];

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The words of each line that is not a comment.
fn table(path: &str) -> Vec<Vec<String>> {
    let text = text(path);
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

fn succeeds(output: &Output, what: &str) -> String {
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_file_is_known_here() {
    let found: BTreeSet<String> = fs::read_dir(top().join("cross"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let known: BTreeSet<String> = SCRIPTS.iter().chain(&OTHERS).map(|name| (*name).to_owned()).collect();
    assert_eq!(found, known);
}

#[test]
fn the_scripts_are_whole_and_stop_at_the_first_failure() {
    for name in SCRIPTS {
        let path = top().join("cross").join(name);
        assert_ne!(fs::metadata(&path).unwrap().permissions().mode() & 0o111, 0, "{name} can be run");
        let script = text(&format!("cross/{name}"));
        assert!(script.starts_with("#!/bin/sh\n# "), "{name} says what it does");
        assert!(script.lines().any(|line| line == "set -eu"), "{name}");
    }
    for name in SCRIPTS.iter().chain(&["toolchain.sh"]) {
        let output = Command::new("sh").arg("-n").arg(top().join("cross").join(name)).output().unwrap();
        succeeds(&output, name);
    }
    let compile = "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')";
    let output = Command::new("python3").args(["-c", compile]).arg(top().join("cross/name-server.py")).output();
    succeeds(&output.unwrap(), "name-server.py");
}

#[test]
fn each_architecture_has_its_words_and_the_packages_that_build_and_run_it() {
    let architectures = table("cross/architectures");
    let names: Vec<&str> = architectures.iter().map(|words| words[0].as_str()).collect();
    assert_eq!(names, ["amd64", "arm64", "armhf"]);
    let needed = Command::new(top().join(".ci/deps")).args(["--list", "build", "cross"]).output().unwrap();
    let needed = succeeds(&needed, ".ci/deps");
    let is_needed = |package: &str| needed.lines().any(|line| line.split_whitespace().next() == Some(package));
    for words in &architectures {
        let [name, target, triplet, emulator] = &words[..] else { panic!("{words:?}") };
        assert!(target.ends_with("-unknown-linux-gnu") || target.ends_with("-unknown-linux-gnueabihf"), "{target}");
        assert!(emulator.starts_with("qemu-") && emulator.ends_with("-static"), "{emulator}");
        let compiler = if name == "amd64" { "gcc".to_owned() } else { format!("gcc-{triplet}") };
        assert!(is_needed(&compiler), "{compiler} is in .ci/deps");
    }
    for package in ["file", "qemu-user-static", "python3", "iproute2", "util-linux", "lxc-dev"] {
        assert!(is_needed(package), "{package} is in .ci/deps");
    }
}

#[test]
fn the_list_of_packages_names_a_suite_series_and_purposes() {
    let list = table("cross/packages");
    assert_eq!((list[0][0].as_str(), list[0].len()), ("suite", 2));
    let packages: Vec<&str> = list[1..].iter().map(|words| words[0].as_str()).collect();
    for package in ["lxc-dev", "libseccomp-dev", "libcap-dev", "libc6-dev", "linux-libc-dev"] {
        assert!(packages.contains(&package), "{package}");
    }
    for words in &list[1..] {
        assert!(words.len() > 2, "{words:?} has no purpose");
        let series = words[1].rsplit(':').next().unwrap();
        assert!(series.split('.').all(|number| number.parse::<u32>().is_ok()), "{words:?}");
    }
}

/// A directory of programs that stand for apt's: its one repository has `version` of every package.
fn repository_with(version: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let script = format!(
        r#"#!/bin/sh
set -eu
case "$*" in
    *indextargets*) echo 'http://debian.invalid/debian bookworm' ;;
    *update*) ;;
    *download*)
        while [ "$1" != download ]; do shift; done
        shift
        for package; do
            mkdir -p tree/DEBIAN
            printf 'Package: %s\nVersion: {version}\nArchitecture: arm64\nMaintainer: x <x@debian.invalid>\nDescription: x\n' \
                "$package" >tree/DEBIAN/control
            dpkg-deb -b tree "${{package}}_1_arm64.deb" >/dev/null
            rm -r tree
        done ;;
    *) exit 9 ;;
esac
"#
    );
    let path = directory.path().join("apt-get");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

fn make_sysroot(repository: &Path, result: &Path) -> Output {
    let path = format!("{}:{}", repository.display(), std::env::var("PATH").unwrap());
    Command::new(top().join("cross/sysroot")).arg("arm64").arg(result).env("PATH", path).output().unwrap()
}

#[test]
fn a_package_of_another_series_is_refused_with_what_to_edit() {
    let place = tempfile::tempdir().unwrap();
    let result = place.path().join("sysroot");
    for (version, is_expected) in [("1:7.0.0-1", false), ("1:6.0.40-1", false), ("1:6.0.4-4+deb13u9", true)] {
        let output = make_sysroot(repository_with(version).path(), &result);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "no package here has a library");
        let refusal = format!("has lxc-dev {version}, and cross/packages expects 1:6.0.4");
        assert_eq!(told.contains(&refusal), !is_expected, "{told}");
        // What was begun is gone, and nothing has the place of the result.
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "{told}");
    }
}

#[test]
fn a_wrong_command_line_is_answered_with_the_right_one() {
    for (script, words, expected) in [
        ("build", &[][..], "ARCH is one of amd64 arm64 armhf"),
        ("build", &["sparc"], "ARCH is one of amd64 arm64 armhf"),
        ("build", &["--sysroot"], "usage: cross/build"),
        ("check", &[], "usage: cross/check"),
        ("check", &["sparc"], "no architecture sparc"),
        ("sysroot", &["arm64"], "usage: cross/sysroot ARCH DIRECTORY"),
        ("private-apt", &["x"], "usage: cross/private-apt"),
    ] {
        let output = Command::new(top().join("cross").join(script)).args(words).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(expected), "{script} {words:?}: {told}");
    }
}

#[test]
fn what_the_build_is_told_is_what_the_script_tells() {
    let (build, script) = (text("build.rs"), text("cross/build"));
    for variable in ["SOURCE_DATE_EPOCH", "CONPAAS_STATIC_LIBRARIES", "CONPAAS_STATIC_STUBS"] {
        assert!(build.contains(&format!("`{variable}`")), "build.rs explains {variable}");
        assert!(script.contains(&format!("{variable}=")), "cross/build sets {variable}");
    }
    assert!(build.contains("--wrap=__libc_dlopen_mode") && text("cross/stubs.c").contains("__wrap___libc_dlopen_mode"));
}

#[test]
fn the_readme_names_what_there_is() {
    let readme = text("cross/README.md");
    let words = readme.split(|c: char| c.is_whitespace() || "`(),;".contains(c));
    for word in words.filter_map(|word| word.strip_prefix("cross/")) {
        let word = word.trim_end_matches(['.', ':']);
        assert!(SCRIPTS.contains(&word) || OTHERS.contains(&word), "cross/{word}");
    }
    for script in SCRIPTS {
        assert!(readme.contains(&format!("cross/{script}")), "the readme explains {script}");
    }
}

/// The functions that stubs.c defines.
fn stubs() -> BTreeSet<String> {
    let text = text("cross/stubs.c");
    let lines = text.lines().filter(|line| !line.starts_with(['#', '/', ' ']));
    let names = lines.filter_map(|line| line.split_once('(')?.1.strip_suffix(')'));
    names.map(str::to_owned).collect()
}

fn symbols(library: &Path, options: &[&str]) -> BTreeSet<String> {
    let output = Command::new("nm").args(options).arg("--format=just-symbols").arg(library).output().unwrap();
    succeeds(&output, "nm").lines().filter(|line| !line.ends_with(':')).map(str::to_owned).collect()
}

#[test]
fn the_stubs_compile_and_are_exactly_what_the_library_lacks() {
    let object = tempfile::NamedTempFile::new().unwrap();
    let output = Command::new("gcc")
        .args(["-Wall", "-Wextra", "-Wno-builtin-declaration-mismatch", "-Werror", "-c", "-o"])
        .arg(object.path())
        .arg(top().join("cross/stubs.c"))
        .output();
    succeeds(&output.unwrap(), "stubs.c");
    let mut stubs = stubs();
    assert_eq!(symbols(object.path(), &["--defined-only"]), stubs);
    assert!(stubs.remove("__wrap___libc_dlopen_mode"));
    for (name, sysroot) in built("sysroot-") {
        let triplet = &table("cross/architectures").into_iter().find(|words| words[0] == name).unwrap()[2];
        let libraries = sysroot.join("usr/lib").join(triplet);
        let mut lacking = symbols(&libraries.join("liblxc.a"), &["--undefined-only"]);
        for library in ["lxc", "seccomp", "cap", "c"] {
            let defined = symbols(&libraries.join(format!("lib{library}.a")), &["--defined-only"]);
            lacking.retain(|symbol| !defined.contains(symbol));
        }
        // The compiler brings these.
        lacking.retain(|symbol| !symbol.starts_with('_'));
        assert_eq!(lacking, stubs, "{name}");
    }
}

/// What is in target/cross, by architecture.
fn built(prefix: &str) -> Vec<(String, PathBuf)> {
    let all = table("cross/architectures").into_iter().map(|words| words[0].clone());
    all.map(|name| (name.clone(), top().join("target/cross").join(format!("{prefix}{name}"))))
        .filter(|(_, path)| path.exists())
        .collect()
}

#[test]
fn what_was_built_is_static_stripped_and_small() {
    for (name, directory) in built("") {
        let program = directory.join("conpaas");
        let Ok(metadata) = program.metadata() else { continue };
        assert!(metadata.len() <= MAX_BYTES, "{name} has {} bytes", metadata.len());
        let output = Command::new("readelf").args(["--program-headers", "--sections", "--wide"]).arg(&program).output();
        let told = succeeds(&output.unwrap(), "readelf");
        for word in ["INTERP", "DYNAMIC", ".symtab"] {
            assert!(!told.contains(word), "{name} has {word}");
        }
        let bytes = fs::read(&program).unwrap();
        let path = top().to_str().unwrap().as_bytes();
        assert!(!bytes.windows(path.len()).any(|window| window == path), "{name} names the directory it was built in");
    }
}
