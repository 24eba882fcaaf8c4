//! Randomness from the kernel.

use rand::RngExt;
use rand::distr::Alphanumeric;
use rand::seq::IndexedRandom;

/// Small letters and digits that cannot be taken for each other.
const READABLE: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// Returns a text of `length` random letters and digits (5.95 bits each), fit for
/// passwords, ids and names that nobody may guess.
#[must_use]
pub(crate) fn alphanumeric(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}

/// Returns a password of 79 random bits that people can read off a screen and type:
/// four groups of four, such as `k7mw-x2ph-9dqa-t5ne`.
#[must_use]
pub(crate) fn readable_password() -> String {
    let mut random = rand::rng();
    let mut group =
        || -> String { (0..4).filter_map(|_| READABLE.choose(&mut random)).map(|byte| char::from(*byte)).collect() };
    [group(), group(), group(), group()].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_readable_and_never_the_same() {
        let (one, other) = (readable_password(), readable_password());
        assert_ne!(one, other);
        let groups: Vec<&str> = one.split('-').collect();
        assert!(groups.len() == 4 && groups.iter().all(|group| group.len() == 4), "{one}");
        assert!(one.bytes().all(|byte| byte == b'-' || READABLE.contains(&byte)), "{one}");
    }
}
