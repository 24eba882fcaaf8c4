//! How small a page is sent.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// How the body of a page is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
}

impl Packing {
    /// Returns how a browser takes pages, by its header `accept-encoding`.
    pub(crate) fn accepted(header: Option<&str>) -> Self {
        let takes = header.unwrap_or_default().split(',').any(|entry| {
            let mut parts = entry.split(';').map(str::trim);
            let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
            is_gzip
                && !parts.any(|part| matches!(part.replace(' ', "").as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        });
        if takes { Packing::Gzip } else { Packing::Plain }
    }
}

/// Packs bytes.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::default());
    // A vector takes all that is written.
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("memory can be written to")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_packed_for_those_who_say_so() {
        for (header, packing) in [
            (None, Packing::Plain),
            (Some(""), Packing::Plain),
            (Some("br, deflate"), Packing::Plain),
            (Some("gzip, deflate, br"), Packing::Gzip),
            (Some("br;q=1.0, GZIP;q=0.5"), Packing::Gzip),
            (Some("gzip;q=0"), Packing::Plain),
            (Some("gzip; q=0.0"), Packing::Plain),
        ] {
            assert_eq!(Packing::accepted(header), packing, "{header:?}");
        }
    }
}
