//! Reads tar files within bounds. Must not know where members go.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::budget::{Budget, Counting, Watch};
use super::entry::{Entry, Sort};
use super::error::ArchiveError;
use super::format::{self, HEAD_BYTES, Packing};
use super::sparse::{self, SparseHeader};
use super::unpack::Sink;
use super::zstd;

/// Memory that unpacking xz may take; `xz -9` needs 65 MB.
const XZ_MEMORY_BYTES: u64 = 96 * 1024 * 1024;
/// Names and attributes of a member, which the tar library keeps in memory.
const MAX_HEAD_BYTES: u64 = 1024 * 1024;
const BUFFER_BYTES: usize = 64 * 1024;

/// Reads a tar file that is packed in this way, and passes every member to `sink`.
pub(super) fn read(
    packed: impl BufRead + 'static,
    packing: Packing,
    budget: &mut Budget,
    sink: &mut dyn Sink,
) -> Result<(), ArchiveError> {
    let plain: Box<dyn Read> = match packing {
        Packing::Plain => Box::new(packed),
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
        Packing::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(packed)),
        Packing::Zstd => Box::new(zstd::Frames::new(packed)),
        Packing::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY_BYTES, liblzma::stream::CONCATENATED);
            let stream = stream.map_err(|error| ArchiveError::Storage(error.to_string()))?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(packed, stream))
        }
    };
    let watch = Watch::default();
    watch.allowance.set(u64::MAX);
    // The stream itself is counted: headers, long names and padding cost time and memory as well.
    let mut of_stream = budget.anew();
    let counting = Counting { inner: plain, budget: &mut of_stream, watch: &watch };
    let mut stream = BufReader::with_capacity(BUFFER_BYTES, counting);
    let head = peek(&mut stream).map_err(|error| watch.reason(|| ArchiveError::Format(error.to_string())))?;
    format::expect_tar(&head, packing)?;
    let mut tar = tar::Archive::new(io::Cursor::new(head).chain(stream));
    read_members(&mut tar, budget, sink, &watch)?;
    // The sums of a packed file stand at its end.
    watch.allowance.set(u64::MAX);
    let rest = io::copy(&mut tar.into_inner(), &mut io::sink());
    rest.map(drop).map_err(|error| watch.reason(|| ArchiveError::Format(error.to_string())))
}

/// Reads the first block, or less if there is less.
fn peek(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    stream.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn read_members<R: Read>(
    tar: &mut tar::Archive<R>,
    budget: &mut Budget,
    sink: &mut dyn Sink,
    watch: &Watch,
) -> Result<(), ArchiveError> {
    let broken = |error: io::Error| watch.reason(|| ArchiveError::Format(format!("it is broken: {error}")));
    let mut any = false;
    watch.allowance.set(MAX_HEAD_BYTES);
    for member in tar.entries().map_err(broken)? {
        let mut member = member.map_err(broken)?;
        let name = PathBuf::from(OsStr::from_bytes(&member.path_bytes()));
        match member.header().entry_type().as_byte() {
            b'g' => check_global(&mut member, &name, watch)?,
            // The label of the archive (tar -V).
            b'V' => {}
            _ => {
                any = true;
                budget.take_entry()?;
                read_member(&mut member, name, budget, sink, watch)?;
            }
        }
        watch.allowance.set(MAX_HEAD_BYTES);
    }
    if watch.is_at_end.get() {
        return Err(ArchiveError::Format("it is cut off: its end mark is missing; upload it again".to_owned()));
    }
    if any { Ok(()) } else { Err(ArchiveError::Format("it has no members; pack the files again".to_owned())) }
}

fn read_member<R: Read>(
    member: &mut tar::Entry<'_, R>,
    name: PathBuf,
    budget: &mut Budget,
    sink: &mut dyn Sink,
    watch: &Watch,
) -> Result<(), ArchiveError> {
    let header = header_of(member, &name)?;
    let name = header.name.clone().unwrap_or(name);
    let sort = sort_of(member, &name)?;
    let mode = member.header().mode();
    let mode = mode.map_err(|_| ArchiveError::member(&name, "has a head that cannot be read; pack it again"))?;
    let Some(entry) = Entry::new(&name, sort, mode)? else { return Ok(()) };
    watch.allowance.set(u64::MAX);
    let stored_bytes = member.size();
    let map = header.map(member, stored_bytes);
    let map = map.map_err(|reason| watch.reason(|| sparse::refused(&name, &reason)))?;
    // A file with holes is larger than what is stored of it.
    budget.take_bytes(map.as_ref().map_or(stored_bytes, |map| map.real_bytes))?;
    let is_file = entry.sort == Sort::File;
    let mut whole: Box<dyn Read + '_> = match map {
        Some(map) => Box::new(map.whole(&mut *member)),
        None => Box::new(Content { n_left: if is_file { stored_bytes } else { 0 }, inner: &mut *member }),
    };
    let put = sink.put(&entry, &mut *whole);
    drop(whole);
    put.map_err(|error| if matches!(error, ArchiveError::Format(_)) { watch.reason(|| error) } else { error })
}

