//! The nutshell with real containers.

use std::path::Path;

use super::world;
use crate::support::nutshell::{Nutshell, play};

#[test]
fn a_session_in_a_namespace_of_its_own() {
    world::inside("e2e::nutshell::a_session_in_a_namespace_of_its_own", |state| async move {
        let directory = state.join("nutshell");
        let (name, nutshell) = world::nutshell(&state, &state, &world::base());
        play(&nutshell, || {
            if Path::new("/run/netns").join(&name).exists() {
                return Err(format!("the namespace {name}"));
            }
            what_is_left(&directory)
        });
    });
}

#[test]
fn up_and_down_in_the_namespace_of_the_machine() {
    world::inside("e2e::nutshell::up_and_down_in_the_namespace_of_the_machine", |state| async move {
        let directory = state.join("nutshell");
        let image = world::base();
        let nutshell = Nutshell::new(&directory, &["--image", image.to_str().expect("it is plain text")]);
        let bridge = Path::new("/sys/class/net/nutshell0");
        nutshell.succeed("up", &[]);
        assert!(bridge.exists());
        nutshell.succeed("down", &[]);
        assert!(!bridge.exists());
        what_is_left(&directory).expect("nothing is left");
    });
}

/// Mounts, loop devices and processes that name `directory`.
fn what_is_left(directory: &Path) -> Result<(), String> {
    let name = directory.to_str().expect("it is plain text");
    let mut left = Vec::new();
    for file in ["/proc/self/mountinfo", "/proc/mounts"] {
        let text = std::fs::read_to_string(file).expect("the kernel has it");
        left.extend(text.lines().filter(|line| line.contains(name)).map(str::to_owned));
    }
    for entry in std::fs::read_dir("/sys/block").expect("the kernel has it").flatten() {
        let backing = std::fs::read_to_string(entry.path().join("loop/backing_file")).unwrap_or_default();
        if backing.contains(name) {
            left.push(format!("{} on {backing}", entry.file_name().to_string_lossy()));
        }
    }
    for entry in std::fs::read_dir("/proc").expect("the kernel has it").flatten() {
        let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        if words.contains(name) {
            left.push(words);
        }
    }
    if left.is_empty() { Ok(()) } else { Err(left.join("\n")) }
}
