//! The text of scripts as other systems write it: Windows line ends, marks at its beginning, wide characters.

/// Scripts that are longer may have a program behind their text, and stay as they are.
pub(super) const MAX_BYTES: u64 = 1024 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What is odd about the text of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Oddity {
    /// Its lines end as on Windows.
    WindowsLineEnds,
    /// It begins with the mark that editors on Windows put before UTF-8 text.
    Mark,
    /// Its characters have 16 bits; `bash` cannot read it, and it stays as it is.
    Wide,
    /// It has no text at all.
    Empty,
}

impl Oddity {
    /// Says it of the script `name`, and what is done about it.
    pub(super) fn text(self, name: &str) -> String {
        match self {
            Oddity::WindowsLineEnds => format!("'{name}' has Windows line ends; nodes run it without them"),
            Oddity::Mark => format!("'{name}' begins with a byte order mark; nodes run it without it"),
            Oddity::Wide => format!("'{name}' is UTF-16 text, which bash cannot run; save it as UTF-8"),
            Oddity::Empty => format!("'{name}' is empty"),
        }
    }
}

/// Returns what is odd about a script, of which at least the beginning is given.
pub(super) fn oddities(script: &[u8]) -> Vec<Oddity> {
    if script.is_empty() {
        return vec![Oddity::Empty];
    }
    if script.starts_with(b"\xff\xfe") || script.starts_with(b"\xfe\xff") {
        return vec![Oddity::Wide];
    }
    // A program may follow the text.
    if script.contains(&0) {
        return Vec::new();
    }
    let mark = script.starts_with(BYTE_ORDER_MARK).then_some(Oddity::Mark);
    let ends = script.windows(2).any(|pair| pair == b"\r\n").then_some(Oddity::WindowsLineEnds);
    mark.into_iter().chain(ends).collect()
}

/// Returns the script as `bash` can run it; `None` if it can already, or cannot be helped.
pub(super) fn mended(script: &[u8]) -> Option<Vec<u8>> {
    let is_mendable = |oddity: &Oddity| matches!(oddity, Oddity::Mark | Oddity::WindowsLineEnds);
    if script.len() as u64 > MAX_BYTES || !oddities(script).iter().any(is_mendable) {
        return None;
    }
    let script = script.strip_prefix(BYTE_ORDER_MARK).unwrap_or(script);
    let mut mended = Vec::with_capacity(script.len());
    for (at, byte) in script.iter().enumerate() {
        let ends_line = *byte == b'\r' && script.get(at + 1) == Some(&b'\n');
        if !ends_line {
            mended.push(*byte);
        }
    }
    Some(mended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_of_windows_is_mended_and_others_stay_as_they_are() {
        let windows = b"\xef\xbb\xbf#!/bin/bash\r\nsleep 1\r\nprintf 'a\rb'\r\n";
        assert_eq!(oddities(windows), [Oddity::Mark, Oddity::WindowsLineEnds]);
        assert_eq!(mended(windows).unwrap(), b"#!/bin/bash\nsleep 1\nprintf 'a\rb'\n");
        assert_eq!(oddities(b"\xff\xfee\0"), [Oddity::Wide]);
        assert_eq!(oddities(b""), [Oddity::Empty]);
        let with_program = b"#!/bin/sh\ntail -n +3 $0\n\x7fELF\0\r\n";
        for script in [&b"echo a\n"[..], b"\xff\xfee\0", b"", with_program] {
            assert_eq!(mended(script), None, "{script:?}");
        }
        assert_eq!(mended(&b"\r\n".repeat(1024 * 1024)), None);
    }
}
