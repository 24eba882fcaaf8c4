//! Files with holes, as GNU tar and bsdtar write them into PAX headers (`GNU.sparse.…`, forms 0.0, 0.1 and 1.0).
//!
//! The older form, a member type of its own, is the tar library's.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::error::ArchiveError;

/// Pieces of one file.
const MAX_PIECES: usize = 100_000;
const BLOCK_BYTES: u64 = 512;

/// What PAX headers say of a file with holes.
#[derive(Debug, Default)]
pub(super) struct SparseHeader {
    /// Its real name, where the member has a made-up one.
    pub(super) name: Option<PathBuf>,
    real_bytes: Option<u64>,
    major: Option<u64>,
    numbers: Vec<u64>,
    is_sparse: bool,
}

/// A file with holes: its size, and where its pieces lie.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SparseMap {
    pub(super) real_bytes: u64,
    /// Offset and length, in order.
    pieces: Vec<(u64, u64)>,
    /// What the map itself takes of the member's content.
    map_bytes: u64,
}

impl SparseHeader {
    /// Takes note of one PAX record.
    pub(super) fn note(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        let Some(key) = key.strip_prefix(b"GNU.sparse.") else { return Ok(()) };
        self.is_sparse = true;
        match key {
            b"name" => self.name = Some(PathBuf::from(OsStr::from_bytes(value))),
            b"size" | b"realsize" => self.real_bytes = Some(number(value)?),
            b"major" => self.major = Some(number(value)?),
            b"map" => self.numbers = value.split(|byte| *byte == b',').map(number).collect::<Result<_, _>>()?,
            b"offset" | b"numbytes" => self.numbers.push(number(value)?),
            b"minor" | b"numblocks" => {}
            _ => return Err(format!("holes in the unknown form '{}'", String::from_utf8_lossy(key))),
        }
        Ok(())
    }

    /// Returns where the pieces lie, if it is a file with holes; `content` of `stored_bytes` is read up to the first piece.
    pub(super) fn map(self, content: &mut dyn Read, stored_bytes: u64) -> Result<Option<SparseMap>, String> {
        if !self.is_sparse {
            return Ok(None);
        }
        let (numbers, map_bytes) = match self.major {
            None | Some(0) => (self.numbers, 0),
            Some(1) => read_map(content)?,
            Some(other) => return Err(format!("holes in form {other}")),
        };
        let real_bytes = self.real_bytes.ok_or("holes without the size of the file")?;
        let (pairs, rest) = numbers.as_chunks::<2>();
        let pieces: Vec<(u64, u64)> = pairs.iter().map(|[offset, length]| (*offset, *length)).collect();
        let map = SparseMap { real_bytes, pieces, map_bytes };
        if !rest.is_empty() || !map.is_consistent(stored_bytes) {
            return Err("holes that do not fit its content".to_owned());
        }
        Ok(Some(map))
    }
}

impl SparseMap {
    fn is_consistent(&self, stored_bytes: u64) -> bool {
        let mut end = 0_u64;
        let mut taken = self.map_bytes;
        for (offset, length) in &self.pieces {
            let (Some(next), Some(sum)) = (offset.checked_add(*length), taken.checked_add(*length)) else {
                return false;
            };
            if *offset < end || next > self.real_bytes {
                return false;
            }
            (end, taken) = (next, sum);
        }
        taken == stored_bytes
    }

    /// Returns the file as it was, of `content` that begins with the first piece.
    pub(super) fn whole<R: Read>(self, content: R) -> Whole<R> {
        Whole { content, pieces: self.pieces.into_iter(), piece: (0, 0), at: 0, real_bytes: self.real_bytes }
    }
}

/// Reads a file with its holes, which are zeros.
pub(super) struct Whole<R> {
    content: R,
    pieces: std::vec::IntoIter<(u64, u64)>,
    /// Begin and end of the piece that is read or comes next.
    piece: (u64, u64),
    at: u64,
    real_bytes: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.piece.1 {
            match self.pieces.next() {
                Some((offset, length)) => self.piece = (offset, offset + length),
                None => break,
            }
        }
        let (begin, end) = self.piece;
        let is_hole = self.at < begin || self.at >= end;
        let until = match (self.at < begin, is_hole) {
            (true, _) => begin,
            (false, true) => self.real_bytes,
            (false, false) => end,
        };
        let n = usize::try_from(until - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let n = if is_hole {
            buffer[..n].fill(0);
            n
        } else {
            self.content.read(&mut buffer[..n])?
        };
        if n == 0 && !is_hole && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += n as u64;
        Ok(n)
    }
}

/// Reads the map of form 1.0: decimal numbers in lines, filled up to a whole block.
fn read_map(content: &mut dyn Read) -> Result<(Vec<u64>, u64), String> {
    let mut lines = Lines { content, block: [0; BLOCK_BYTES as usize], at: BLOCK_BYTES as usize, n_blocks: 0 };
    let n_pieces = usize::try_from(lines.number()?).ok().filter(|n| *n <= MAX_PIECES);
    let n_pieces = n_pieces.ok_or_else(|| format!("more than {MAX_PIECES} holes"))?;
    let numbers = (0..n_pieces * 2).map(|_| lines.number()).collect::<Result<Vec<u64>, String>>()?;
    Ok((numbers, lines.n_blocks * BLOCK_BYTES))
}

struct Lines<'a> {
    content: &'a mut dyn Read,
    block: [u8; BLOCK_BYTES as usize],
    at: usize,
    n_blocks: u64,
}

impl Lines<'_> {
    fn number(&mut self) -> Result<u64, String> {
        let mut digits = Vec::new();
        loop {
            if self.at == self.block.len() {
                self.content.read_exact(&mut self.block).map_err(|_| "a map of holes that is cut off")?;
                (self.at, self.n_blocks) = (0, self.n_blocks + 1);
            }
            let byte = self.block[self.at];
            self.at += 1;
            match byte {
                b'\n' => return number(&digits),
                _ if digits.len() < 20 => digits.push(byte),
                _ => return Err("a map of holes that cannot be read".to_owned()),
            }
        }
    }
}

fn number(text: &[u8]) -> Result<u64, String> {
    let text = std::str::from_utf8(text).ok().map(str::trim);
    text.and_then(|text| text.parse().ok()).ok_or_else(|| "a map of holes that cannot be read".to_owned())
}

/// Names a member whose holes cannot be read.
pub(super) fn refused(path: &std::path::Path, reason: &str) -> ArchiveError {
    ArchiveError::member(
        path,
        &format!("has {reason}; pack it without holes (tar without --sparse, bsdtar --no-read-sparse)"),
    )
}
