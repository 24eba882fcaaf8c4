//! One-time tokens, with which nodes of remote clouds come for their certificate.
//!
//! Such a node was told its token where others may have read it. What it gets for it is `join`'s.
//!
//! # Guarantees
//! - A token is good for one node, for a short time, and for the first key
//!   that is shown with it. With that key it may be shown again, so that an
//!   answer that was lost on its way costs no node.
//! - Only the hash of a token is kept. No token is ever logged.

use sha2::{Digest, Sha256};

use crate::config::Token;
use crate::director::state::Director;
use crate::model::NodeTag;
use crate::store::StoreError;
use crate::store::director::token;

/// Makes a token for a node and records its hash.
pub(crate) async fn new_token(director: &Director, tag: &NodeTag) -> Result<Token, StoreError> {
    let token = Token::random();
    let (hash, tag) = (hash(token.as_str()), tag.clone());
    let (now, expires) = (chrono::Utc::now().timestamp(), expiry(director));
    director.store.write(move |tx| token::insert(tx, &hash, &tag, expires, now)).await?;
    Ok(token)
}

/// Returns when a token that is given out now expires, in seconds since 1970.
pub(crate) fn expiry(director: &Director) -> i64 {
    let lifetime = director.config.node_token_lifetime.as_secs();
    chrono::Utc::now().timestamp().saturating_add_unsigned(lifetime)
}

/// The hash by which a token is recorded.
pub(crate) fn hash(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_token_is_recorded_by_its_sha_256() {
        let wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(super::hash("abc"), wanted);
    }
}
