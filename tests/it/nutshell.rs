//! The nutshell with plain processes: nothing here needs root.

use std::net::TcpListener;

use crate::support::nutshell::{Nutshell, play};

/// A /24 of 127.0.0.0/8 that no other test run uses at this moment.
pub(crate) fn free_network() -> (String, TcpListener) {
    let first = std::process::id();
    for step in 0..200 {
        let (second, third) = (100 + (first + step) % 100, (first / 100) % 250);
        // Whoever holds this port has the network.
        if let Ok(held) = TcpListener::bind((format!("127.{second}.{third}.250").as_str(), 40_999)) {
            return (format!("127.{second}.{third}.0/24"), held);
        }
    }
    panic!("200 networks are taken");
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Processes that name `directory` in their words or their environment.
fn processes_of(directory: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        if !entry.file_name().to_string_lossy().chars().all(|c| c.is_ascii_digit()) {
            continue;
        }
        let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let names = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(directory);
        if names(&words) || names(&environment) {
            found.push(String::from_utf8_lossy(&words).replace('\0', " "));
        }
    }
    found
}

#[test]
fn a_session_without_root() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("nutshell");
    let (network, _held) = free_network();
    let port = free_port().to_string();
    let nutshell = Nutshell::new(&directory, &["--cloud", "process", "--network", &network, "--port", &port]);
    play(&nutshell, || {
        let left = processes_of(directory.to_str().unwrap());
        if left.is_empty() { Ok(()) } else { Err(left.join("\n")) }
    });
}
