//! Where an invitation may be found.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use tokio::time::Instant;

use super::{JoinError, JoinOptions, Progress, beneath, drive, metadata};
use crate::config::{Invitation, InvitationError};
use crate::sys::blocking;
use crate::task::backoff::BackOff;

/// Where cloud images look for user-data on their own disk.
const SEED: &str = "/var/lib/cloud/seed/nocloud/user-data";
/// More than any cloud passes on.
pub(crate) const MAX_BYTES: u64 = 64 * 1024;
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

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

/// Looks in all places again and again: drives and the network may be late.
/// An invitation that is there and broken ends it.
pub(crate) async fn find(options: &JoinOptions, deadline: Instant) -> Result<Invitation, JoinError> {
    let (mut back_off, mut progress) = (BackOff::new(), Progress::default());
    loop {
        let mut looked = Vec::new();
        for source in &options.sources {
            let found = match source {
                Source::Drive => drive::read().await,
                Source::Seed => read_seed(&options.root).await,
                Source::Metadata(url) => metadata::read(url).await,
            };
            match found {
                Ok(None) => {}
                Err(reason) => looked.push(reason),
                Ok(Some(found)) => match Invitation::parse(&found.content) {
                    Ok(invitation) => return Ok(invitation),
                    Err(InvitationError::NotOne) => {
                        looked.push(format!("{}: {}", found.place, InvitationError::NotOne));
                    }
                    Err(broken) => {
                        return Err(JoinError::Malformed(format!("the invitation in {}: {broken}", found.place)));
                    }
                },
            }
        }
        if looked.is_empty() {
            looked.push("neither a drive, nor a file, nor a metadata service has user-data".to_owned());
        }
        let looked = looked.join("; ");
        let pause = back_off.after(Duration::ZERO).min(LONGEST_PAUSE);
        if Instant::now() + pause > deadline {
            return Err(JoinError::NoInvitation { limit: options.limit, looked });
        }
        progress.tell(&looked);
        tokio::time::sleep(pause).await;
    }
}

/// User-data, whatever it is.
pub(crate) struct Found {
    /// Where it was, for people.
    pub(crate) place: String,
    /// At most [`MAX_BYTES`] of it.
    pub(crate) content: Vec<u8>,
}

async fn read_seed(root: &Path) -> Result<Option<Found>, String> {
    let path = beneath(root, Path::new(SEED));
    blocking(move || read_file(&path)).await
}

/// Reads a file that may not be there. Blocking.
pub(crate) fn read_file(path: &Path) -> Result<Option<Found>, String> {
    let place = path.display().to_string();
    let mut content = Vec::new();
    match File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut content)) {
        Ok(_) => Ok(Some(Found { place, content })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read {place}: {error}")),
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
