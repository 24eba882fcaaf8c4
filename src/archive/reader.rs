//! Reads the formats of archives, within bounds.
//!
//! Must not know where members go.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::entry::{Entry, Sort};
use super::error::ArchiveError;
use super::unpack::Sink;
use crate::config::ArchiveLimits;

/// Memory that unpacking xz may take; `xz -9` needs 65 MB.
const XZ_MEMORY_BYTES: u64 = 96 * 1024 * 1024;
/// Below this many unpacked bytes the ratio does not matter.
const RATIO_FLOOR_BYTES: u64 = 16 * 1024 * 1024;
const MAX_LINK_BYTES: u64 = 4096;
/// Names and attributes of a tar member, which the tar library keeps in memory.
const MAX_HEAD_BYTES: u64 = 1024 * 1024;

/// Reads the whole archive and passes every member to `sink`.
pub(crate) fn read(archive: &Path, limits: &ArchiveLimits, sink: &mut dyn Sink) -> Result<(), ArchiveError> {
    let mut file = File::open(archive).map_err(|error| ArchiveError::Storage(error.to_string()))?;
    let packed_bytes = file.metadata().map_err(|error| ArchiveError::Storage(error.to_string()))?.len();
    let mut head = [0; 512];
    let n = read_full(&mut file, &mut head).map_err(|_| ArchiveError::Format)?;
    let head = &head[..n];
    file.seek(SeekFrom::Start(0)).map_err(|_| ArchiveError::Format)?;
    let mut budget = Budget::new(limits, packed_bytes);
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return read_zip(file, &mut budget, sink);
    }
    let buffered = BufReader::with_capacity(64 * 1024, file);
    let plain: Box<dyn Read> = if head.starts_with(b"\x1f\x8b") {
        Box::new(flate2::bufread::MultiGzDecoder::new(buffered))
    } else if head.starts_with(b"BZh") {
        Box::new(bzip2::bufread::MultiBzDecoder::new(buffered))
    } else if head.starts_with(b"\xfd7zXZ\0") {
        let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY_BYTES, liblzma::stream::CONCATENATED)
            .map_err(|_| ArchiveError::Format)?;
        Box::new(liblzma::bufread::XzDecoder::new_stream(buffered, stream))
    } else {
        Box::new(buffered)
    };
    read_tar(plain, &mut budget, sink)
}

/// What may still come.
struct Budget {
    entries: usize,
    bytes: u64,
    limits: ArchiveLimits,
    ratio_bytes: u64,
}

impl Budget {
    fn new(limits: &ArchiveLimits, packed_bytes: u64) -> Self {
        let ratio_bytes = packed_bytes.saturating_mul(limits.max_ratio).max(RATIO_FLOOR_BYTES);
        Budget { entries: 0, bytes: 0, limits: limits.clone(), ratio_bytes }
    }

    fn take_entry(&mut self) -> Result<(), ArchiveError> {
        self.entries += 1;
        if self.entries > self.limits.max_entries {
            return Err(ArchiveError::TooLarge(format!("more than {} members", self.limits.max_entries)));
        }
        Ok(())
    }

    fn check_bytes(&self, bytes: u64) -> Result<(), ArchiveError> {
        if bytes > self.limits.max_bytes {
            return Err(ArchiveError::TooLarge(format!("more than {} bytes unpacked", self.limits.max_bytes)));
        }
        if bytes > self.ratio_bytes {
            let ratio = self.limits.max_ratio;
            return Err(ArchiveError::TooLarge(format!("unpacked more than {ratio} times its packed size")));
        }
        Ok(())
    }
}

/// Counts what is read and stops at the budget's end; `exceeded` then tells
/// that from a broken archive.
struct Counting<'a, R> {
    inner: R,
    budget: &'a mut Budget,
    exceeded: &'a RefCell<Option<ArchiveError>>,
    /// What may be read until it is set again: little while the head of a member is read.
    allowance: &'a Cell<u64>,
}

impl<R: Read> Read for Counting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.budget.bytes += n as u64;
        let Some(left) = self.allowance.get().checked_sub(n as u64) else {
            *self.exceeded.borrow_mut() = Some(ArchiveError::TooLarge("the head of a member is too long".to_owned()));
            return Err(io::Error::other("too large"));
        };
        self.allowance.set(left);
        if let Err(error) = self.budget.check_bytes(self.budget.bytes) {
            *self.exceeded.borrow_mut() = Some(error);
            return Err(io::Error::other("too large"));
        }
        Ok(n)
    }
}

fn read_tar(plain: Box<dyn Read>, budget: &mut Budget, sink: &mut dyn Sink) -> Result<(), ArchiveError> {
    let exceeded = RefCell::new(None);
    // The stream itself is counted: headers, long names and padding cost time and memory as well.
    let mut stream = Budget { entries: 0, bytes: 0, limits: budget.limits.clone(), ratio_bytes: budget.ratio_bytes };
    let allowance = Cell::new(MAX_HEAD_BYTES);
    let counting = Counting { inner: plain, budget: &mut stream, exceeded: &exceeded, allowance: &allowance };
    let mut tar = tar::Archive::new(counting);
    let outcome = read_members(&mut tar, budget, sink, &allowance);
    match exceeded.into_inner() {
        Some(error) => Err(error),
        None => outcome,
    }
}

