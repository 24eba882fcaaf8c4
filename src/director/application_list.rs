//! The list of a user's applications.
//!
//! # Guarantees
//! - What is shown is what a transaction that begins after the question reads.

use bytes::Bytes;

use super::application::{WithManager, with_managers};
use super::error::Failure;
use super::shown_lists::Shown;
use super::state::Director;
use crate::model::UserId;
use crate::store::Version;

/// Returns all applications of a user, by id, as `show` writes them.
pub(crate) async fn shown(
    director: &Director,
    uid: UserId,
    show: fn(&[WithManager]) -> Bytes,
) -> Result<Bytes, Failure> {
    let before = director.shown_lists.of(uid);
    let found = director.store.read(move |tx| {
        let version = Version::of(tx)?;
        match before.filter(|shown| shown.version == version) {
            Some(shown) => Ok::<_, Failure>(shown),
            None => Ok(Shown { version, text: show(&with_managers(tx, uid)?) }),
        }
    });
    let shown = found.await?;
    let text = shown.text.clone();
    director.shown_lists.remember(uid, shown);
    Ok(text)
}
