//! The nginx of this machine: where it is, and how it wants to be told of HTTP/2.

use std::path::PathBuf;
use std::time::Duration;

use super::error::IngressError;
use crate::sys::program;

const LIMIT: Duration = Duration::from_secs(10);
/// The first version that has a directive for HTTP/2, and complains about the word of `listen`.
const FIRST_WITH_DIRECTIVE: [u32; 3] = [1, 25, 1];

/// An nginx that is installed.
pub(super) struct NginxProgram {
    /// Its file.
    pub(super) path: PathBuf,
    /// How its configuration asks for HTTP/2.
    pub(super) http2: Http2,
}

/// How a configuration asks for HTTP/2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Http2 {
    /// By a word of `listen`.
    Word,
    /// By a directive of the server.
    Directive,
}

impl NginxProgram {
    /// Finds it.
    ///
    /// # Errors
    /// It is not installed.
    pub(super) async fn find() -> Result<NginxProgram, IngressError> {
        let path = program::find("nginx").ok_or(IngressError::NoNginx)?;
        // It tells its version on standard error.
        let words = ["-c".into(), r#"exec "$0" -v 2>&1"#.into(), path.clone().into_os_string()];
        let said = program::run("sh", &words, LIMIT).await.unwrap_or_default();
        Ok(NginxProgram { path, http2: Http2::of(&said) })
    }
}

impl Http2 {
    /// Every version takes the word, some with a warning: so it is what an unknown one gets.
    fn of(said: &str) -> Http2 {
        let version = said.split("nginx/").nth(1).unwrap_or_default();
        let numbers = version.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse().ok());
        if numbers.take(3).collect::<Vec<u32>>().as_slice() >= FIRST_WITH_DIRECTIVE.as_slice() {
            Http2::Directive
        } else {
            Http2::Word
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_says_how_http2_is_asked_for() {
        for (said, wanted) in [
            ("nginx version: nginx/1.22.1\n", Http2::Word),
            ("nginx version: nginx/1.25.0\n", Http2::Word),
            ("nginx version: nginx/1.25.1\n", Http2::Directive),
            ("nginx version: nginx/1.26.3 (Debian)\n", Http2::Directive),
            ("nginx version: nginx/2.0\n", Http2::Directive),
            ("sh: not found", Http2::Word),
            ("", Http2::Word),
        ] {
            assert_eq!(Http2::of(said), wanted, "{said}");
        }
    }
}
