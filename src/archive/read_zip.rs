//! Reads zip files within bounds. Must not know where members go.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use zip::read::ZipFile;

use super::budget::{Budget, Counting, Watch};
use super::entry::{Entry, Sort, leads_out, names_drive};
use super::error::ArchiveError;
use super::unpack::Sink;
use super::zip_directory::{self, Names};

const MAX_LINK_BYTES: u64 = 4096;
const SORT_BITS: u32 = 0o170_000;
/// Names of files that Windows keeps for devices.
const RESERVED: [&str; 4] = ["con", "prn", "aux", "nul"];
const NUMBERED: [&str; 2] = ["com", "lpt"];

/// Reads a zip file, and passes every member to `sink`.
pub(super) fn read(mut file: File, budget: &mut Budget, sink: &mut dyn Sink) -> Result<(), ArchiveError> {
    let names = zip_directory::check(&mut file, budget)?;
    let broken = |error: zip::result::ZipError| ArchiveError::Format(format!("it is broken: {error}"));
    let mut zip = zip::ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    if zip.len() > budget.max_entries() {
        return budget.check_entries(zip.len());
    }
    if zip.is_empty() {
        return Err(ArchiveError::Format("it has no members; pack the files again".to_owned()));
    }
    for index in 0..zip.len() {
        budget.take_entry()?;
        let mut member = zip.by_index(index).map_err(broken)?;
        let name = name_of(&member, names)?;
        let entry = sort_of(&mut member, &name).and_then(|(sort, mode)| Entry::new(&name, sort, mode))?;
        let Some(entry) = entry else { continue };
        let watch = Watch::default();
        watch.allowance.set(u64::MAX);
        let mut counting = Counting { inner: &mut member, budget, watch: &watch };
        sink.put(&entry, &mut counting).map_err(|error| watch.exceeded_or(error))?;
    }
    Ok(())
}

/// Returns a member's name with slashes between its directories.
fn name_of<R: Read>(member: &ZipFile<'_, R>, names: Names) -> Result<PathBuf, ArchiveError> {
    let raw = member.name_raw();
    // Many programs write UTF-8 without saying so.
    let name: Cow<'_, [u8]> = match std::str::from_utf8(raw) {
        Ok(_) => Cow::Borrowed(raw),
        Err(_) => {
            let decoded = member.name().map(|name| name.into_owned().into_bytes());
            let unknown = |_| ArchiveError::member(Path::new(OsStr::from_bytes(raw)), "has a name in unknown letters");
            Cow::Owned(decoded.map_err(unknown)?)
        }
    };
    let path = Path::new(OsStr::from_bytes(&name));
    let name = if name.contains(&b'\\') {
        if names.any_slash && !is_of_windows(member) {
            let reason = "has a backslash in its name, and it is not clear whether that parts directories; \
                          rename it, or pack the files as tar";
            return Err(ArchiveError::member(path, reason));
        }
        name.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect()
    } else {
        name.to_vec()
    };
    let shown = path.to_owned();
    // There a path may go on from the current directory of a drive.
    if is_of_windows(member) && names_drive(&name) {
        return Err(leads_out(&shown));
    }
    let name = PathBuf::from(OsStr::from_bytes(&name).to_owned());
    if name.components().any(|part| is_reserved(&part.as_os_str().to_string_lossy())) {
        return Err(ArchiveError::member(&shown, "has a name that Windows keeps for a device; rename it"));
    }
    Ok(name)
}

/// Returns whether the member was packed by a program for Windows or DOS.
fn is_of_windows<R: Read>(member: &ZipFile<'_, R>) -> bool {
    matches!(member.system(), zip::System::Dos | zip::System::WindowsNTFS | zip::System::VFAT | zip::System::Os2)
}

fn is_reserved(part: &str) -> bool {
    let part = part.to_ascii_lowercase();
    let mut numbered = NUMBERED.iter().filter_map(|name| part.strip_prefix(name));
    RESERVED.contains(&part.as_str())
        || numbered.any(|rest| rest.len() == 1 && rest.bytes().all(|byte| (b'1'..=b'9').contains(&byte)))
}

/// Returns what a member is, and its mode; reads the target of a link.
fn sort_of<R: Read>(member: &mut ZipFile<'_, R>, name: &Path) -> Result<(Sort, u32), ArchiveError> {
    let is_directory = member.is_dir() || name.as_os_str().as_bytes().ends_with(b"/");
    let mode = member.unix_mode().filter(|mode| *mode & 0o777 != 0);
    let mode = mode.unwrap_or(if is_directory { 0o755 } else { 0o644 });
    let sort = match member.unix_mode().unwrap_or(0) & SORT_BITS {
        _ if is_directory => Sort::Directory,
        0o120_000 => {
            let mut target = Vec::new();
            let reading = member.take(MAX_LINK_BYTES).read_to_end(&mut target);
            reading.map_err(|error| ArchiveError::broken(name, &error))?;
            Sort::SymbolicLink(PathBuf::from(OsStr::from_bytes(&target)))
        }
        0 | 0o100_000 => Sort::File,
        _ => {
            let reason = "is neither a file, a directory nor a link; leave it out";
            return Err(ArchiveError::member(name, reason));
        }
    };
    Ok((sort, mode))
}
