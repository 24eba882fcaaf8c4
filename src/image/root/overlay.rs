//! Trees of files that are laid over a root.

use std::fs::{self, Metadata};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Lays `source` over `root`: directories that are there stay as they are, files and links are put in place of what is
/// there. Root owns what is new; files are 0644, programs 0755, as git keeps them. Never goes through a link of the root. Blocking.
///
/// # Errors
/// A directory of the overlay is a link or a file in the root, or something in it is neither file, link nor directory.
pub(crate) fn lay(source: &Path, root: &Path) -> Result<()> {
    lay_with(source, root, &|metadata| if metadata.mode() & 0o100 == 0 { 0o644 } else { 0o755 })
}

/// Lays like [`lay`], but keeps the modes of files, except those that give rights to whoever runs them. Blocking.
pub(crate) fn copy(source: &Path, root: &Path) -> Result<()> {
    lay_with(source, root, &|metadata| metadata.mode() & 0o777)
}

fn lay_with(source: &Path, root: &Path, mode: &dyn Fn(&Metadata) -> u32) -> Result<()> {
    for entry in fs::read_dir(source).with_context(|| format!("cannot read {}", source.display()))? {
        let from = entry?.path();
        let to = root.join(from.file_name().unwrap_or_default());
        let metadata = fs::symlink_metadata(&from).with_context(|| format!("cannot read {}", from.display()))?;
        let failed = || format!("cannot lay {} over {}", from.display(), to.display());
        if metadata.is_dir() {
            ensure_directory(&from, &to)?;
            lay_with(&from, &to, mode)?;
        } else if metadata.is_symlink() {
            clear(&from, &to)?;
            symlink(fs::read_link(&from).with_context(failed)?, &to).with_context(failed)?;
        } else if metadata.is_file() {
            clear(&from, &to)?;
            fs::copy(&from, &to).with_context(failed)?;
            fs::set_permissions(&to, fs::Permissions::from_mode(mode(&metadata))).with_context(failed)?;
        } else {
            bail!("{} is neither a file nor a directory nor a link: leave it out", from.display());
        }
    }
    Ok(())
}

fn ensure_directory(from: &Path, to: &Path) -> Result<()> {
    match fs::symlink_metadata(to) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(metadata) => {
            let what = if metadata.is_symlink() { "a link" } else { "a file" };
            bail!("{} is a directory, and {} is {what}: name the directory behind it", from.display(), to.display())
        }
        Err(_) => {
            fs::DirBuilder::new().mode(0o755).create(to).with_context(|| format!("cannot make {}", to.display()))?;
            // Whatever the umask is.
            fs::set_permissions(to, fs::Permissions::from_mode(0o755))
                .with_context(|| format!("cannot open {}", to.display()))
        }
    }
}

fn clear(from: &Path, to: &Path) -> Result<()> {
    match fs::symlink_metadata(to) {
        Ok(metadata) if metadata.is_dir() => {
            bail!("{} is a file, and {} is a directory: give one of them another name", from.display(), to.display())
        }
        Ok(_) => fs::remove_file(to).with_context(|| format!("cannot replace {}", to.display())),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn files_replace_what_is_there_and_directories_stay() {
        let directory = tempfile::tempdir().unwrap();
        let (source, root) = (directory.path().join("source"), directory.path().join("root"));
        for path in [source.join("etc/x"), root.join("etc")] {
            fs::create_dir_all(path).unwrap();
        }
        fs::set_permissions(root.join("etc"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(root.join("outside"), "stays").unwrap();
        symlink("../outside", root.join("etc/file")).unwrap();
        fs::write(source.join("etc/file"), "new").unwrap();
        fs::set_permissions(source.join("etc/file"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(source.join("etc/x/run"), "").unwrap();
        fs::set_permissions(source.join("etc/x/run"), fs::Permissions::from_mode(0o4711)).unwrap();
        symlink("file", source.join("etc/link")).unwrap();
        lay(&source, &root).unwrap();
        lay(&source, &root).unwrap();
        assert_eq!(fs::read_to_string(root.join("outside")).unwrap(), "stays");
        assert_eq!(fs::read_to_string(root.join("etc/link")).unwrap(), "new");
        let modes = ["etc", "etc/file", "etc/x", "etc/x/run"].map(|path| mode(&root.join(path)));
        assert_eq!(modes, [0o700, 0o644, 0o755, 0o755]);
        copy(&source, &root).unwrap();
        assert_eq!((mode(&root.join("etc/file")), mode(&root.join("etc/x/run"))), (0o600, 0o711));
    }

    #[test]
    fn an_overlay_never_goes_through_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (source, root) = (directory.path().join("source"), directory.path().join("root"));
        fs::create_dir_all(source.join("lib")).unwrap();
        fs::create_dir_all(root.join("usr/lib")).unwrap();
        fs::write(source.join("lib/x"), "").unwrap();
        symlink("usr/lib", root.join("lib")).unwrap();
        let error = lay(&source, &root).unwrap_err().to_string();
        assert!(error.contains("is a link"), "{error}");
        assert_eq!(fs::read_dir(root.join("usr/lib")).unwrap().count(), 0);
    }

    #[test]
    fn names_may_be_anything() {
        let directory = tempfile::tempdir().unwrap();
        let (source, root) = (directory.path().join("source"), directory.path().join("root"));
        fs::create_dir_all(&root).unwrap();
        fs::create_dir(&source).unwrap();
        let names: [&[u8]; 5] = [b"-rf", b"a b\nc", b"$(touch x)", b"\xff\xfe", b"..."];
        for name in names {
            fs::write(source.join(OsStr::from_bytes(name)), "").unwrap();
        }
        copy(&source, &root).unwrap();
        assert_eq!(fs::read_dir(&root).unwrap().count(), names.len());
        nix::unistd::mkfifo(&source.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(copy(&source, &root).unwrap_err().to_string().contains("neither a file"));
    }
}