fn read_members<R: Read>(
    tar: &mut tar::Archive<R>,
    budget: &mut Budget,
    sink: &mut dyn Sink,
    allowance: &Cell<u64>,
) -> Result<(), ArchiveError> {
    let mut any = false;
    for member in tar.entries().map_err(|_| ArchiveError::Format)? {
        let mut member = member.map_err(|_| ArchiveError::Format)?;
        let sort = member.header().entry_type();
        if matches!(sort, tar::EntryType::XGlobalHeader) {
            continue;
        }
        any = true;
        budget.take_entry()?;
        let name = member.path().map_err(|_| ArchiveError::Name)?.into_owned();
        let link = || -> Result<PathBuf, ArchiveError> {
            let link = member.link_name().map_err(|_| ArchiveError::Format)?;
            link.map(std::borrow::Cow::into_owned).ok_or(ArchiveError::Format)
        };
        let sort = match sort {
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => Sort::File,
            tar::EntryType::Directory => Sort::Directory,
            tar::EntryType::Symlink => Sort::SymbolicLink(link()?),
            tar::EntryType::Link => Sort::HardLink(link()?),
            _ => return Err(ArchiveError::Sort(name.display().to_string())),
        };
        let mode = member.header().mode().map_err(|_| ArchiveError::Format)?;
        // A sparse member says that it is larger than what is stored of it.
        budget.bytes = budget.bytes.saturating_add(member.size());
        budget.check_bytes(budget.bytes)?;
        if let Some(entry) = Entry::new(&name, sort, mode)? {
            allowance.set(u64::MAX);
            sink.put(&entry, &mut member)?;
            io::copy(&mut member, &mut io::sink()).map_err(|_| ArchiveError::Format)?;
        }
        allowance.set(MAX_HEAD_BYTES);
    }
    if any { Ok(()) } else { Err(ArchiveError::Format) }
}

fn read_zip(mut file: File, budget: &mut Budget, sink: &mut dyn Sink) -> Result<(), ArchiveError> {
    // The directory of a zip file is read into memory, so its size is looked at before.
    let n_entries = count_zip_entries(&mut file).ok_or(ArchiveError::Format)?;
    if n_entries > budget.limits.max_entries {
        return Err(ArchiveError::TooLarge(format!("more than {} members", budget.limits.max_entries)));
    }
    let mut zip = zip::ZipArchive::new(BufReader::new(file)).map_err(|_| ArchiveError::Format)?;
    for index in 0..zip.len() {
        budget.take_entry()?;
        let mut member = zip.by_index(index).map_err(|_| ArchiveError::Format)?;
        let name = PathBuf::from(member.name().map_err(|_| ArchiveError::Name)?.into_owned());
        let mode = member.unix_mode().unwrap_or(if member.is_dir() { 0o755 } else { 0o644 });
        let sort = match mode & 0o170_000 {
            _ if member.is_dir() => Sort::Directory,
            0o120_000 => {
                let mut target = String::new();
                let reading = (&mut member).take(MAX_LINK_BYTES).read_to_string(&mut target);
                reading.map_err(|_| ArchiveError::Link(name.display().to_string()))?;
                Sort::SymbolicLink(PathBuf::from(target))
            }
            0 | 0o100_000 => Sort::File,
            _ => return Err(ArchiveError::Sort(name.display().to_string())),
        };
        if let Some(entry) = Entry::new(&name, sort, mode)? {
            let exceeded = RefCell::new(None);
            let allowance = Cell::new(u64::MAX);
            let mut counting = Counting { inner: &mut member, budget, exceeded: &exceeded, allowance: &allowance };
            let outcome = sink.put(&entry, &mut counting);
            if let Some(error) = exceeded.into_inner() {
                return Err(error);
            }
            outcome?;
        }
    }
    Ok(())
}

/// Returns the number of members that the end of a zip file states. Files that need
/// the 64-bit form have more members than any limit here.
fn count_zip_entries(file: &mut File) -> Option<usize> {
    const END_BYTES: u64 = 22;
    let length = file.metadata().ok()?.len();
    let tail_bytes = length.min(END_BYTES + u64::from(u16::MAX));
    file.seek(SeekFrom::Start(length - tail_bytes)).ok()?;
    let mut tail = Vec::new();
    file.take(tail_bytes).read_to_end(&mut tail).ok()?;
    let end = tail.windows(4).rposition(|window| window == b"PK\x05\x06")?;
    let count = tail.get(end + 10..end + 12)?;
    file.seek(SeekFrom::Start(0)).ok()?;
    Some(usize::from(u16::from_le_bytes([count[0], count[1]])))
}

fn read_full(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut n = 0;
    while n < buffer.len() {
        match file.read(&mut buffer[n..])? {
            0 => break,
            more => n += more,
        }
    }
    Ok(n)
}
