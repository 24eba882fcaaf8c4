//! Files that are no archive of a known format: each is named.

use super::*;

#[test]
fn each_is_named_after_upstreams_text() {
    let elf = [&b"\x7fELF\x02\x01\x01"[..], &[0; 600]].concat();
    let table: Vec<(&[u8], &str)> = vec![
        (b"", "the file is empty"),
        (include_bytes!("../fixtures/app.7z"), "the file is a 7z archive"),
        (b"Rar!\x1a\x07\x01\x00", "a rar archive"),
        (b"\x04\x22\x4d\x18aaaa", "packed with lz4"),
        (b"LZIP\x01", "packed with lzip"),
        (b"\x5d\0\0\x80\0\xff\xff", "packed with lzma"),
        (b"!<arch>\ndebian-binary", "a Debian package"),
        (b"070701000", "a cpio archive"),
        (b"MZ\x90\0", "a program of Windows"),
        (b"%PDF-1.4", "a PDF document"),
        (b"#!/bin/bash\necho\n", "a script, not an archive"),
        (b"\n<!DOCTYPE html><html>404</html>", "an HTML page"),
        (b"\xef\xbb\xbf<HTML>", "an HTML page"),
        (b"<?xml version='1.0'?>", "an XML document"),
        ("gr\u{fc}n".as_bytes(), "a text file"),
        (b"\x01\x02\xff\0", "of no known format"),
        (&elf, "a program (ELF)"),
    ];
    for (bytes, text) in table {
        let error = Bench::new().refused(bytes);
        assert!(error.starts_with("Invalid archive format: the file is ") && error.contains(text), "{text}: {error}");
        assert!(error.contains("zip are taken"), "{error}");
    }
}

#[test]
fn what_a_packed_file_holds_is_named_too() {
    let error = Bench::new().refused(&gzip(b"#!/bin/bash\necho\n"));
    assert!(error.contains("packed with gzip, but holds a script, not an archive instead of a tar file"), "{error}");
    let error = Bench::new().refused(&gzip(&gzip(&tar_of(&[file("a")]))));
    assert!(error.contains("packed with gzip, but holds another packed file"), "{error}");
    let error = Bench::new().refused(&xz(b""));
    assert!(error.contains("packed with xz, but holds nothing"), "{error}");
}

#[test]
fn zstd_is_taken_with_all_its_frames_and_checked() {
    let bench = Bench::new();
    bench.unpack(include_bytes!("../fixtures/app.tar.zst"), &ArchiveLimits::default()).unwrap();
    assert!(bench.target().join("run.sh").is_file());
    let tar = tar_of(&[file("a"), file("b")]);
    let pack = |bytes: &[u8]| ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest);
    let passed_over = b"\x50\x2a\x4d\x18\x03\0\0\0abc";
    let frames = [passed_over.to_vec(), pack(&tar[..700]), passed_over.to_vec(), pack(&tar[700..])].concat();
    let bench = Bench::new();
    bench.unpack(&frames, &ArchiveLimits::default()).unwrap();
    assert_eq!(bench.text("b"), "x");
    // A frame that asks for a window of 1 GB.
    let large = [&b"\x28\xb5\x2f\xfd\x00\xa0"[..], &[0; 600]].concat();
    assert!(Bench::new().refused(&large).contains("it needs more than 64 MB of memory"));
}
