//! Proves in QEMU that the images boot into a working system. Not a test of
//! `make test`: it takes images that `make images` built, root, and minutes.
//!
//!     make test-images [PROOFS="pi3 power-cuts"]
//!     make test-compute              the proof that takes an OpenStack
//!
//! Each proof prints one line; with any failed, the end is 1. What a machine
//! said stays in target/tmp/images/<proof>/console.log after a failure.

mod announcement;
mod backend;
mod boards;
mod card;
mod client;
mod compute;
mod guest;
mod instance;
mod network;
mod pi;
mod power;
mod proofs;
mod qemu;
mod virtual_machine;

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use crate::network::Network;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if let Some(unknown) = wanted.iter().find(|name| !proofs::ALL.iter().any(|proof| proof.name == name.as_str())) {
        eprintln!("there is no proof '{unknown}'; there are:");
        proofs::ALL.iter().for_each(|proof| eprintln!("    {:14} {}", proof.name, proof.about));
        return ExitCode::from(2);
    }
    let network = match Network::enter() {
        Ok(network) => network,
        Err(error) => {
            eprintln!("ERROR: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let is_chosen = |proof: &&proofs::Proof| match wanted.is_empty() {
        true => proof.neighbour == network.neighbour,
        false => wanted.iter().any(|name| name == proof.name),
    };
    let chosen: Vec<_> = proofs::ALL.iter().filter(is_chosen).collect();
    if let Some(elsewhere) = chosen.iter().find(|proof| proof.neighbour != network.neighbour) {
        eprintln!("ERROR: {} does not run here: it takes {}", elsewhere.name, elsewhere.neighbour);
        return ExitCode::from(2);
    }
    let mut n_failed = 0;
    for proof in chosen {
        print!("{:14} ", proof.name);
        let _shown_later = std::io::stdout().flush();
        let started = Instant::now();
        let result = card::directory(proof.name).and_then(|directory| {
            let said = (proof.run)(&directory)?;
            // Cards are large; what a failure needs is kept.
            std::fs::remove_dir_all(&directory)?;
            Ok(said)
        });
        let seconds = started.elapsed().as_secs();
        match result {
            Ok(said) => println!("ok      {seconds:4} s  {}: {said}", proof.about),
            Err(error) => {
                n_failed += 1;
                println!("FAILED  {seconds:4} s  {}: {error:#}", proof.about);
            }
        }
    }
    if n_failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
