//! Short names for long contents.

use sha2::{Digest, Sha256};

/// Returns the first `n_bytes` (32 at most) of a content's SHA-256, as hexadecimal digits: it tells one content from another.
#[must_use]
pub(crate) fn fingerprint(content: impl AsRef<[u8]>, n_bytes: usize) -> String {
    Sha256::digest(content).iter().take(n_bytes).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_beginning_of_what_sha256sum_prints() {
        assert_eq!(fingerprint("abc", 8), "ba7816bf8f01cfea");
        let whole = fingerprint("abc", 32);
        assert!(whole.len() == 64 && whole.starts_with("ba7816bf8f01cfea") && whole.ends_with("f20015ad"), "{whole}");
    }
}
