//! Credentials that rest sealed: whoever has the bytes but not the secret has nothing.
//!
//! The secret is random and long; it is kept elsewhere, such as in a visitor's cookie.

use rand::Rng;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::credentials::Credentials;

/// The bytes of a secret.
pub(crate) const SECRET_BYTES: usize = 32;

/// The three texts as they are sealed.
#[derive(Serialize, Deserialize)]
struct Texts {
    certificate: String,
    key: String,
    authority: String,
}

/// A secret that nobody can guess. Secret: no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret([u8; SECRET_BYTES]);

impl Secret {
    /// Returns a new one.
    pub(crate) fn random() -> Self {
        let mut bytes = [0; SECRET_BYTES];
        rand::rng().fill_bytes(&mut bytes);
        Secret(bytes)
    }

    /// Returns the one that is made of these bytes, if there are as many as it has.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Secret)
    }

    /// Returns its bytes, for the one place that keeps it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the name under which what it seals is kept. It tells nothing of the secret.
    pub(crate) fn name(&self) -> String {
        self.derived("conpaas secret name").iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Seals credentials.
    pub(crate) fn seal(&self, credentials: &Credentials) -> Vec<u8> {
        let texts = Texts {
            certificate: credentials.certificate_pem.clone(),
            key: credentials.key_pem.clone(),
            authority: credentials.authority_pem.clone(),
        };
        let mut nonce = [0; NONCE_LEN];
        rand::rng().fill_bytes(&mut nonce);
        let mut sealed = serde_json::to_vec(&texts).expect("texts are always JSON");
        let own = Aad::from(self.name());
        self.cipher()
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), own, &mut sealed)
            .expect("a few kilobytes are not too long for the cipher");
        [&nonce[..], &sealed].concat()
    }

    /// Opens what was sealed by this secret; `None` for anything else.
    pub(crate) fn open(&self, sealed: &[u8]) -> Option<Credentials> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let mut rest = rest.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self.cipher().open_in_place(nonce, Aad::from(self.name()), &mut rest).ok()?;
        let texts: Texts = serde_json::from_slice(plain).ok()?;
        Some(Credentials { certificate_pem: texts.certificate, key_pem: texts.key, authority_pem: texts.authority })
    }

    fn cipher(&self) -> LessSafeKey {
        let key = self.derived("conpaas secret key");
        LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key).expect("a hash has the length of a key"))
    }

    /// One use of the secret tells nothing of another.
    fn derived(&self, purpose: &str) -> [u8; 32] {
        Sha256::new().chain_update(purpose).chain_update([0]).chain_update(self.0).finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_opens_what_it_sealed() {
        let (own, other) = (Secret::random(), Secret::random());
        let credentials = Credentials { certificate_pem: "C".into(), key_pem: "KEY".into(), authority_pem: "A".into() };
        let sealed = own.seal(&credentials);
        assert!(!String::from_utf8_lossy(&sealed).contains("KEY"));
        assert!(own.open(&sealed).is_some_and(|opened| opened.key_pem == "KEY"));
        assert!(other.open(&sealed).is_none() && own.open(&sealed[..20]).is_none() && own.open(b"").is_none());
        for at in [0, NONCE_LEN, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(own.open(&changed).is_none(), "byte {at}");
        }
        assert_ne!(own.seal(&credentials), sealed, "each time another nonce");
        assert_ne!(own.name(), other.name());
        assert!(Secret::of_bytes(own.bytes()).is_some_and(|same| same == own) && Secret::of_bytes(b"x").is_none());
    }
}
