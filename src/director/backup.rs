//! `conpaas director backup` and `restore`: database, certificates and
//! configuration in one file, a tar archive.
//!
//! Nodes and volumes are not in it: they are where their clouds keep them.
//! What was made after the backup is found by the director that starts with
//! the restored database (`orphan`), which removes none of it unasked.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Component, Path, PathBuf};

use super::lock::{self, LockError};
use crate::config::{ConfigError, DirectorConfig};
use crate::pki::{Authority, AuthorityError};
use crate::store::director::mark;
use crate::store::{self, StoreError};
use crate::sys::file::{self, FileError};
use crate::sys::random;

const CONFIG: &str = "director.cfg";
const DATABASE: &str = "director.db";
/// Folders of the archive.
const CERTS: &str = "certs";
const CONF: &str = "conf";
/// Certificates, keys, configurations; the database has no bound but the disk.
const MAX_FILE_BYTES: u64 = 16 << 20;
const BEFORE: &str = ".before-restore";

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// The configuration cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The authority cannot be used.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The database is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A director runs.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Something is not as it must be.
    #[error("{0}")]
    Refused(String),
    /// What was not restored.
    #[error("cannot restore {}", from.display())]
    Restore {
        /// The backup.
        from: PathBuf,
        /// Why.
        #[source]
        source: Box<BackupError>,
    },
}

/// Writes a backup of the director at `director_cfg`, which may run, to `to`,
/// which must not be there and is for its owner's eyes alone. Blocking.
///
/// # Errors
/// Something cannot be read, the database is damaged, or the file cannot be written.
pub(crate) fn backup(director_cfg: &Path, to: &Path) -> Result<(), BackupError> {
    let config = DirectorConfig::read(director_cfg)?;
    if fs::symlink_metadata(to).is_ok() {
        return Err(BackupError::Refused(format!("{} is there already: name another file", to.display())));
    }
    let beside = |what: &str| {
        let mut name = to.as_os_str().to_owned();
        name.push(format!(".{}.{what}", random::alphanumeric(8)));
        PathBuf::from(name)
    };
    let (copy, unfinished) = (beside("db"), beside("new"));
    let outcome =
        copy_database(&config, &copy).and_then(|()| write_archive(&config, &copy, &unfinished)).and_then(|()| {
            // Somebody may have made it meanwhile.
            Ok(fs::hard_link(&unfinished, to).map_err(failed("make", to))?)
        });
    for temporary in [copy, unfinished] {
        file::ensure_absent(&temporary)?;
    }
    outcome
}

/// Puts back what [`backup`] wrote to `from`; what is replaced is kept beside
/// it. Returns a line for each thing that was put back. Blocking.
///
/// # Errors
/// The archive is none of ours or damaged, a director runs, or a file cannot be written.
pub(crate) fn restore(director_cfg: &Path, from: &Path) -> Result<Vec<String>, BackupError> {
    let home = director_cfg.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    file::ensure_directory(home)?;
    let unpacked = home.join(format!(".restore-{}", random::alphanumeric(8)));
    file::ensure_private_directory(&unpacked)?;
    let outcome = unpack(from, &unpacked).and_then(|()| put_back(director_cfg, &unpacked));
    file::ensure_absent(&unpacked)?;
    outcome.map_err(|error| BackupError::Restore { from: from.to_owned(), source: Box::new(error) })
}

fn copy_database(config: &DirectorConfig, copy: &Path) -> Result<(), BackupError> {
    if !config.database.exists() {
        return Err(BackupError::Refused(format!("there is no database {}", config.database.display())));
    }
    let store = store::director::open(&config.database)?;
    store.check()?;
    Ok(store.copy_to(copy)?)
}

fn write_archive(config: &DirectorConfig, database: &Path, to: &Path) -> Result<(), BackupError> {
    let out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(failed("write", to))?;
    let mut archive = tar::Builder::new(out);
    let mut add = |path: &Path, name: &Path| archive.append_path_with_name(path, name).map_err(failed("back up", path));
    add(&config.file, Path::new(CONFIG))?;
    for path in files_of(&config.cert_dir)? {
        add(&path, &Path::new(CERTS).join(path.file_name().unwrap_or_default()))?;
    }
    let database_path = config.database.as_os_str().as_encoded_bytes();
    for path in files_of(&config.conf_dir)? {
        let is_database = path.as_os_str().as_encoded_bytes().starts_with(database_path);
        if path != config.file && !is_database {
            add(&path, &Path::new(CONF).join(path.file_name().unwrap_or_default()))?;
        }
    }
    add(database, Path::new(DATABASE))?;
    Ok(archive.into_inner().and_then(|out| out.sync_all()).map_err(failed("write", to))?)
}

