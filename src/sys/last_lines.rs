//! The last lines of what a program said, however much that was.

use std::collections::VecDeque;

/// A line that never ends is cut here.
const LONGEST_LINE_BYTES: usize = 16 * 1024;

/// Takes output as it comes, in any pieces, and keeps its last lines that are not empty.
#[derive(Debug)]
pub(crate) struct LastLines {
    n_kept: usize,
    line: Vec<u8>,
    kept: VecDeque<String>,
}

impl LastLines {
    /// Keeps `n_kept` lines.
    #[must_use]
    pub(crate) fn new(n_kept: usize) -> Self {
        LastLines { n_kept, line: Vec::new(), kept: VecDeque::new() }
    }

    /// Takes the next piece, and calls `on_line` with each line that it ends.
    pub(crate) fn push(&mut self, bytes: &[u8], on_line: &mut dyn FnMut(&str)) {
        for byte in bytes {
            match byte {
                b'\n' | b'\r' => self.end_line(on_line),
                _ if self.line.len() < LONGEST_LINE_BYTES => self.line.push(*byte),
                _ => {}
            }
        }
    }

    /// Ends a line that has no end.
    pub(crate) fn end_line(&mut self, on_line: &mut dyn FnMut(&str)) {
        let line = String::from_utf8_lossy(&self.line).trim().to_owned();
        self.line.clear();
        if line.is_empty() {
            return;
        }
        on_line(&line);
        self.kept.push_back(line);
        if self.kept.len() > self.n_kept {
            self.kept.pop_front();
        }
    }

    /// Returns the kept lines on one line.
    #[must_use]
    pub(crate) fn text(&self) -> String {
        self.kept.iter().map(String::as_str).collect::<Vec<_>>().join("; ")
    }
}

/// Returns the last `n_kept` lines of `text` that are not empty, on one line.
#[must_use]
pub(crate) fn last_lines(text: &str, n_kept: usize) -> String {
    let mut lines = LastLines::new(n_kept);
    lines.push(text.as_bytes(), &mut |_| {});
    lines.end_line(&mut |_| {});
    lines.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_come_in_pieces_are_put_together_and_only_the_last_are_kept() {
        let mut lines = LastLines::new(2);
        let mut seen = Vec::new();
        for piece in ["a\nb", "c\r\n", "\n  d\ne"] {
            lines.push(piece.as_bytes(), &mut |line| seen.push(line.to_owned()));
        }
        assert_eq!(lines.text(), "bc; d");
        lines.end_line(&mut |line| seen.push(line.to_owned()));
        assert_eq!((lines.text().as_str(), seen.join(",").as_str()), ("d; e", "a,bc,d,e"));
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let mut lines = LastLines::new(5);
        lines.push(&vec![b'x'; 1 << 20], &mut |_| {});
        lines.push(b"\nshort", &mut |_| {});
        lines.end_line(&mut |_| {});
        assert_eq!(lines.text().len(), LONGEST_LINE_BYTES + "; short".len());
        assert_eq!(last_lines("a\n\nb\nc\n", 2), "b; c");
    }
}
