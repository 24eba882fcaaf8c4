use super::*;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

mod holes;
mod other_formats;
mod windows;

const SCRIPTS: &[&str] = &["run.sh"];

struct Member<'a> {
    name: &'a str,
    sort: tar::EntryType,
    link: &'a str,
    content: &'a [u8],
    mode: u32,
}

fn file(name: &str) -> Member<'_> {
    Member { name, sort: tar::EntryType::Regular, link: "", content: b"x", mode: 0o644 }
}

fn special(name: &str, sort: tar::EntryType) -> Member<'_> {
    Member { name, sort, link: "", content: b"", mode: 0o644 }
}

fn link<'a>(name: &'a str, to: &'a str) -> Member<'a> {
    Member { name, sort: tar::EntryType::Symlink, link: to, content: b"", mode: 0o777 }
}

fn hard<'a>(name: &'a str, to: &'a str) -> Member<'a> {
    Member { sort: tar::EntryType::Link, ..link(name, to) }
}

/// Writes names as they are, which the tar library itself refuses to.
fn tar_of(members: &[Member<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for member in members {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..member.name.len()].copy_from_slice(member.name.as_bytes());
        header.as_old_mut().linkname[..member.link.len()].copy_from_slice(member.link.as_bytes());
        header.set_entry_type(member.sort);
        header.set_size(member.content.len() as u64);
        header.set_mode(member.mode);
        header.set_cksum();
        builder.append(&header, member.content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zip_of(members: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, mode, content) in members {
        let options = zip::write::SimpleFileOptions::default().unix_permissions(*mode);
        if mode & 0o170_000 == 0o120_000 {
            writer.add_symlink(*name, String::from_utf8_lossy(content), options).unwrap();
        } else {
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Bench { directory: tempfile::tempdir().unwrap() }
    }

    fn target(&self) -> PathBuf {
        self.directory.path().join("bin")
    }

    fn unpack(&self, bytes: &[u8], limits: &ArchiveLimits) -> Result<Contents, ArchiveError> {
        let path = self.directory.path().join("archive");
        std::fs::write(&path, bytes).unwrap();
        let valid = validate(&path, limits, SCRIPTS);
        let staged = stage(&path, &self.target(), limits);
        assert_eq!(valid.is_ok(), staged.is_ok(), "what is valid is unpacked: {valid:?} {staged:?}");
        let top = staged?;
        let contents = valid?;
        assert_eq!(top.left_out().map(|top| top.display().to_string()), contents.top);
        top.replace(&self.target()).unwrap();
        let names: Vec<_> = std::fs::read_dir(self.directory.path()).unwrap().flatten().collect();
        assert_eq!(names.len(), 2, "nothing is left beside the target: {names:?}");
        Ok(contents)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.target().join(name)).unwrap()
    }

    fn refused(&self, bytes: &[u8]) -> String {
        self.unpack(bytes, &ArchiveLimits::default()).unwrap_err().to_string()
    }
}

#[test]
fn every_format_is_unpacked() {
    let tar = tar_of(&[
        special("d/", tar::EntryType::Directory),
        Member { mode: 0o4755, ..file("./d/run.sh") },
        link("d/same", "run.sh"),
        link("d/up", "../d/run.sh"),
        hard("again", "d/run.sh"),
        file("e/f/g"),
    ]);
    let zstd = ruzstd::encoding::compress_to_vec(&tar[..], ruzstd::encoding::CompressionLevel::Fastest);
    let packed = [("gzip", gzip(&tar)), ("bzip2", bzip(&tar)), ("xz", xz(&tar)), ("zstd", zstd), ("tar", tar)];
    for (format, bytes) in packed {
        let bench = Bench::new();
        bench.unpack(&bytes, &ArchiveLimits::default()).unwrap_or_else(|error| panic!("{format}: {error}"));
        for name in ["d/run.sh", "d/same", "d/up", "again", "e/f/g"] {
            assert_eq!(std::fs::read(bench.target().join(name)).unwrap(), b"x", "{format} {name}");
        }
        let mode = std::fs::metadata(bench.target().join("d/run.sh")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o755, "{format}: setuid must not survive");
    }
    let bench = Bench::new();
    let zip = zip_of(&[("a/b.sh", 0o100_755, b"x"), ("a/l", 0o120_777, b"b.sh"), ("c", 0o644, b"x")]);
    bench.unpack(&zip, &ArchiveLimits::default()).unwrap();
    assert_eq!(std::fs::read(bench.target().join("a/l")).unwrap(), b"x");
}

#[test]
fn evil_archives_are_refused_and_leave_nothing() {
    let name = "Absolute file names are not allowed in archive members";
    let table: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", vec![], "Invalid archive format: the file is empty"),
        ("text", b"hello".to_vec(), "Invalid archive format: the file is a text file"),
        ("long text", vec![b'a'; 4096], "Invalid archive format: the file is a text file"),
        ("broken gzip", gzip(&tar_of(&[file("a")]))[..40].to_vec(), "Invalid archive format: it is cut off"),
        (
            "broken zip",
            zip_of(&[("a", 0o644, b"x")])[..30].to_vec(),
            "Invalid archive format: it is a zip archive that is cut",
        ),
        ("absolute", tar_of(&[file("/etc/x")]), name),
        ("dot dot", tar_of(&[file("../x")]), name),
        ("dot dot inside", tar_of(&[file("a/../../x")]), name),
        ("dot dot in zip", zip_of(&[("../x", 0o644, b"x")]), name),
        ("absolute in zip", zip_of(&[("/x", 0o644, b"x")]), name),
        ("link to root", tar_of(&[link("l", "/etc")]), "link that leads out"),
        ("link up", tar_of(&[link("l", "..")]), "link that leads out"),
        ("link up from below", tar_of(&[link("a/l", "../../x")]), "link that leads out"),
        ("link up at its end", tar_of(&[link("a/b/l", "../.."), link("p", "a/b/l/..")]), "link that leads out"),
        ("link in zip", zip_of(&[("l", 0o120_777, b"/etc/passwd")]), "link that leads out"),
        ("hard link out", tar_of(&[hard("h", "/etc/passwd")]), "link that leads out"),
        ("hard link up", tar_of(&[hard("h", "../x")]), "link that leads out"),
        ("device", tar_of(&[special("d", tar::EntryType::Char)]), "neither a file"),
        ("block device", tar_of(&[special("d", tar::EntryType::Block)]), "neither a file"),
        ("pipe", tar_of(&[special("p", tar::EntryType::Fifo)]), "neither a file"),
        ("bomb", gzip(&tar_of(&[Member { content: &vec![0; 40 << 20], ..file("b") }])), "times its packed size"),
    ];
    for (case, bytes, text) in table {
        let bench = Bench::new();
        let error = bench.unpack(&bytes, &ArchiveLimits::default()).unwrap_err().to_string();
        assert!(error.contains(text), "{case}: {error}");
        let names: Vec<_> = std::fs::read_dir(bench.directory.path()).unwrap().flatten().collect();
        assert_eq!(names.len(), 1, "{case}: only the archive itself may be there: {names:?}");
    }
}

#[test]
fn nothing_is_written_through_a_link() {
    let bench = Bench::new();
    let through = tar_of(&[special("d/", tar::EntryType::Directory), link("l", "d"), file("l/x")]);
    let path = bench.directory.path().join("archive");
    std::fs::write(&path, through).unwrap();
    for outcome in [
        stage(&path, &bench.target(), &ArchiveLimits::default()).map(drop),
        validate(&path, &ArchiveLimits::default(), SCRIPTS).map(drop),
    ] {
        assert!(outcome.unwrap_err().to_string().contains("'l/x' lies below a link"));
    }
    // A file in the place of a link replaces the link, not what it points to.
    let replaced = tar_of(&[file("a"), link("l", "a"), Member { content: b"new", ..file("l") }]);
    bench.unpack(&replaced, &ArchiveLimits::default()).unwrap();
    assert_eq!(std::fs::read(bench.target().join("a")).unwrap(), b"x");
    assert_eq!(std::fs::read(bench.target().join("l")).unwrap(), b"new");
}

#[test]
fn limits_hold() {
    let bench = Bench::new();
    let limits = ArchiveLimits { max_entries: 3, max_bytes: 10_000, max_ratio: 250 };
    let many = tar_of(&[file("a"), file("b"), file("c"), file("d")]);
    assert!(bench.unpack(&many, &limits).unwrap_err().to_string().contains("more than 3 members"));
    let large = tar_of(&[Member { content: &[1; 20_000], ..file("a") }]);
    assert!(bench.unpack(&large, &limits).unwrap_err().to_string().contains("more than 10000 bytes"));
    let zip = zip_of(&[("a", 0o644, &[1; 20_000])]);
    assert!(bench.unpack(&zip, &limits).unwrap_err().to_string().contains("more than 10000 bytes"));
}

#[test]
fn a_name_is_not_read_into_memory_without_end() {
    let name = vec![b'n'; 3 << 20];
    let long = Member { content: &name, ..special("././@LongLink", tar::EntryType::GNULongName) };
    for bytes in [
        tar_of(&[long, file("a")]),
        tar_of(&[file("a"), Member { content: &name, ..special("x", tar::EntryType::XHeader) }, file("b")]),
    ] {
        let bench = Bench::new();
        let error = bench.unpack(&gzip(&bytes), &ArchiveLimits::default()).unwrap_err().to_string();
        assert!(error.contains("the head of a member is too long"), "{error}");
    }
    let large = Member { content: &name, ..file("large") };
    Bench::new().unpack(&tar_of(&[large, file("b")]), &ArchiveLimits::default()).unwrap();
}

#[test]
fn what_an_earlier_process_left_is_removed() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.directory.path().join(".bin-unpack-abc/d")).unwrap();
    std::fs::create_dir(bench.directory.path().join("other")).unwrap();
    remove_leftovers(&bench.target());
    assert_eq!(std::fs::read_dir(bench.directory.path()).unwrap().count(), 1);
}

