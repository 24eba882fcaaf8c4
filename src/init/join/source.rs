//! Looks for the invitation in all places where one may be.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::error::JoinError;
use super::found::{Found, read_file};
use super::options::{JoinOptions, Source};
use super::place::beneath;
use super::progress::Progress;
use super::{drive, metadata};
use crate::config::{Invitation, InvitationError};
use crate::sys::blocking;
use crate::task::backoff::BackOff;

/// Where cloud images look for user-data on their own disk.
const SEED: &str = "/var/lib/cloud/seed/nocloud/user-data";
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

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

async fn read_seed(root: &Path) -> Result<Option<Found>, String> {
    let path = beneath(root, Path::new(SEED));
    blocking(move || read_file(&path)).await
}
