//! Randomness from the kernel.

use rand::RngExt;
use rand::distr::Alphanumeric;

/// A text of `length` random letters and digits (5.95 bits each), fit for
/// passwords, ids and names that nobody may guess.
#[must_use]
pub fn alphanumeric(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}
