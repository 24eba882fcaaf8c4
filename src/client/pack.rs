//! A directory that is to be uploaded becomes an archive.
//!
//! Everything in it is packed, or all but what its owner ignores. What an
//! archive cannot carry (sockets, devices) is refused by name.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use ignore::{Walk, WalkBuilder};
use tempfile::NamedTempFile;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::error::Failure;

/// A packed directory.
pub(crate) struct Packed {
    /// The archive; gone when this is dropped.
    pub archive: NamedTempFile,
    /// The name to upload it under, such as `site.tar.gz`.
    pub name: String,
    /// How many files and links are in it.
    pub n_files: usize,
}

/// What of a directory is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Everything: nothing is left out for its name.
    All,
    /// All but what `.gitignore` and `.conpaasignore` name, the second of which counts more, and `.git` itself.
    NotIgnored,
}

/// What a directory becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A tar file, packed with gzip.
    Tar,
    /// A web application in Java: a zip file with another name.
    War,
}

impl Form {
    /// Returns the form of a directory: one with `WEB-INF` is a web application. Blocking.
    #[must_use]
    pub(crate) fn of(directory: &Path) -> Form {
        if directory.join("WEB-INF").is_dir() { Form::War } else { Form::Tar }
    }

    fn end(self) -> &'static str {
        match self {
            Form::Tar => "tar.gz",
            Form::War => "war",
        }
    }
}

/// The file that names what is not uploaded, in the syntax of `.gitignore`.
const IGNORE_FILE: &str = ".conpaasignore";

/// Packs what is in `directory`, its content at the top of the archive. Blocking.
///
/// # Errors
/// Nothing is in it, or a part of it cannot be read or packed.
pub(crate) fn pack(directory: &Path, choice: Choice, form: Form) -> Result<Packed, Failure> {
    let fail = |error: &io::Error| Failure::said(format!("cannot pack '{}': {error}", directory.display()));
    let archive = NamedTempFile::new().map_err(|error| fail(&error))?;
    let mut builder = Builder::new(&archive, form);
    let mut n_files = 0;
    for entry in walk(directory, choice) {
        let entry = entry.map_err(|error| Failure::said(format!("cannot read '{}': {error}", directory.display())))?;
        let path = entry.path();
        let name = path.strip_prefix(directory).unwrap_or(path);
        if name != Path::new("") {
            n_files += append(&mut builder, path, name)?;
        }
    }
    if n_files == 0 {
        let name = directory.display();
        return Err(Failure::said(format!("Cannot upload code: there is no file in the directory '{name}'")));
    }
    builder.finish().map_err(|error| fail(&error))?;
    Ok(Packed { archive, name: archive_name(directory, form), n_files })
}

