//! Which format an archive has, known by its first bytes; and what a file is that is no archive.

use super::error::ArchiveError;

/// What is read of a file to know it.
pub(super) const HEAD_BYTES: usize = 512;
/// What is taken, in the words of users.
const TAKEN: &str = "tar (plain, or packed with gzip, bzip2, xz or zstd) and zip are taken";

/// A format that is unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Zip,
    Tar(Packing),
}

/// How a tar file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

impl Packing {
    fn as_str(self) -> &'static str {
        match self {
            Packing::Plain => "plain",
            Packing::Gzip => "gzip",
            Packing::Bzip2 => "bzip2",
            Packing::Xz => "xz",
            Packing::Zstd => "zstd",
        }
    }
}

/// How packed files begin.
const PACKED: [(&[u8], Format); 6] = [
    (b"PK\x03\x04", Format::Zip),
    (b"PK\x05\x06", Format::Zip),
    (b"\x1f\x8b", Format::Tar(Packing::Gzip)),
    (b"BZh", Format::Tar(Packing::Bzip2)),
    (b"\xfd7zXZ\0", Format::Tar(Packing::Xz)),
    (b"\x28\xb5\x2f\xfd", Format::Tar(Packing::Zstd)),
];

/// How other files begin, and what they are.
const OTHERS: &[(&[u8], &str)] = &[
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a rar archive"),
    (b"PK\x07\x08", "one part of a split zip archive"),
    (b"\x04\x22\x4d\x18", "a file packed with lz4"),
    (b"LZIP", "a file packed with lzip"),
    (b"\x89LZO", "a file packed with lzop"),
    (b"\x1f\x9d", "a file packed with compress"),
    (b"\x5d\0\0", "a file packed with lzma"),
    (b"!<arch>\n", "a Debian package or another ar archive"),
    (b"070701", "a cpio archive"),
    (b"070702", "a cpio archive"),
    (b"070707", "a cpio archive"),
    (b"\xc7\x71", "a cpio archive"),
    (b"\xed\xab\xee\xdb", "an RPM package"),
    (b"MSCF", "a cabinet archive of Windows"),
    (b"xar!", "a xar archive"),
    (b"hsqs", "a squashfs image"),
    (b"\x7fELF", "a program (ELF)"),
    (b"MZ", "a program of Windows"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"#!", "a script, not an archive"),
];

/// Knows a file by its first [`HEAD_BYTES`] bytes, or all of a shorter one.
///
/// # Errors
/// It is no archive that is unpacked; the text says what it is.
pub(super) fn recognise(head: &[u8]) -> Result<Format, ArchiveError> {
    if let Some((_, format)) = PACKED.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Ok(*format);
    }
    // A zstd file may begin with a frame that is passed over.
    if head.len() >= 4 && (0x50..=0x5f).contains(&head[0]) && head[1..4] == *b"\x2a\x4d\x18" {
        return Ok(Format::Tar(Packing::Zstd));
    }
    expect_tar(head, Packing::Plain).map(|()| Format::Tar(Packing::Plain))
}

/// Refuses what a packed file holds if it is no tar file.
///
/// # Errors
/// The text says what it is.
pub(super) fn expect_tar(head: &[u8], packing: Packing) -> Result<(), ArchiveError> {
    if is_tar(head) {
        return Ok(());
    }
    let what = if head.is_empty() && packing != Packing::Plain { "nothing" } else { describe(head) };
    Err(ArchiveError::Format(match packing {
        Packing::Plain => format!("the file is {what}; {TAKEN}"),
        _ => format!("the file is packed with {}, but holds {what} instead of a tar file; {TAKEN}", packing.as_str()),
    }))
}

/// Returns whether a block begins a tar file: its sum is right, or it is the end already.
fn is_tar(head: &[u8]) -> bool {
    const SUM: std::ops::Range<usize> = 148..156;
    if head.len() < HEAD_BYTES {
        return false;
    }
    if head.iter().all(|byte| *byte == 0) {
        return true;
    }
    let text = String::from_utf8_lossy(&head[SUM]);
    let told = u64::from_str_radix(text.trim_matches(|c: char| c == '\0' || c == ' '), 8);
    let bytes = head.iter().take(HEAD_BYTES).enumerate();
    let found: u64 = bytes.map(|(at, byte)| if SUM.contains(&at) { 32 } else { u64::from(*byte) }).sum();
    told.is_ok_and(|told| told == found)
}

/// Returns what a file is that is no archive of a known format.
fn describe(head: &[u8]) -> &'static str {
    if head.is_empty() {
        return "empty";
    }
    if let Some((_, what)) = OTHERS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return what;
    }
    if PACKED.iter().any(|(magic, _)| head.starts_with(magic)) {
        return "another packed file";
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().to_ascii_lowercase();
    if [&b"<!doctype html"[..], b"<html", b"<head", b"<body"].iter().any(|tag| text.starts_with(tag)) {
        return "an HTML page, perhaps of a server that wanted a login or did not find the file";
    }
    if text.starts_with(b"<?xml") {
        return "an XML document";
    }
    let is_text = match std::str::from_utf8(head) {
        Ok(_) => true,
        // The last character may be cut in two.
        Err(error) => error.error_len().is_none() && error.valid_up_to() > 0,
    };
    if is_text && !head.contains(&0) { "a text file" } else { "of no known format, or broken at its beginning" }
}
