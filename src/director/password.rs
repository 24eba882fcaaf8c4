//! Passwords: Argon2id, tried no faster than people type.

use std::net::IpAddr;
use std::time::Instant;

use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use md5::{Digest, Md5};
use tokio::sync::Semaphore;

use super::attempts::Attempts;
use crate::config::LoginConfig;
use crate::sys;

/// Hashing takes 19 MB for a moment; no more than this many at once.
const MAX_AT_ONCE: usize = 2;
const MAX_PASSWORD_BYTES: usize = 1024;

/// Checks and makes password hashes.
pub(crate) struct Passwords {
    by_user: Attempts<String>,
    by_address: Attempts<IpAddr>,
    slots: Semaphore,
    /// Compared with when there is no such user, so that both take the same time.
    nobody: String,
}

/// Too many attempts; try again in a minute.
#[derive(Debug, thiserror::Error)]
#[error("too many attempts to log in: wait a minute and try again")]
pub(crate) struct TooManyAttempts;

impl Passwords {
    pub(crate) fn new(config: &LoginConfig) -> Self {
        // Many users may share an address: a class behind one router, or all users of a web frontend.
        let of_address = |number: u32| number.saturating_mul(10);
        Passwords {
            by_user: Attempts::new(config.attempts_per_minute, config.burst),
            by_address: Attempts::new(of_address(config.attempts_per_minute), of_address(config.burst)),
            slots: Semaphore::new(MAX_AT_ONCE),
            nobody: hash_blocking(&sys::random::alphanumeric(16)),
        }
    }

    /// Counts an attempt.
    pub(crate) fn count_attempt(&self, username: &str, address: IpAddr) -> Result<(), TooManyAttempts> {
        self.count_address(address)?;
        if self.by_user.count(key(username), Instant::now()) { Ok(()) } else { Err(TooManyAttempts) }
    }

    /// Counts an attempt of an address alone.
    pub(crate) fn count_address(&self, address: IpAddr) -> Result<(), TooManyAttempts> {
        if self.by_address.count(address, Instant::now()) { Ok(()) } else { Err(TooManyAttempts) }
    }

    /// Takes an attempt back whose password was right: the web frontend
    /// logs its user in anew for every page.
    pub(crate) fn take_back(&self, username: &str, address: IpAddr) {
        self.by_user.take_back(&key(username));
        self.by_address.take_back(&address);
    }

    /// Forgets addresses and names that were quiet for long.
    pub(crate) fn forget_quiet(&self) {
        let now = Instant::now();
        self.by_user.forget_quiet(now);
        self.by_address.forget_quiet(now);
    }

    /// Whether `password` is the one of `hash`; with no hash it takes as long and is wrong.
    pub(crate) async fn verify(&self, password: &str, hash: Option<&str>) -> bool {
        let is_known = hash.is_some();
        let hash = hash.unwrap_or(&self.nobody).to_owned();
        let password = password.to_owned();
        let _slot = self.slots.acquire().await;
        sys::blocking(move || {
            let is_right = password.len() <= MAX_PASSWORD_BYTES
                && PasswordHash::new(&hash)
                    .is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok());
            is_right && is_known
        })
        .await
    }

    /// A new hash of `password`.
    pub(crate) async fn hash(&self, password: &str) -> String {
        let password = password.to_owned();
        let _slot = self.slots.acquire().await;
        sys::blocking(move || hash_blocking(&password)).await
    }
}

/// Names are compared as far as a name can be long.
fn key(username: &str) -> String {
    username.chars().take(80).collect()
}

/// Argon2id with a random salt, in PHC notation. Blocking.
pub(crate) fn hash_blocking(password: &str) -> String {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .expect("the default parameters of Argon2id are valid")
}

/// What old clients compare with what they sent; never stored.
pub(crate) fn md5_hex(password: &str) -> String {
    Md5::digest(password.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
