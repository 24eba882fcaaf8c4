//! The service: restore, tell, and keep.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::events::{Event, Events};
use crate::clock::{self, Clock, Memory, RECORD_INTERVAL};
use crate::server::notify;
use crate::sys::{chain, file};

/// A clock that chronyd sets by less is not worth a write.
const SET_BY: Duration = Duration::from_secs(60);
/// How often a watchdog that is not there is fed.
const IDLE: Duration = Duration::from_secs(600);

/// Runs until it is told to end. Says why it cannot.
pub(crate) fn run(memory: &Memory) -> ExitCode {
    // Signals first: one that came before would end it without a word.
    let events = match Events::watch() {
        Ok(events) => events,
        Err(errno) => {
            eprintln!("conpaas time: cannot wait for signals and for the clock: {errno}");
            return ExitCode::FAILURE;
        }
    };
    let clock = Clock::system();
    match clock::restore(memory, &clock) {
        Ok(restored) => eprintln!("conpaas time: {restored}"),
        // Going on would record a time that is certainly wrong.
        Err(error) => {
            eprintln!("conpaas time: {}", chain(&error));
            return ExitCode::FAILURE;
        }
    }
    clear_litter(&memory.record);
    let mut keeper = Keeper { memory, clock, is_failing: false };
    keeper.write(RECORD_INTERVAL);
    notify::ready();
    keeper.keep(&events);
    notify::stopping();
    if keeper.write(Duration::from_secs(1)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Keeper<'a> {
    memory: &'a Memory,
    clock: Clock,
    /// Whether the last write failed: a full card is told of once.
    is_failing: bool,
}

impl Keeper<'_> {
    fn keep(&mut self, events: &Events) {
        let pause = notify::watchdog_pause().unwrap_or(IDLE);
        loop {
            notify::alive();
            let distance = match events.next(pause) {
                Event::Stop => return,
                Event::ClockSet => SET_BY,
                Event::Nothing => RECORD_INTERVAL,
            };
            self.write(distance);
        }
    }

    /// Writes the time down if the record is `distance` away from it; returns whether it now is there.
    fn write(&mut self, distance: Duration) -> bool {
        let outcome = clock::record_beyond(&self.memory.record, self.clock.now(), distance);
        let was_failing = std::mem::replace(&mut self.is_failing, outcome.is_err());
        match outcome {
            Err(error) if !was_failing => eprintln!("conpaas time: cannot remember the time: {}", chain(&error)),
            Ok(()) if was_failing => eprintln!("conpaas time: the time is remembered again"),
            _ => {}
        }
        !self.is_failing
    }
}

/// Removes what writes of the record left that a power cut broke off.
fn clear_litter(record: &Path) {
    let (Some(directory), Some(name)) = (record.parent(), record.file_name().and_then(|name| name.to_str())) else {
        return;
    };
    let is_litter =
        |entry: &str| entry.strip_prefix(name).is_some_and(|end| end.starts_with('.') && end.ends_with(".new"));
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(is_litter) {
            let _the_next_start_tries_again = file::ensure_absent(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_litter_of_the_record_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["last-time", "last-time.ab12.new", "last-time.new.old", "other.ab12.new"] {
            std::fs::write(directory.path().join(name), "x").unwrap();
        }
        clear_litter(&directory.path().join("last-time"));
        let mut left: Vec<String> = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["last-time", "last-time.new.old", "other.ab12.new"]);
    }

    #[test]
    fn a_write_that_fails_is_told_of_until_one_succeeds() {
        let directory = tempfile::tempdir().unwrap();
        let memory = Memory { record: directory.path().join("missing/last-time"), ..Memory::default() };
        let mut keeper = Keeper { memory: &memory, clock: Clock::system(), is_failing: false };
        assert!(!keeper.write(Duration::ZERO) && keeper.is_failing);
        std::fs::create_dir(directory.path().join("missing")).unwrap();
        assert!(keeper.write(Duration::ZERO) && !keeper.is_failing);
        assert!(memory.record.exists());
    }
}