#[test]
fn a_single_directory_at_the_top_is_left_out() {
    let limits = ArchiveLimits::default();
    let run = |name| Member { content: b"echo run", ..file(name) };
    let bench = Bench::new();
    let contents = bench.unpack(&tar_of(&[run("app/run.sh"), file("app/lib/x"), file("._app")]), &limits).unwrap();
    assert_eq!(contents.top.as_deref(), Some("app"));
    assert_eq!(contents.names, ["run.sh", "lib/x"]);
    assert_eq!(contents.scripts, [("run.sh".to_owned(), b"echo run".to_vec())]);
    assert_eq!((bench.text("run.sh"), bench.text("lib/x")), ("echo run".to_owned(), "x".to_owned()));
    let zip = zip_of(&[("app/run.sh", 0o755, b"y"), ("app/d/x", 0o644, b"x"), ("__MACOSX/app/._x", 0o644, b"m")]);
    let bench = Bench::new();
    assert_eq!(bench.unpack(&zip, &limits).unwrap().top.as_deref(), Some("app"));
    assert_eq!(bench.text("run.sh"), "y");
    assert!(!bench.target().join("__MACOSX").exists());
    for members in [[file("app/run.sh"), file("run.sh")], [file("app/run.sh"), file("other/x")]] {
        let bench = Bench::new();
        assert_eq!(bench.unpack(&tar_of(&members), &limits).unwrap().top, None);
        assert_eq!(bench.text("app/run.sh"), "x");
    }
    for meant in ["public/index.php", "WEB-INF/web.xml"] {
        let bench = Bench::new();
        assert_eq!(bench.unpack(&tar_of(&[file(meant)]), &limits).unwrap().top, None);
        assert_eq!(bench.text(meant), "x");
    }
    // What leads to the top leads out of the directory there.
    for members in [[file("app/run.sh"), link("app/l", "..")], [file("app/run.sh"), link("app/l", "../app/run.sh")]] {
        assert!(Bench::new().refused(&tar_of(&members)).contains("'app/l' is a link that leads out"));
    }
    let mut inside =
        vec![file("app/d/x"), link("app/d/l", "../run.sh"), file("app/run.sh"), hard("app/h", "app/run.sh")];
    let bench = Bench::new();
    bench.unpack(&tar_of(&inside), &limits).unwrap();
    assert_eq!((bench.text("d/l"), bench.text("h")), ("x".to_owned(), "x".to_owned()));
    inside.push(link("app/d/l2", "../../.."));
    assert!(Bench::new().refused(&tar_of(&inside)).contains("'app/d/l2'"));
}

