//! How a node joins: where it looks, how long, and what it becomes then.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// How long a node looks for its invitation and its director, unless told otherwise.
pub(crate) const JOIN_LIMIT: Duration = Duration::from_secs(300);

/// How a node joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JoinOptions {
    /// The directory that stands for `/` of the node.
    pub root: PathBuf,
    /// Where to look for the invitation, in this order.
    pub sources: Vec<Source>,
    /// How long to look, and to ask the director.
    pub limit: Duration,
    /// What to become then.
    pub then: Then,
}

/// What a node that has joined does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Then {
    /// It ends.
    End,
    /// It becomes the manager or the agent that it was told to be.
    Run {
        /// Address to listen on; by default all.
        bind: Option<Ipv4Addr>,
        /// Port to listen on; by default as configured.
        port: Option<u16>,
    },
}

/// One place to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A drive labelled `config-2` (OpenStack) or `cidata` (NoCloud).
    Drive,
    /// The directory below the root where NoCloud images look.
    Seed,
    /// A metadata service, by its URL.
    Metadata(String),
}

impl Source {
    /// All of them, in the order in which a machine of its own looks.
    #[must_use]
    pub(crate) fn all() -> Vec<Source> {
        vec![Source::Drive, Source::Seed, Source::Metadata("http://169.254.169.254".to_owned())]
    }
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "drive" => Ok(Source::Drive),
            "seed" => Ok(Source::Seed),
            url if url.starts_with("http://") => Ok(Source::Metadata(url.trim_end_matches('/').to_owned())),
            _ => Err(format!("'{text}' is neither 'drive', nor 'seed', nor the http:// URL of a metadata service")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_named_as_words_or_urls() {
        assert_eq!("drive".parse(), Ok(Source::Drive));
        assert_eq!("seed".parse(), Ok(Source::Seed));
        assert_eq!("http://127.0.0.1:80/".parse(), Ok(Source::Metadata("http://127.0.0.1:80".to_owned())));
        assert!("https://x".parse::<Source>().is_err());
    }
}
