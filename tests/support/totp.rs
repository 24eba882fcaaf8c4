//! One-time codes, as a phone makes them.

/// Returns the code that a phone shows `later` seconds from now.
pub(crate) fn code_of(secret: &str, later: i64) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret).expect("a secret in base 32");
    let codes = totp_rs::Builder::new().with_secret(secret).build().expect("a secret that is long enough");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_secs();
    codes.generate(now.saturating_add_signed(later)).to_string()
}
