//! What is written down of a program: its process, its supervisor, its end.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::sys::file::{self, FileError};
use crate::sys::process::{self, ProcessId};

/// What a program counts as having ended with when its supervisor was killed together with it.
const LOST: i32 = -9;

/// How far a program has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is no record of it.
    NeverStarted,
    /// It runs; it leads a process group.
    Running(ProcessId),
    /// It ended with this code, negative for the signal that killed it.
    Ended(i32),
}

/// One run of a program. Written by its supervisor alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Tells one boot of the machine from the next: process numbers start again.
    pub boot: String,
    /// The program.
    pub program: ProcessId,
    /// The process that stays beside it.
    pub supervisor: ProcessId,
    /// How it ended, negative for the signal that killed it.
    pub code: Option<i32>,
    /// The last lines that it said in this run, once it has ended.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_lines: String,
}

impl Record {
    /// Returns the record of a program that was just started.
    #[must_use]
    pub(crate) fn new(program: ProcessId, supervisor: ProcessId) -> Self {
        Record { boot: boot(), program, supervisor, code: None, last_lines: String::new() }
    }

    /// Reads a record; one that is missing or broken is none. Blocking.
    #[must_use]
    pub(crate) fn read(path: &Path) -> Option<Record> {
        serde_json::from_slice(&file::read(path).ok()?).ok()
    }

    /// Writes the record so that it is whole whatever happens. Blocking.
    ///
    /// # Errors
    /// The directory is missing, full or not writable.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let bytes = serde_json::to_vec(self)?;
        file::write_atomic(path, &bytes, 0o600).map_err(|error: FileError| io::Error::new(error.kind(), error))
    }

    /// Returns whether the record is of this boot of the machine. Blocking.
    #[must_use]
    pub(crate) fn is_of_this_boot(&self) -> bool {
        self.boot == boot()
    }

    /// All live processes of the program, without its keeper. Blocking.
    #[must_use]
    pub(crate) fn family(&self) -> Vec<ProcessId> {
        if !self.is_of_this_boot() {
            return Vec::new();
        }
        if self.supervisor.is_alive() {
            return process::descendants(&[self.supervisor.pid]);
        }
        // Without the keeper who belongs to whom is known by the main process and its session alone.
        let mut found = process::session_of(self.program);
        if self.program.is_alive() {
            found.extend(process::descendants(&[self.program.pid]));
            found.push(self.program);
        }
        found.sort_unstable_by_key(|process| process.pid);
        found.dedup();
        found
    }
}

/// Returns how far the program of the record at `path` has come. Blocking.
#[must_use]
pub(crate) fn progress(path: &Path) -> Progress {
    let Some(record) = Record::read(path) else { return Progress::NeverStarted };
    match record.code {
        Some(code) => Progress::Ended(code),
        None if !record.is_of_this_boot() => Progress::Ended(LOST),
        None if record.program.is_alive() || record.supervisor.is_alive() => Progress::Running(record.program),
        // The supervisor may have written the end since the record was read.
        None => Progress::Ended(Record::read(path).and_then(|record| record.code).unwrap_or(LOST)),
    }
}

fn boot() -> String {
    file::read_text(Path::new("/proc/sys/kernel/random/boot_id")).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_runs_ended_or_was_lost() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("record");
        assert_eq!(progress(&path), Progress::NeverStarted);
        let own = ProcessId::own().unwrap();
        let gone = ProcessId { start_ticks: own.start_ticks + 1, ..own };
        let written = |record: Record| {
            record.write(&path).unwrap();
            progress(&path)
        };
        assert_eq!(written(Record::new(own, own)), Progress::Running(own));
        assert_eq!(written(Record::new(gone, own)), Progress::Running(gone));
        assert_eq!(written(Record::new(gone, gone)), Progress::Ended(LOST));
        assert_eq!(written(Record { code: Some(3), ..Record::new(own, own) }), Progress::Ended(3));
        assert_eq!(written(Record { boot: "another".to_owned(), ..Record::new(own, own) }), Progress::Ended(LOST));
        // One that a program before this version wrote.
        let old = r#"{"boot":"b","program":{"pid":1,"start_ticks":2},"supervisor":{"pid":1,"start_ticks":2},"code":0}"#;
        std::fs::write(&path, old).unwrap();
        assert_eq!(progress(&path), Progress::Ended(0));
    }
}