/// An archive that is written.
enum Builder<'a> {
    Tar(Box<tar::Builder<GzEncoder<BufWriter<&'a File>>>>),
    War(Box<ZipWriter<BufWriter<&'a File>>>),
}

impl<'a> Builder<'a> {
    fn new(archive: &'a NamedTempFile, form: Form) -> Self {
        let writer = BufWriter::new(archive.as_file());
        match form {
            Form::Tar => {
                let mut builder = tar::Builder::new(GzEncoder::new(writer, Compression::default()));
                builder.follow_symlinks(false);
                Builder::Tar(Box::new(builder))
            }
            Form::War => Builder::War(Box::new(ZipWriter::new(writer))),
        }
    }

    fn append_directory(&mut self, path: &Path, name: &Path) -> io::Result<()> {
        match self {
            Builder::Tar(builder) => builder.append_dir(name, path),
            Builder::War(builder) => Ok(builder.add_directory_from_path(name, SimpleFileOptions::default())?),
        }
    }

    fn append_file(&mut self, path: &Path, name: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        match self {
            Builder::Tar(builder) => builder.append_file(name, &mut file),
            Builder::War(builder) => {
                let is_large = file.metadata()?.len() >= u64::from(u32::MAX);
                builder.start_file_from_path(name, SimpleFileOptions::default().large_file(is_large))?;
                io::copy(&mut file, builder).map(drop)
            }
        }
    }

    /// Adds a link as it is, or in a web application, where none is followed, what it leads to.
    fn append_link(&mut self, path: &Path, name: &Path) -> io::Result<()> {
        match self {
            Builder::Tar(builder) => builder.append_path_with_name(path, name),
            Builder::War(_) => self.append_file(path, name),
        }
    }

    fn finish(self) -> io::Result<()> {
        let mut writer = match self {
            Builder::Tar(builder) => builder.into_inner()?.finish()?,
            Builder::War(builder) => builder.finish()?,
        };
        writer.flush()
    }
}

fn walk(directory: &Path, choice: Choice) -> Walk {
    let is_chosen = choice == Choice::NotIgnored;
    let mut builder = WalkBuilder::new(directory);
    builder.standard_filters(false).sort_by_file_name(Ord::cmp);
    if is_chosen {
        // Rules count in a directory that git does not know, too; those of the user and of directories above do not.
        builder.git_ignore(true).require_git(false).add_custom_ignore_filename(IGNORE_FILE);
        builder.filter_entry(|entry| entry.file_name() != ".git");
    }
    builder.build()
}

/// Adds one entry; returns how many files that were: a directory is none.
fn append(builder: &mut Builder<'_>, path: &Path, name: &Path) -> Result<usize, Failure> {
    let fail = |error: &io::Error| Failure::said(format!("cannot pack '{}': {error}", path.display()));
    let kind = fs::symlink_metadata(path).map_err(|error| fail(&error))?.file_type();
    if kind.is_dir() {
        builder.append_directory(path, name).map_err(|error| fail(&error))?;
        return Ok(0);
    }
    if kind.is_symlink() {
        builder.append_link(path, name).map_err(|error| fail(&error))?;
        return Ok(1);
    }
    if !kind.is_file() {
        let shown = path.display();
        return Err(Failure::said(format!("cannot pack '{shown}': it is neither a file, a directory nor a link")));
    }
    builder.append_file(path, name).map_err(|error| fail(&error))?;
    Ok(1)
}

/// The directory may be called `.`: then its real name counts.
fn archive_name(directory: &Path, form: Form) -> String {
    let real = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    let name = real.file_name().map_or_else(|| "code".to_owned(), |name| name.to_string_lossy().into_owned());
    format!("{name}.{}", form.end())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_directory_is_packed_whole_with_its_content_at_the_top() {
        let place = tempfile::tempdir().unwrap();
        let site = place.path().join("site");
        fs::create_dir_all(site.join("static/deep")).unwrap();
        fs::write(site.join("run.sh"), "#!/bin/bash\n").unwrap();
        fs::set_permissions(site.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(site.join(".gitignore"), "static\n").unwrap();
        fs::write(site.join("static/deep/a.css"), "a").unwrap();
        symlink("run.sh", site.join("link")).unwrap();
        let packed = pack(&site, Choice::All, Form::Tar).unwrap();
        assert_eq!((packed.name.as_str(), packed.n_files), ("site.tar.gz", 4));
        let decoder = flate2::read::GzDecoder::new(packed.archive.reopen().unwrap());
        let mut archive = tar::Archive::new(decoder);
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let path = entry.path().unwrap().display().to_string();
            seen.push((path.trim_end_matches('/').to_owned(), entry.header().mode().unwrap() & 0o777, text));
        }
        seen.sort();
        let names: Vec<&str> = seen.iter().map(|(name, _, _)| name.as_str()).collect();
        assert_eq!(names, [".gitignore", "link", "run.sh", "static", "static/deep", "static/deep/a.css"]);
        assert_eq!((seen[2].1, seen[2].2.as_str(), seen[5].2.as_str()), (0o755, "#!/bin/bash\n", "a"));
    }

    #[test]
    fn what_its_owner_ignores_is_left_out() {
        let place = tempfile::tempdir().unwrap();
        let site = place.path().join("site");
        // What stands above the directory is not its business.
        fs::write(place.path().join(".gitignore"), "*\n").unwrap();
        for (path, text) in [
            (".git/config", ""),
            (".gitignore", "*.log\n/vendor\nnode_modules\n"),
            (".conpaasignore", "!vendor\ndrafts/\n"),
            (".htaccess", ""),
            ("index.php", ""),
            ("a.log", ""),
            ("vendor/autoload.php", ""),
            ("js/node_modules/x.js", ""),
            ("drafts/one.md", ""),
            ("docs/.gitignore", "*.bak\n"),
            ("docs/a.bak", ""),
        ] {
            fs::create_dir_all(site.join(path).parent().unwrap()).unwrap();
            fs::write(site.join(path), text).unwrap();
        }
        let packed = pack(&site, Choice::NotIgnored, Form::Tar).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed.archive.reopen().unwrap()));
        let paths = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
        let files: Vec<String> = paths.filter(|path| !path.ends_with('/')).collect();
        let dirs_may_be_named = |path: &&String| site.join(path).is_file();
        let files: Vec<&String> = files.iter().filter(dirs_may_be_named).collect();
        let wanted =
            [".conpaasignore", ".gitignore", ".htaccess", "docs/.gitignore", "index.php", "vendor/autoload.php"];
        assert_eq!(files, wanted);
    }

    #[test]
    fn a_web_application_is_packed_as_one_with_what_its_links_lead_to() {
        let place = tempfile::tempdir().unwrap();
        let site = place.path().join("shop");
        fs::create_dir_all(site.join("WEB-INF")).unwrap();
        fs::write(site.join("WEB-INF/web.xml"), "<web-app/>").unwrap();
        fs::write(site.join("a.css"), "a").unwrap();
        symlink("a.css", site.join("b.css")).unwrap();
        assert_eq!((Form::of(&site), Form::of(place.path())), (Form::War, Form::Tar));
        let packed = pack(&site, Choice::All, Form::War).unwrap();
        assert_eq!((packed.name.as_str(), packed.n_files), ("shop.war", 3));
        let mut war = zip::ZipArchive::new(packed.archive.reopen().unwrap()).unwrap();
        for (name, text) in [("WEB-INF/web.xml", "<web-app/>"), ("a.css", "a"), ("b.css", "a")] {
            let mut content = String::new();
            war.by_name(name).unwrap().read_to_string(&mut content).unwrap();
            assert_eq!(content, text, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_packed_is_named() {
        let place = tempfile::tempdir().unwrap();
        let text = pack(place.path(), Choice::All, Form::Tar).err().expect("it is empty").text;
        assert!(text.starts_with("Cannot upload code: there is no file in the directory '"), "{text}");
        let _listener = std::os::unix::net::UnixListener::bind(place.path().join("socket")).unwrap();
        let text = pack(place.path(), Choice::All, Form::Tar).err().expect("a socket").text;
        assert!(text.ends_with("socket': it is neither a file, a directory nor a link"), "{text}");
    }
}
