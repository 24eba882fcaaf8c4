//! The list of a user's applications.
//!
//! # Guarantees
//! - What is shown is what a transaction that begins after the question reads.

use std::time::Duration;

use bytes::Bytes;

use super::application::{WithManager, with_managers};
use super::change::{self, Found};
use super::error::Failure;
use super::shown_lists::Shown;
use super::state::Director;
use crate::api::LIST_FINGERPRINT_BYTES;
use crate::model::UserId;
use crate::store::{Transaction, Version};
use crate::sys::fingerprint::fingerprint;

/// Returns the same as [`shown`] once it is another text than the one whose fingerprint is `known`; after `wait` as it is.
pub(crate) async fn unlike(
    director: &Director,
    uid: UserId,
    show: fn(&[WithManager]) -> Bytes,
    (known, wait): (String, Duration),
) -> Result<Bytes, Failure> {
    let look = move |tx: &Transaction<'_>| {
        let text = show(&with_managers(tx, uid)?);
        let is_news = fingerprint(&text, LIST_FINGERPRINT_BYTES) != known;
        Ok(Found { value: text, is_news })
    };
    change::until(director, wait, look).await
}

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