/// Reads the PAX records of a member.
fn header_of<R: Read>(member: &mut tar::Entry<'_, R>, name: &Path) -> Result<SparseHeader, ArchiveError> {
    let broken = || ArchiveError::member(name, "has a head that cannot be read; pack it again");
    let mut header = SparseHeader::default();
    let Some(records) = member.pax_extensions().map_err(|_| broken())? else { return Ok(header) };
    for record in records {
        let record = record.map_err(|_| broken())?;
        let key = record.key_bytes();
        if is_unknown_form(key) {
            return Err(sparse::refused(name, "holes in a form of another system"));
        }
        header.note(key, record.value_bytes()).map_err(|reason| sparse::refused(name, &reason))?;
    }
    Ok(header)
}

/// Returns whether a PAX record says that the member's bytes are not simply its content.
fn is_unknown_form(key: &[u8]) -> bool {
    [&b"SUN.holesdata"[..], b"SCHILY.realsize", b"SCHILY.offset", b"GNU.volume"]
        .iter()
        .any(|known| key.starts_with(known))
}

/// Refuses records for all members that would change their names or contents.
fn check_global<R: Read>(member: &mut tar::Entry<'_, R>, name: &Path, watch: &Watch) -> Result<(), ArchiveError> {
    let broken = |error: io::Error| watch.reason(|| ArchiveError::Format(format!("it is broken: {error}")));
    let Some(records) = member.pax_extensions().map_err(broken)? else { return Ok(()) };
    for record in records {
        let record = record.map_err(broken)?;
        let key = record.key_bytes();
        let is_one_name = [&b"path"[..], b"linkpath", b"size"].contains(&key) || key.starts_with(b"GNU.");
        if is_one_name || is_unknown_form(key) {
            let key = String::from_utf8_lossy(key);
            let reason = format!("gives all members one '{}'; pack the files without it", key.escape_debug());
            return Err(ArchiveError::member(name, &reason));
        }
    }
    Ok(())
}

fn sort_of<R: Read>(member: &tar::Entry<'_, R>, name: &Path) -> Result<Sort, ArchiveError> {
    let link = || {
        let link = member.link_name_bytes().map(|link| PathBuf::from(OsStr::from_bytes(&link)));
        link.ok_or_else(|| ArchiveError::member(name, "is a link to nothing; leave it out"))
    };
    let reason = match member.header().entry_type().as_byte() {
        // Old tar files know a directory by its name only.
        0 | b'0' if name.as_os_str().as_bytes().ends_with(b"/") => return Ok(Sort::Directory),
        0 | b'0' | b'7' | b'S' => return Ok(Sort::File),
        b'5' => return Ok(Sort::Directory),
        b'2' => return Ok(Sort::SymbolicLink(link()?)),
        b'1' => return Ok(Sort::HardLink(link()?)),
        b'3' | b'4' => "is neither a file, a directory nor a link, but a device; leave it out",
        b'6' => "is neither a file, a directory nor a link, but a pipe; leave it out",
        b'D' => "is of an incremental archive, which holds only what changed; pack without --listed-incremental",
        b'M' => "goes on from another volume; pack without --multi-volume",
        b'N' => "has a name in a form that tar left long ago; pack it with a newer tar",
        b'X' | b'A' | b'E' | b'I' => "is in a form of Solaris or star; pack it with tar --format=pax or --format=gnu",
        _ => "is of an unknown sort, neither a file, a directory nor a link; leave it out",
    };
    Err(ArchiveError::member(name, reason))
}

/// The content of a member, which fails if the archive ends within it.
struct Content<R> {
    inner: R,
    n_left: u64,
}

impl<R: Read> Read for Content<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.n_left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(self.n_left).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.inner.read(&mut buffer[..most])?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.n_left -= n as u64;
        Ok(n)
    }
}
