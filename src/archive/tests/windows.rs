//! Zip files as Windows makes them, and ones that lie.

use super::*;

/// A zip file whose names are written as they are, made by a program of system `system`.
fn zip_made_on(system: u8, names: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    let mut crc = flate2::Crc::new();
    crc.update(b"x");
    for name in names {
        let content: &[u8] = if name.ends_with(b"/") || name.ends_with(b"\\") { b"" } else { b"x" };
        let sum = if content.is_empty() { 0 } else { crc.sum() };
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        let offset = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        let n_name = u16::try_from(name.len()).unwrap().to_le_bytes();
        let shared =
            [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &sum.to_le_bytes(), &length, &length, &n_name, &[0; 2]].concat();
        bytes.extend_from_slice(&[b"PK\x03\x04", &shared[..], name, content].concat());
        let made = [&b"PK\x01\x02"[..], &[20, system]].concat();
        directory.extend_from_slice(&[&made[..], &shared, &[0; 10], &offset, name].concat());
    }
    let begin = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    let n_bytes = u32::try_from(directory.len()).unwrap().to_le_bytes();
    let n = u16::try_from(names.len()).unwrap().to_le_bytes();
    [&bytes[..], &directory, b"PK\x05\x06", &[0; 4], &n, &n, &n_bytes, &begin, &[0; 2]].concat()
}

const DOS: u8 = 0;
const UNIX: u8 = 3;

#[test]
fn backslashes_part_directories() {
    let bench = Bench::new();
    bench.unpack(include_bytes!("../fixtures/backslash.zip"), &ArchiveLimits::default()).unwrap();
    assert!(bench.target().join("static/css/main.css").is_file());
    assert!(bench.target().join("run.sh").is_file());
    for (system, names) in [
        (DOS, vec![&b"run.sh"[..], b"a\\", b"a\\b\\c", b"d/e\\f"]),
        (UNIX, vec![b"run.sh", b"a\\", b"a\\b\\c", b"d\\e\\f"]),
    ] {
        let bench = Bench::new();
        bench.unpack(&zip_made_on(system, &names), &ArchiveLimits::default()).unwrap();
        assert_eq!((bench.text("a/b/c"), bench.text("d/e/f")), ("x".to_owned(), "x".to_owned()));
    }
    let error = Bench::new().refused(&zip_made_on(UNIX, &[b"a/b", b"dev\\x2ddisk"]));
    assert!(error.contains("has a backslash in its name"), "{error}");
    // In a tar file a backslash is a letter like any other.
    let bench = Bench::new();
    bench.unpack(&tar_of(&[file("a/b"), file("dev\\x2ddisk")]), &ArchiveLimits::default()).unwrap();
    assert_eq!(bench.text("dev\\x2ddisk"), "x");
}

#[test]
fn names_that_lead_out_or_belong_to_devices_are_refused_by_name() {
    for name in [
        &b"C:\\x"[..],
        b"c:x\\y",
        b"C:/x",
        b"..\\x",
        b"a\\..\\..\\x",
        b"\\x",
        b"\\\\host\\share\\x",
        b"//host/share",
        b"a/../../x",
    ] {
        let error = Bench::new().refused(&zip_made_on(DOS, &[b"run.sh", name]));
        assert!(error.starts_with("Absolute file names are not allowed in archive members: '"), "{name:?}: {error}");
    }
    for name in [&b"nul"[..], b"a\\CON", b"Com1\\x", b"lpt9"] {
        let error = Bench::new().refused(&zip_made_on(DOS, &[b"run.sh", name]));
        assert!(error.contains("has a name that Windows keeps for a device"), "{name:?}: {error}");
    }
    for name in ["C:\\x", "..\\x", "\\\\host\\x"] {
        let error = Bench::new().refused(&tar_of(&[file("run.sh"), file(name)]));
        assert!(error.starts_with("Absolute file names are not allowed in archive members: '"), "{name}: {error}");
    }
    let bench = Bench::new();
    bench.unpack(&zip_made_on(UNIX, &[b"aux.c", b"com10", b"console"]), &ArchiveLimits::default()).unwrap();
}

#[test]
fn letters_are_kept_where_they_are_known() {
    let bench = Bench::new();
    let names = ["gr\u{fc}n".as_bytes(), b"fr\x81h"];
    bench.unpack(&zip_made_on(DOS, &names), &ArchiveLimits::default()).unwrap();
    assert_eq!((bench.text("gr\u{fc}n"), bench.text("fr\u{fc}h")), ("x".to_owned(), "x".to_owned()));
}

#[test]
fn encrypted_members_and_unknown_packings_are_named() {
    let with = |at: usize, value: u8| {
        let mut zip = zip_made_on(DOS, &[b"secret.txt"]);
        let head = zip.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        zip[head + at] = value;
        Bench::new().refused(&zip)
    };
    assert!(with(8, 1).contains("'secret.txt' is encrypted"));
    assert!(with(10, 14).contains("'secret.txt' is packed in a way that is not known here (number 14)"));
}

#[test]
fn a_directory_that_lies_is_refused_before_it_is_read() {
    let names: Vec<Vec<u8>> = (0..30).map(|number| format!("f{number}").into_bytes()).collect();
    let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    let zip = zip_made_on(UNIX, &names);
    let end = zip.len() - 22;
    let limits = ArchiveLimits { max_entries: 10, ..ArchiveLimits::default() };
    let mut lying = zip.clone();
    lying[end + 8..end + 12].copy_from_slice(&[1, 0, 1, 0]);
    assert!(Bench::new().unpack(&lying, &limits).unwrap_err().to_string().contains("more than 10 members"));
    assert!(Bench::new().refused(&lying).contains("its end tells of 1 members, but its directory has 30"));
    // The same with a second end, whose numbers have 64 bits.
    let numbers = |at: usize, n: usize| lying[at..at + n].to_vec();
    let widen = |number: Vec<u8>| [number, vec![0; 4]].concat();
    let (n_bytes, begin) = (widen(numbers(end + 12, 4)), widen(numbers(end + 16, 4)));
    let n = 30_u64.to_le_bytes();
    let large =
        [&b"PK\x06\x06"[..], &44_u64.to_le_bytes(), &[45, 3, 45, 0], &[0; 8], &n, &n, &n_bytes, &begin].concat();
    let locator = [&b"PK\x06\x07"[..], &[0; 4], &(end as u64).to_le_bytes(), &[1, 0, 0, 0]].concat();
    let both = [&lying[..end], &large, &locator, &lying[end..]].concat();
    assert!(Bench::new().refused(&both).contains("its end tells of 1 members in one place and of 30 in another"));
    let mut agreed = both.clone();
    let at = agreed.len() - 22;
    agreed[at + 8..at + 12].fill(0xff);
    Bench::new().unpack(&agreed, &ArchiveLimits::default()).unwrap();
    assert!(Bench::new().unpack(&agreed, &limits).unwrap_err().to_string().contains("more than 10 members"));
}
