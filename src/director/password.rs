//! Passwords: Argon2id, tried no faster than people type.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use md5::{Digest, Md5};

use super::attempts::Attempts;
use super::hash_queue::HashQueue;
use crate::config::LoginConfig;
use crate::rpc::{Origin, Origins};
use crate::sys;

const MAX_PASSWORD_BYTES: usize = 1024;

/// Checks and makes password hashes.
pub(crate) struct Passwords {
    origins: Origins,
    /// By origin and name together: who knows the password is not kept out by others who do not.
    by_user: Attempts<(Origin, String)>,
    by_origin: Attempts<Origin>,
    queue: Arc<HashQueue>,
    /// Compared with when there is no such user, so that both take the same time.
    nobody: String,
}

/// Why a password is not looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TooManyAttempts {
    /// The caller tried too often.
    #[error("too many attempts to log in: wait a minute and try again")]
    OfCaller,
    /// Too many who tried less often wait.
    #[error("too many people are logging in at this moment: wait a minute and try again")]
    OfAll,
}

/// How much a caller has tried of late; whoever has tried less comes first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Debt(Duration);

impl Passwords {
    pub(crate) fn new(config: &LoginConfig, origins: Origins, max_waiting: usize) -> Self {
        // Many users may share an address: a class behind one router, or all users of a web frontend.
        let of_address = |number: u32| number.saturating_mul(10);
        Passwords {
            by_user: Attempts::new(config.attempts_per_minute, config.burst),
            by_origin: Attempts::new(of_address(config.attempts_per_minute), of_address(config.burst)),
            queue: HashQueue::new(max_waiting),
            origins,
            nobody: hash_blocking(&sys::random::alphanumeric(16)),
        }
    }

    /// Counts an attempt.
    pub(crate) fn count_attempt(&self, username: &str, address: IpAddr) -> Result<Debt, TooManyAttempts> {
        let debt = self.count_address(address)?;
        let is_allowed = self.by_user.count(self.key(username, address), Instant::now());
        if is_allowed { Ok(debt) } else { Err(TooManyAttempts::OfCaller) }
    }

    /// Counts an attempt of an address alone.
    pub(crate) fn count_address(&self, address: IpAddr) -> Result<Debt, TooManyAttempts> {
        let (origin, now) = (self.origins.of(address), Instant::now());
        let debt = Debt(self.by_origin.debt(&origin, now));
        if self.by_origin.count(origin, now) { Ok(debt) } else { Err(TooManyAttempts::OfCaller) }
    }

    /// Takes an attempt back whose password was right: the web frontend
    /// logs its user in anew for every page.
    pub(crate) fn take_back(&self, username: &str, address: IpAddr) {
        self.by_user.take_back(&self.key(username, address));
        self.by_origin.take_back(&self.origins.of(address));
    }

    /// Forgets addresses and names that were quiet for long.
    pub(crate) fn forget_quiet(&self) {
        let now = Instant::now();
        self.by_user.forget_quiet(now);
        self.by_origin.forget_quiet(now);
    }

    /// Whether `password` is the one of `hash`; with no hash it takes as long and is wrong.
    ///
    /// # Errors
    /// Others are looked at first, and they are too many.
    pub(crate) async fn verify(&self, password: &str, hash: Option<&str>, debt: Debt) -> Result<bool, TooManyAttempts> {
        let is_known = hash.is_some();
        let hash = hash.unwrap_or(&self.nobody).to_owned();
        let password = password.to_owned();
        let turn = self.queue.turn(debt.0).await.ok_or(TooManyAttempts::OfAll)?;
        let is_right = sys::blocking(move || {
            // It goes on when the caller goes away.
            let _turn = turn;
            let is_right = password.len() <= MAX_PASSWORD_BYTES
                && PasswordHash::new(&hash)
                    .is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok());
            is_right && is_known
        })
        .await;
        Ok(is_right)
    }

    /// A new hash of `password`.
    ///
    /// # Errors
    /// As [`Passwords::verify`].
    pub(crate) async fn hash(&self, password: &str, debt: Debt) -> Result<String, TooManyAttempts> {
        let password = password.to_owned();
        let turn = self.queue.turn(debt.0).await.ok_or(TooManyAttempts::OfAll)?;
        let hash = sys::blocking(move || {
            let _turn = turn;
            hash_blocking(&password)
        });
        Ok(hash.await)
    }

    /// Names are compared as far as a name can be long.
    fn key(&self, username: &str, address: IpAddr) -> (Origin, String) {
        (self.origins.of(address), username.chars().take(80).collect())
    }
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
