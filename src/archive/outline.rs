//! What an archive would become, computed without writing anything.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::ffi::OsStr;
use std::hash::BuildHasher;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::entry::{Entry, Sort};
use super::error::{ArchiveError, shown};
use super::top::Top;
use super::unpack::{Sink, in_place_of_directory, through, to_nothing};

/// So much of a script is kept.
const MAX_SCRIPT_BYTES: u64 = 256 * 1024;
/// So many names are kept.
const MAX_NAMES: usize = 2000;

/// What an archive holds, as its nodes will see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// The single directory at its top, which is left out when it is unpacked.
    pub(crate) top: Option<String>,
    /// Files at the top and in the directories there, at most two thousand.
    pub(crate) names: Vec<String>,
    /// The beginnings of the wanted scripts that are at the top, by name.
    pub(crate) scripts: Vec<(String, Vec<u8>)>,
}

impl Contents {
    /// Returns what a user is told of a single directory at the top.
    #[must_use]
    pub(crate) fn top_note(&self) -> Option<String> {
        let top = self.top.as_ref()?;
        Some(format!("everything lies in the directory '{top}', which nodes leave out"))
    }
}

/// Reads members as if they were unpacked, and keeps what it is asked for.
pub(super) struct Outline<'a> {
    wanted: &'a [&'static str],
    /// By the hash of the path, so that memory is bounded by the number of members.
    seen: HashMap<u64, Seen>,
    hasher: RandomState,
    top: Top,
    names: Vec<PathBuf>,
    scripts: HashMap<PathBuf, Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    File,
    Directory { is_empty: bool },
    Link,
}

impl<'a> Outline<'a> {
    /// Keeps the scripts with these names.
    pub(super) fn new(wanted: &'a [&'static str]) -> Self {
        Outline {
            wanted,
            seen: HashMap::new(),
            hasher: RandomState::new(),
            top: Top::default(),
            names: Vec::new(),
            scripts: HashMap::new(),
        }
    }

    /// Returns what the archive holds.
    ///
    /// # Errors
    /// A link leads out of the single directory at the top.
    pub(super) fn contents(self) -> Result<Contents, ArchiveError> {
        let top = self.top.single()?;
        let below = |path: &Path| match top {
            Some(top) => path.strip_prefix(top).ok().map(Path::to_owned),
            None => Some(path.to_owned()),
        };
        let names = self.names.iter().filter_map(|path| below(path)).filter(|path| path.components().count() <= 2);
        let names = names.map(|path| shown(&path)).collect();
        let scripts = self.scripts.iter().filter_map(|(path, text)| {
            let name = self.wanted.iter().find(|name| below(path).is_some_and(|path| path == Path::new(name)))?;
            Some(((*name).to_owned(), text.clone()))
        });
        let mut scripts: Vec<(String, Vec<u8>)> = scripts.collect();
        scripts.sort_unstable();
        Ok(Contents { top: top.map(shown), names, scripts })
    }

    /// Does to what is known what unpacking does to files.
    fn place(&mut self, entry: &Entry) -> Result<(), ArchiveError> {
        let path = &entry.path;
        let mut parent = PathBuf::new();
        for part in path.parent().into_iter().flat_map(Path::components) {
            parent.push(part);
            let seen = self.seen.entry(self.hasher.hash_one(&parent)).or_insert(Seen::Directory { is_empty: false });
            match seen {
                Seen::Directory { is_empty } => *is_empty = false,
                Seen::File | Seen::Link => return Err(through(path)),
            }
        }
        let key = self.hasher.hash_one(path);
        let now = match &entry.sort {
            Sort::File => Seen::File,
            Sort::Directory => Seen::Directory { is_empty: true },
            Sort::SymbolicLink(_) => Seen::Link,
            Sort::HardLink(target) if self.seen.get(&self.hasher.hash_one(target)) == Some(&Seen::File) => Seen::File,
            Sort::HardLink(_) => return Err(to_nothing(path)),
        };
        match (self.seen.get(&key), now) {
            (Some(Seen::Directory { .. }), Seen::Directory { .. }) => return Ok(()),
            (Some(Seen::Directory { is_empty: false }), _) => return Err(in_place_of_directory(path)),
            _ => {}
        }
        if entry.sort == Sort::HardLink(path.clone()) {
            return Err(to_nothing(path));
        }
        self.seen.insert(key, now);
        Ok(())
    }
}

impl Sink for Outline<'_> {
    fn put(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<(), ArchiveError> {
        self.top.note(entry);
        self.place(entry)?;
        let broken = |error: io::Error| ArchiveError::broken(&entry.path, &error);
        let is_near = entry.path.components().count() <= 3 && entry.sort != Sort::Directory;
        if is_near && self.names.len() < MAX_NAMES {
            self.names.push(entry.path.clone());
        }
        let name = entry.path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if is_near && entry.sort == Sort::File && self.wanted.contains(&name) && self.scripts.len() < MAX_NAMES / 100 {
            let mut text = Vec::new();
            (&mut *content).take(MAX_SCRIPT_BYTES).read_to_end(&mut text).map_err(broken)?;
            self.scripts.insert(entry.path.clone(), text);
        }
        io::copy(content, &mut io::sink()).map_err(broken)?;
        Ok(())
    }
}
