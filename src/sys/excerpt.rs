//! Texts of strangers, made fit for logs, records and terminals.

/// Returns the beginning of a stranger's text, at most `max_chars` characters of it, with what commands a
/// terminal spelt out. What is left out is said.
#[must_use]
pub(crate) fn excerpt(text: &str, max_chars: usize) -> String {
    let mut shown = String::new();
    let mut rest = text.char_indices();
    for (_, c) in rest.by_ref().take(max_chars) {
        if commands_a_terminal(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    match rest.next() {
        None => shown,
        Some((at, _)) => format!("{shown}… ({} bytes more)", text.len() - at),
    }
}

/// Returns the beginning of bytes that should be text, as [`excerpt`] does. Reads no more of them than it shows.
#[must_use]
pub(crate) fn excerpt_of_bytes(bytes: &[u8], max_chars: usize) -> String {
    // A character takes at most four bytes.
    let read = bytes.len().min(max_chars.saturating_mul(4));
    let text: String = String::from_utf8_lossy(&bytes[..read]).chars().take(max_chars).collect();
    let shown = excerpt(&text, max_chars);
    let n_left = bytes.len().saturating_sub(text.len());
    if n_left == 0 { shown } else { format!("{shown}… ({n_left} bytes more)") }
}

/// Returns whether a terminal obeys a character, or shows others in another order because of it. Line ends and
/// tabs are harmless.
#[must_use]
pub(crate) fn commands_a_terminal(c: char) -> bool {
    let turns_text = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns_text || (c.is_control() && !matches!(c, '\n' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_bounded_and_commands_no_terminal() {
        assert_eq!(excerpt("as it is\n", 20), "as it is\n");
        assert_eq!(excerpt("a\u{1b}[2Jb\u{9b}c\u{202e}d\r", 20), "a\\u{1b}[2Jb\\u{9b}c\\u{202e}d\\r");
        assert_eq!(excerpt("ääää", 2), "ää… (4 bytes more)");
        assert_eq!(excerpt("", 0), "");
        let huge = "\u{1b}".repeat(1_000_000);
        assert!(excerpt(&huge, 100).len() < 1000);
    }

    #[test]
    fn bytes_are_read_only_as_far_as_they_are_shown() {
        assert_eq!(excerpt_of_bytes(b"abc", 10), "abc");
        assert_eq!(excerpt_of_bytes(b"abcdefghij", 2), "ab… (8 bytes more)");
        assert_eq!(excerpt_of_bytes(&[0xff; 3], 3), "\u{fffd}\u{fffd}\u{fffd}");
        let shown = excerpt_of_bytes("ä".repeat(1000).as_bytes(), 500);
        assert!(shown.starts_with('ä') && shown.ends_with("… (1000 bytes more)"), "{shown}");
    }
}
