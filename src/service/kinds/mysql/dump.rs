//! What of a dump is loaded: everything but the database `mysql`.
//!
//! Older dumps hold that database. In a cluster its tables cannot be loaded: the statements that drop and make
//! them reach all members, the rows do not, and all accounts of the other members would be gone.

use bytes::Bytes;

/// A line says in its first bytes which database follows.
const HEAD_BYTES: usize = 96;
const MARKS: [&[u8]; 2] = [b"-- Current Database: `", b"USE `"];
const SYSTEM: &[u8] = b"mysql`";

/// Leaves out the parts of a dump that belong to the database `mysql`.
pub(super) struct WithoutSystem {
    /// The beginning of the line that is read, until it is known what it is.
    head: Vec<u8>,
    is_in_head: bool,
    is_skipping: bool,
}

impl WithoutSystem {
    pub(super) fn new() -> Self {
        WithoutSystem { head: Vec::new(), is_in_head: true, is_skipping: false }
    }

    /// Takes the next piece, and returns what of it, and of earlier ones, is to be loaded.
    pub(super) fn next(&mut self, piece: &[u8]) -> Bytes {
        let mut kept = Vec::with_capacity(piece.len() + self.head.len());
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let mut rest = part;
            if self.is_in_head {
                let n_bytes = rest.len().min(HEAD_BYTES - self.head.len());
                self.head.extend_from_slice(&rest[..n_bytes]);
                rest = &rest[n_bytes..];
                if self.head.len() == HEAD_BYTES || self.head.ends_with(b"\n") {
                    self.judge(&mut kept);
                }
            }
            if !self.is_skipping {
                kept.extend_from_slice(rest);
            }
            if part.ends_with(b"\n") {
                self.is_in_head = true;
            }
        }
        kept.into()
    }

    /// Returns what is left.
    pub(super) fn end(&mut self) -> Bytes {
        let mut kept = Vec::new();
        self.judge(&mut kept);
        kept.into()
    }

    fn judge(&mut self, kept: &mut Vec<u8>) {
        if let Some(name) = MARKS.iter().find_map(|mark| self.head.strip_prefix(*mark)) {
            self.is_skipping = name.starts_with(SYSTEM);
        }
        if !self.is_skipping {
            kept.append(&mut self.head);
        }
        self.head.clear();
        self.is_in_head = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "-- head\n--\n-- Current Database: `a`\n--\nUSE `a`;\nINSERT INTO t VALUES ('USE `mysql`');\n\
                        -- Current Database: `mysql`\nUSE `mysql`;\nDROP TABLE global_priv;\n\
                        -- Current Database: `mysqlx`\nUSE `mysqlx`;\nCREATE TABLE u (i int);\n-- end";

    fn filtered(dump: &str, piece_bytes: usize) -> String {
        let mut filter = WithoutSystem::new();
        let mut kept = Vec::new();
        for piece in dump.as_bytes().chunks(piece_bytes) {
            kept.extend_from_slice(&filter.next(piece));
        }
        kept.extend_from_slice(&filter.end());
        String::from_utf8(kept).unwrap()
    }

    #[test]
    fn the_database_of_accounts_is_left_out_however_the_dump_is_cut() {
        let (before, rest) = DUMP.split_once("-- Current Database: `mysql`").unwrap();
        let after = &rest[rest.find("-- Current Database: `mysqlx`").unwrap()..];
        for piece_bytes in [1, 2, 7, 64, 95, 96, 97, 10_000] {
            assert_eq!(filtered(DUMP, piece_bytes), format!("{before}{after}"), "{piece_bytes}");
        }
    }

    #[test]
    fn long_lines_pass_piece_by_piece() {
        let line = format!("INSERT INTO t VALUES ('{}');\n", "x".repeat(300_000));
        assert_eq!(filtered(&line.repeat(2), 65_536), line.repeat(2));
        assert_eq!(filtered("", 1), "");
    }
}
