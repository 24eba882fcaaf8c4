//! SQL in this node: as its own root, over the socket, by standard input.
//!
//! Nobody else has a way to write SQL with a text of somebody in it: [`quoted`] is the only one.

use std::path::Path;
use std::time::Duration;

use crate::sys::program::{self, ProgramError};

/// How long an ordinary statement may take: the members agree about it first.
pub(super) const LIMIT: Duration = Duration::from_secs(30);
/// Literals are read as [`quoted`] writes them, whatever somebody has set for all.
const MODE: &str = "SET SESSION sql_mode = 'STRICT_TRANS_TABLES';\n";

/// Returns the arguments of a client program that opens the member of this node.
#[must_use]
pub(super) fn client(socket: &Path) -> Vec<String> {
    // Files of options could name another server, or have it say more.
    vec!["--no-defaults".to_owned(), format!("--socket={}", socket.display()), "--user=root".to_owned()]
}

/// Runs statements, and returns rows as lines of texts with tabs between them.
///
/// # Errors
/// Returns the last words of the client if a statement fails, or nobody answers within `limit`.
pub(super) async fn run(socket: &Path, statements: &str, limit: Duration) -> Result<String, String> {
    let mut words = client(socket);
    words.extend(["--batch", "--skip-column-names", "--default-character-set=utf8mb4"].map(str::to_owned));
    let outcome = program::run_with_input("mariadb", &words, &format!("{MODE}{statements}\n"), limit).await;
    outcome.map_err(|error| match error {
        ProgramError::Failed { stderr, .. } => stderr,
        other => crate::sys::chain(&other),
    })
}

/// Returns a literal that means exactly `text`; `None` if it holds NUL, which no name and no password may.
#[must_use]
pub(super) fn quoted(text: &str) -> Option<String> {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for c in text.chars() {
        match c {
            '\0' => return None,
            '\'' => literal.push_str("\\'"),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\x1a' => literal.push_str("\\Z"),
            other => literal.push(other),
        }
    }
    literal.push('\'');
    Some(literal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_breaks_out_of_its_literal() {
        for (text, literal) in [
            ("plain", "'plain'"),
            ("it's", r"'it\'s'"),
            (r"a\", r"'a\\'"),
            (r"\'; DROP TABLE t; -- ", r"'\\\'; DROP TABLE t; -- '"),
            ("a\"b`c", "'a\"b`c'"),
            ("a\nDELIMITER //\r\n\\! sh", r"'a\nDELIMITER //\r\n\\! sh'"),
            ("-- x # y /* z", "'-- x # y /* z'"),
            ("\u{1a}ä\u{1F600}", "'\\Zä\u{1F600}'"),
            ("", "''"),
        ] {
            let quoted = quoted(text).unwrap();
            assert_eq!(quoted, literal);
            assert!(!quoted.contains(['\n', '\r']), "the client reads line by line: {quoted}");
        }
        assert_eq!(quoted("a\0b"), None);
    }
}
