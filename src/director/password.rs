//! Passwords: Argon2id, tried no faster than people type.

use std::net::IpAddr;
use std::num::NonZeroU32;

use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use md5::{Digest, Md5};
use tokio::sync::Semaphore;

use crate::config::LoginConfig;
use crate::sys;

/// Hashing takes 19 MB for a moment; no more than this many at once.
const MAX_AT_ONCE: usize = 2;
const MAX_PASSWORD_BYTES: usize = 1024;

/// Checks and makes password hashes.
pub(super) struct Passwords {
    by_user: DefaultKeyedRateLimiter<String>,
    by_address: DefaultKeyedRateLimiter<IpAddr>,
    slots: Semaphore,
    /// Compared with when there is no such user, so that both take the same time.
    nobody: String,
}

/// Too many attempts; try again in a minute.
#[derive(Debug, thiserror::Error)]
#[error("too many attempts to log in: wait a minute and try again")]
pub(super) struct TooManyAttempts;

impl Passwords {
    pub(super) fn new(config: &LoginConfig) -> Self {
        let per_minute = NonZeroU32::new(config.attempts_per_minute).unwrap_or(NonZeroU32::MIN);
        let burst = NonZeroU32::new(config.burst).unwrap_or(NonZeroU32::MIN);
        let of_user = Quota::per_minute(per_minute).allow_burst(burst);
        // Many users may share an address: a class behind one router.
        let of_address = Quota::per_minute(per_minute.saturating_mul(NonZeroU32::MIN.saturating_add(9)))
            .allow_burst(burst.saturating_mul(NonZeroU32::MIN.saturating_add(9)));
        Passwords {
            by_user: RateLimiter::keyed(of_user),
            by_address: RateLimiter::keyed(of_address),
            slots: Semaphore::new(MAX_AT_ONCE),
            nobody: hash_blocking(&sys::random::alphanumeric(16)),
        }
    }

    /// Counts an attempt.
    pub(super) fn count_attempt(&self, username: &str, address: IpAddr) -> Result<(), TooManyAttempts> {
        self.count_address(address)?;
        let username: String = username.chars().take(80).collect();
        self.by_user.check_key(&username).map_err(|_| TooManyAttempts)
    }

    /// Counts an attempt of an address alone.
    pub(super) fn count_address(&self, address: IpAddr) -> Result<(), TooManyAttempts> {
        self.by_address.check_key(&address).map_err(|_| TooManyAttempts)
    }

    /// Forgets addresses and names that were quiet for long.
    pub(super) fn forget_quiet(&self) {
        self.by_user.retain_recent();
        self.by_address.retain_recent();
    }

    /// Whether `password` is the one of `hash`; with no hash it takes as long and is wrong.
    pub(super) async fn verify(&self, password: &str, hash: Option<&str>) -> bool {
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
    pub(super) async fn hash(&self, password: &str) -> String {
        let password = password.to_owned();
        let _slot = self.slots.acquire().await;
        sys::blocking(move || hash_blocking(&password)).await
    }
}

/// Argon2id with a random salt, in PHC notation. Blocking.
pub(super) fn hash_blocking(password: &str) -> String {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .expect("the default parameters of Argon2id are valid")
}

/// What old clients compare with what they sent; never stored.
pub(super) fn md5_hex(password: &str) -> String {
    Md5::digest(password.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
