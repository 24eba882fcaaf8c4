//! Who may do what administrators do.

use super::error::Failure;
use crate::api::texts;
use crate::model::UserId;
use crate::store::Transaction;
use crate::store::director::user;

/// Refuses who is no administrator.
pub(super) fn expect_administrator(tx: &Transaction<'_>, caller: UserId) -> Result<(), Failure> {
    if user::is_administrator(tx, caller)? { Ok(()) } else { Err(Failure::application(texts::NOT_ADMINISTRATOR)) }
}
