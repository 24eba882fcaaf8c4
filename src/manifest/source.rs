//! Where a file comes from that a manifest names.

use std::path::{Component, Path, PathBuf};

/// Where a file comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Beside the manifest, by this path.
    Beside(PathBuf),
    /// The web, at this URL.
    Web(String),
}

impl Source {
    /// Reads what a manifest says.
    ///
    /// # Errors
    /// Returns why no file is meant.
    pub(crate) fn of(text: &str) -> Result<Source, String> {
        if text.starts_with("http://") || text.starts_with("https://") {
            return match host_of(text) {
                Some(_) => Ok(Source::Web(text.to_owned())),
                None => Err(format!("'{text}' is no URL")),
            };
        }
        if text.contains("://") {
            return Err(format!("'{text}' is no URL that begins with https:// or http://"));
        }
        let path = Path::new(text);
        let is_inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        match is_inside && !text.is_empty() && !text.contains('\0') {
            true => Ok(Source::Beside(path.to_owned())),
            false => Err(format!("'{text}' lies outside of the manifest's directory")),
        }
    }
}

/// Returns the host of a URL, in small letters.
#[must_use]
pub(crate) fn host_of(url: &str) -> Option<String> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    // A name before the host would show another host than the one that is asked.
    if authority.contains('@') {
        return None;
    }
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => authority.split(':').next()?,
    };
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lies_beside_its_manifest_or_in_the_web() {
        assert_eq!(Source::of("a/b.tar"), Ok(Source::Beside("a/b.tar".into())));
        assert!(matches!(Source::of("https://Example.org:8/x"), Ok(Source::Web(_))));
        for wrong in ["", "/etc/passwd", "../x", "a/../../x", "file:///etc/passwd", "http://", "https://a@b/", "a\0b"] {
            assert!(Source::of(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(host_of("https://Example.org:8/x?y"), Some("example.org".to_owned()));
        assert_eq!(host_of("http://[::1]:80/"), Some("::1".to_owned()));
        assert_eq!(host_of("http://a\\@b/"), Some("a".to_owned()));
    }
}