/// Plain files of a directory that are not too large to be a configuration, by name.
fn files_of(directory: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(failed("list", directory))?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed("list", directory))?;
        let metadata = entry.metadata().map_err(failed("look at", &entry.path()))?;
        let is_old = entry.file_name().as_encoded_bytes().ends_with(BEFORE.as_bytes());
        if metadata.is_file() && metadata.len() <= MAX_FILE_BYTES && !is_old {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

fn unpack(from: &Path, into: &Path) -> Result<(), BackupError> {
    let no_backup =
        |why: String| BackupError::Refused(format!("it is no backup of a director, or it is cut off: {why}"));
    let archive = File::open(from).map_err(failed("open", from))?;
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries().map_err(|error| no_backup(error.to_string()))? {
        let mut entry = entry.map_err(|error| no_backup(error.to_string()))?;
        let name = entry.path().map_err(|error| no_backup(error.to_string()))?.into_owned();
        if !entry.header().entry_type().is_file() || !is_expected(&name) {
            return Err(no_backup(format!("it has {}", name.display())));
        }
        let mode = entry.header().mode().map_err(|error| no_backup(error.to_string()))? & 0o777;
        let target = into.join(&name);
        file::ensure_directory(target.parent().unwrap_or(into))?;
        let mut options = OpenOptions::new();
        let out = options.write(true).create_new(true).mode(0o600).open(&target);
        let mut out = out.map_err(failed("unpack", &target))?;
        let size = entry.size();
        let copied = std::io::copy(&mut entry, &mut out).map_err(failed("unpack", &target))?;
        if copied != size {
            return Err(no_backup(format!("{} is not whole", name.display())));
        }
        out.sync_all().map_err(failed("unpack", &target))?;
        fs::set_permissions(&target, fs::Permissions::from_mode(mode)).map_err(failed("unpack", &target))?;
    }
    match [CONFIG, DATABASE].iter().find(|name| !into.join(name).exists()) {
        Some(missing) => Err(no_backup(format!("it has no {missing}"))),
        None => Ok(()),
    }
}

fn is_expected(name: &Path) -> bool {
    let parts: Vec<Component<'_>> = name.components().collect();
    if !parts.iter().all(|part| matches!(part, Component::Normal(_))) {
        return false;
    }
    let is_named = |wanted: &str| name == Path::new(wanted);
    match parts.len() {
        1 => is_named(CONFIG) || is_named(DATABASE),
        2 => name.starts_with(CERTS) || name.starts_with(CONF),
        _ => false,
    }
}

fn put_back(director_cfg: &Path, unpacked: &Path) -> Result<Vec<String>, BackupError> {
    let text = file::read_text(&unpacked.join(CONFIG))?;
    let config = DirectorConfig::parse(director_cfg, &text)?;
    Authority::load(&unpacked.join(CERTS))?;
    prepare_database(&unpacked.join(DATABASE))?;
    for directory in [&config.cert_dir, &config.userdata_dir] {
        file::ensure_private_directory(directory)?;
    }
    file::ensure_directory(&config.conf_dir)?;
    file::ensure_passable_directory(&config.state_dir)?;
    if let Some(parent) = config.database.parent() {
        file::ensure_directory(parent)?;
    }
    let _no_director_runs = lock::hold(&config)?;
    let mut lines = Vec::new();
    for (folder, target) in [(CERTS, &config.cert_dir), (CONF, &config.conf_dir)] {
        for path in files_of(&unpacked.join(folder))? {
            place(&path, &target.join(path.file_name().unwrap_or_default()), &mut lines)?;
        }
    }
    place(&unpacked.join(CONFIG), director_cfg, &mut lines)?;
    for suffix in ["", "-wal", "-shm"] {
        let (old, kept) = (with(&config.database, suffix), with(&with(&config.database, BEFORE), suffix));
        match fs::rename(&old, &kept) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => file::ensure_absent(&kept)?,
            other => other.map_err(failed("move", &old))?,
        }
    }
    place(&unpacked.join(DATABASE), &config.database, &mut lines)?;
    Ok(lines)
}

/// Brings the database to this version, and makes it an older copy of itself:
/// what was made after the backup is not unfinished, but unknown.
fn prepare_database(path: &Path) -> Result<(), BackupError> {
    let store = store::director::open(path)?;
    store.check()?;
    store.write_blocking(|tx| mark::set_starts(tx, 0))?;
    // The last handle that is closed leaves one file.
    drop(store);
    if with(path, "-wal").exists() {
        return Err(BackupError::Refused("the database of the backup is in use".to_owned()));
    }
    Ok(())
}

/// Puts a file in its place, whole, with the owner of its directory; another content is kept beside it.
fn place(new: &Path, target: &Path, lines: &mut Vec<String>) -> Result<(), BackupError> {
    let failed = failed("put back", target);
    let directory = target.parent().unwrap_or(Path::new("/"));
    if target.exists() {
        if is_same(new, target)? {
            lines.push(format!("{} is as it was", target.display()));
            return Ok(());
        }
        fs::rename(target, with(target, BEFORE)).map_err(&failed)?;
    }
    let unfinished = with(target, &format!(".{}.new", random::alphanumeric(8)));
    fs::copy(new, &unfinished).map_err(&failed)?;
    let owner = fs::metadata(directory).map_err(&failed)?;
    if nix::unistd::geteuid().is_root() {
        chown(&unfinished, Some(owner.uid()), Some(owner.gid())).map_err(&failed)?;
    }
    File::open(&unfinished).and_then(|file| file.sync_all()).map_err(&failed)?;
    fs::rename(&unfinished, target).map_err(&failed)?;
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(&failed)?;
    lines.push(format!("put back {}", target.display()));
    Ok(())
}

fn is_same(first: &Path, second: &Path) -> Result<bool, BackupError> {
    let mut contents = Vec::new();
    for path in [first, second] {
        let mut content = Vec::new();
        let opened = File::open(path).map_err(failed("read", path))?;
        opened.take(MAX_FILE_BYTES + 1).read_to_end(&mut content).map_err(failed("read", path))?;
        contents.push(content);
    }
    Ok(contents[0] == contents[1] && contents[0].len() as u64 <= MAX_FILE_BYTES)
}

fn failed(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError::new(action, &path, source)
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_members_that_a_backup_has_are_taken() {
        for name in ["director.cfg", "director.db", "certs/key.pem", "conf/cloud.key"] {
            assert!(is_expected(Path::new(name)), "{name}");
        }
        for name in ["../director.cfg", "/etc/passwd", "certs/../../x", "certs", "other", "certs/a/b", "conf/.."] {
            assert!(!is_expected(Path::new(name)), "{name}");
        }
    }
}
