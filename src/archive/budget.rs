//! What an archive may still take: members, bytes, memory for the heads of members.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};

use super::error::ArchiveError;
use crate::config::ArchiveLimits;

/// Below this many unpacked bytes the ratio does not matter.
const RATIO_FLOOR_BYTES: u64 = 16 * 1024 * 1024;

/// What may still come.
pub(super) struct Budget {
    n_entries: usize,
    bytes: u64,
    limits: ArchiveLimits,
    ratio_bytes: u64,
}

impl Budget {
    pub(super) fn new(limits: &ArchiveLimits, packed_bytes: u64) -> Self {
        let ratio_bytes = packed_bytes.saturating_mul(limits.max_ratio).max(RATIO_FLOOR_BYTES);
        Budget { n_entries: 0, bytes: 0, limits: limits.clone(), ratio_bytes }
    }

    /// Returns one for the same archive, of which nothing was taken yet.
    pub(super) fn anew(&self) -> Self {
        Budget { n_entries: 0, bytes: 0, limits: self.limits.clone(), ratio_bytes: self.ratio_bytes }
    }

    pub(super) fn max_entries(&self) -> usize {
        self.limits.max_entries
    }

    pub(super) fn take_entry(&mut self) -> Result<(), ArchiveError> {
        self.n_entries += 1;
        self.check_entries(self.n_entries)
    }

    pub(super) fn check_entries(&self, n_entries: usize) -> Result<(), ArchiveError> {
        let max_entries = self.limits.max_entries;
        if n_entries > max_entries {
            return Err(ArchiveError::TooLarge(format!("more than {max_entries} members (ARCHIVE_MAX_ENTRIES)")));
        }
        Ok(())
    }

    pub(super) fn take_bytes(&mut self, bytes: u64) -> Result<(), ArchiveError> {
        self.bytes = self.bytes.saturating_add(bytes);
        let ArchiveLimits { max_bytes, max_ratio, .. } = self.limits;
        if self.bytes > max_bytes {
            return Err(ArchiveError::TooLarge(format!("more than {max_bytes} bytes unpacked (ARCHIVE_MAX_SIZE)")));
        }
        if self.bytes > self.ratio_bytes {
            let text = format!("unpacked more than {max_ratio} times its packed size (ARCHIVE_MAX_RATIO)");
            return Err(ArchiveError::TooLarge(text));
        }
        Ok(())
    }
}

/// What happened while an archive was read, beside what its library says.
#[derive(Default)]
pub(super) struct Watch {
    /// Why reading was stopped.
    exceeded: RefCell<Option<ArchiveError>>,
    /// What the source itself failed with.
    failure: RefCell<Option<io::Error>>,
    /// Whether the source came to its end.
    pub(super) is_at_end: Cell<bool>,
    /// What may be read until it is set again: little while the head of a member is read.
    pub(super) allowance: Cell<u64>,
}

impl Watch {
    /// Returns why reading failed: what was exceeded, else what the source failed with, else what `otherwise` says.
    pub(super) fn reason(&self, otherwise: impl FnOnce() -> ArchiveError) -> ArchiveError {
        if let Some(error) = self.exceeded.borrow_mut().take() {
            return error;
        }
        match self.failure.borrow_mut().take() {
            Some(error) if error.kind() == io::ErrorKind::UnexpectedEof => cut_off(),
            Some(error) => ArchiveError::Format(format!("it is broken: {error}")),
            None if self.is_at_end.get() => cut_off(),
            None => otherwise(),
        }
    }

    /// Returns why reading was stopped, or `error` if it was not.
    pub(super) fn exceeded_or(&self, error: ArchiveError) -> ArchiveError {
        self.exceeded.borrow_mut().take().unwrap_or(error)
    }
}

fn cut_off() -> ArchiveError {
    ArchiveError::Format("it is cut off; upload it again".to_owned())
}

/// Counts what is read and stops at the budget's end.
pub(super) struct Counting<'a, R> {
    pub(super) inner: R,
    pub(super) budget: &'a mut Budget,
    pub(super) watch: &'a Watch,
}

impl<R: Read> Read for Counting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = match self.inner.read(buffer) {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                let shown = io::Error::new(error.kind(), error.to_string());
                *self.watch.failure.borrow_mut() = Some(error);
                return Err(shown);
            }
        };
        if n == 0 && !buffer.is_empty() {
            self.watch.is_at_end.set(true);
        }
        let left = self.watch.allowance.get().checked_sub(n as u64);
        let taken = match left {
            Some(left) => {
                self.watch.allowance.set(left);
                self.budget.take_bytes(n as u64)
            }
            None => Err(ArchiveError::TooLarge("the head of a member is too long".to_owned())),
        };
        taken.map(|()| n).map_err(|error| {
            *self.watch.exceeded.borrow_mut() = Some(error);
            io::Error::other("too large")
        })
    }
}