#[test]
fn what_cannot_be_unpacked_is_refused_before_and_named() {
    let long = "n".repeat(99);
    let deep = vec!["d"; 45].join("/");
    let table: Vec<(Vec<Member<'_>>, &str)> = vec![
        (vec![file("d/x"), file("d")], "'d' has the name of a directory with files"),
        (vec![file("f"), file("f/x")], "'f/x' lies below a link that leads somewhere, or below a file"),
        (vec![hard("h", "nothing")], "'h' is a hard link to no earlier file"),
        (vec![file("a"), hard("a", "a")], "'a' is a hard link to no earlier file"),
        (vec![special("i", tar::EntryType::new(b'D'))], "'i' is of an incremental archive"),
        (vec![special("m", tar::EntryType::new(b'M'))], "'m' goes on from another volume"),
        (vec![special("s", tar::EntryType::new(b'X'))], "'s' is in a form of Solaris"),
        (vec![special("c", tar::EntryType::Char)], "'c' is neither a file, a directory nor a link, but a device"),
        (vec![], "it has no members"),
    ];
    for (members, text) in table {
        let error = Bench::new().refused(&tar_of(&members));
        assert!(error.contains(text), "{text}: {error}");
    }
    // Names that no file can have.
    for name in [format!("{long}{long}{long}"), format!("{deep}/{deep}/x"), format!("{long}/").repeat(25)] {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.set_mode(0o644);
        builder.append_data(&mut header, &name, &b""[..]).unwrap();
        let error = Bench::new().refused(&builder.into_inner().unwrap());
        assert!(error.contains("shorten it") || error.contains("move it up"), "{error}");
    }
}

