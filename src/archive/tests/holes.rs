//! Files with holes, in the three forms of PAX.

use super::*;

/// The member of a PAX record file.
fn records(records: &[(&str, &str)]) -> Vec<u8> {
    let mut text = Vec::new();
    for (key, value) in records {
        let rest = format!(" {key}={value}\n");
        let length = (1..).find(|length| rest.len() + length.to_string().len() == *length).unwrap();
        text.extend_from_slice(format!("{length}{rest}").as_bytes());
    }
    text
}

fn archive(of_records: &[(&str, &str)], name: &str, content: &[u8]) -> Vec<u8> {
    let records = records(of_records);
    let header = Member { content: &records, ..special("PaxHeaders/x", tar::EntryType::XHeader) };
    tar_of(&[header, Member { content, ..file(name) }, file("after")])
}

fn whole() -> Vec<u8> {
    [&[0; 1000][..], b"one", &[0; 997], b"two", &[0; 50]].concat()
}

#[test]
fn a_file_with_holes_arrives_as_it_was() {
    let size = whole().len().to_string();
    let map = "2\n1000\n3\n2000\n3\n";
    let mut first = map.as_bytes().to_vec();
    first.resize(512, 0);
    first.extend_from_slice(b"onetwo");
    let forms: Vec<(&str, Vec<u8>)> = vec![
        (
            "0.0",
            archive(
                &[
                    ("GNU.sparse.size", &size),
                    ("GNU.sparse.numblocks", "2"),
                    ("GNU.sparse.offset", "1000"),
                    ("GNU.sparse.numbytes", "3"),
                    ("GNU.sparse.offset", "2000"),
                    ("GNU.sparse.numbytes", "3"),
                ],
                "data",
                b"onetwo",
            ),
        ),
        (
            "0.1",
            archive(
                &[
                    ("GNU.sparse.size", &size),
                    ("GNU.sparse.numblocks", "2"),
                    ("GNU.sparse.map", "1000,3,2000,3"),
                    ("GNU.sparse.name", "data"),
                ],
                "GNUSparseFile.0/data",
                b"onetwo",
            ),
        ),
        (
            "1.0",
            archive(
                &[
                    ("GNU.sparse.major", "1"),
                    ("GNU.sparse.minor", "0"),
                    ("GNU.sparse.name", "data"),
                    ("GNU.sparse.realsize", &size),
                ],
                "GNUSparseFile.0/data",
                &first,
            ),
        ),
    ];
    for (form, bytes) in forms {
        let bench = Bench::new();
        bench.unpack(&bytes, &ArchiveLimits::default()).unwrap_or_else(|error| panic!("{form}: {error}"));
        assert_eq!(std::fs::read(bench.target().join("data")).unwrap(), whole(), "{form}");
        assert_eq!(bench.text("after"), "x", "{form}");
        assert!(!bench.target().join("GNUSparseFile.0").exists(), "{form}");
    }
}

#[test]
fn what_bsdtar_wrote_arrives_as_it_was() {
    let bench = Bench::new();
    let mut holes = Vec::new();
    flate2::read::GzDecoder::new(&include_bytes!("../fixtures/holes.tar.gz")[..]).read_to_end(&mut holes).unwrap();
    bench.unpack(&holes, &ArchiveLimits::default()).unwrap();
    let data = std::fs::read(bench.target().join("data.img")).unwrap();
    let mut wanted = vec![0; 2 << 20];
    wanted[..4096].fill(b'A');
    wanted[1 << 20..(1 << 20) + 4096].fill(b'B');
    assert!(data == wanted, "{} bytes", data.len());
}

#[test]
fn holes_that_cannot_be_right_are_refused_by_name() {
    let too_many = format!("{}\n", u64::MAX);
    let mut endless = too_many.into_bytes();
    endless.resize(512, 0);
    let one = [("GNU.sparse.major", "1"), ("GNU.sparse.name", "data"), ("GNU.sparse.realsize", "10")];
    let table: Vec<(&str, Vec<u8>)> = vec![
        ("no size", archive(&[("GNU.sparse.map", "0,3")], "data", b"one")),
        ("past the end", archive(&[("GNU.sparse.size", "2"), ("GNU.sparse.map", "0,3")], "data", b"one")),
        ("overlap", archive(&[("GNU.sparse.size", "9"), ("GNU.sparse.map", "2,2,1,1")], "data", b"one")),
        ("too little", archive(&[("GNU.sparse.size", "9"), ("GNU.sparse.map", "0,2")], "data", b"one")),
        ("odd", archive(&[("GNU.sparse.size", "9"), ("GNU.sparse.map", "0,3,4")], "data", b"one")),
        ("sum", archive(&[("GNU.sparse.size", "9"), ("GNU.sparse.map", "18446744073709551615,3")], "data", b"one")),
        ("endless", archive(&one, "x", &endless)),
        ("no map", archive(&one, "x", b"1\n")),
        ("form", archive(&[("GNU.sparse.major", "2"), ("GNU.sparse.realsize", "3")], "data", b"one")),
        ("another system", archive(&[("SUN.holesdata", " 0 3")], "data", b"one")),
    ];
    for (case, bytes) in table {
        let error = Bench::new().refused(&bytes);
        assert!(error.contains("pack it without holes") || error.contains("cut off"), "{case}: {error}");
    }
    let large = archive(&[("GNU.sparse.size", "99999999999"), ("GNU.sparse.map", "0,3")], "data", b"one");
    assert!(Bench::new().refused(&large).contains("Archive is too large"));
}
