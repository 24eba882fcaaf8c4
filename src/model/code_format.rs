//! How the files of a code version are held.

use std::fmt;
use std::str::FromStr;

/// How the files of a code version are held (`filetype` on the wire).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeFormat {
    /// A zip archive.
    Zip,
    /// A tar archive, perhaps compressed.
    Tar,
    /// A revision of a git repository.
    Git,
}

impl CodeFormat {
    /// Every format, in the order in which the wire's texts list them.
    pub(crate) const ALL: [CodeFormat; 3] = [CodeFormat::Zip, CodeFormat::Tar, CodeFormat::Git];

    /// Returns the text on the wire and in the database.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            CodeFormat::Zip => "zip",
            CodeFormat::Tar => "tar",
            CodeFormat::Git => "git",
        }
    }
}

impl fmt::Display for CodeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CodeFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = CodeFormat::ALL.into_iter().find(|format| format.as_str() == text);
        found.ok_or_else(|| format!("unknown format of code '{text}'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_read_back_as_written() {
        for format in CodeFormat::ALL {
            assert_eq!(format.as_str().parse(), Ok(format));
        }
        assert!("rar".parse::<CodeFormat>().is_err());
    }
}