#[test]
fn what_is_cut_off_or_damaged_is_refused() {
    let tar = tar_of(&[file("a"), Member { content: &[7; 3000], ..file("b") }]);
    let zstd = ruzstd::encoding::compress_to_vec(&tar[..], ruzstd::encoding::CompressionLevel::Fastest);
    for (format, whole) in [("gzip", gzip(&tar)), ("bzip2", bzip(&tar)), ("xz", xz(&tar)), ("zstd", zstd)] {
        for kept in [whole.len() - 1, whole.len() - 6, whole.len() / 2] {
            let error = Bench::new().refused(&whole[..kept]);
            assert!(error.starts_with("Invalid archive format: it is cut off"), "{format} {kept}: {error}");
        }
    }
    // At the end of a member, within one, and within a head.
    for kept in [1024, 1600, 1024 + 512 + 3072, 1200] {
        let error = Bench::new().refused(&tar[..kept]);
        assert!(error.starts_with("Invalid archive format: it is cut off"), "{kept}: {error}");
    }
    let mut sum = gzip(&tar);
    let at = sum.len() - 8;
    sum[at] ^= 1;
    assert!(Bench::new().refused(&sum).starts_with("Invalid archive format: it is broken"));
    let mut zip = zip_of(&[("a", 0o644, b"content")]);
    let at = zip.windows(4).position(|window| window == b"PK\x01\x02").unwrap() + 16;
    zip[at] ^= 1;
    assert!(Bench::new().refused(&zip).contains("its member 'a' is broken"));
}

#[test]
fn a_label_is_passed_over_and_records_for_all_members_must_be_harmless() {
    let label = special("label", tar::EntryType::new(b'V'));
    let bench = Bench::new();
    bench.unpack(&tar_of(&[label, file("run.sh"), file("x")]), &ArchiveLimits::default()).unwrap();
    assert_eq!(bench.text("run.sh"), "x");
    assert!(!bench.target().join("label").exists());
    let global = |record: &'static [u8]| Member { content: record, ..special("g", tar::EntryType::XGlobalHeader) };
    Bench::new().unpack(&tar_of(&[global(b"14 comment=ab\n"), file("a")]), &ArchiveLimits::default()).unwrap();
    let error = Bench::new().refused(&tar_of(&[global(b"10 path=x\n"), file("a")]));
    assert!(error.contains("'g' gives all members one 'path'"), "{error}");
}
