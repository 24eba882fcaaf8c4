//! One-time codes (TOTP, RFC 6238) beside a password (ours).

use serde::{Deserialize, Serialize};

/// The field in which a login by password gives a code.
pub(crate) const FIELD: &str = "totp";

/// What `/totp` says of the caller's one-time codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TotpView {
    /// Whether a login by password needs a code.
    pub is_on: bool,
    /// How many recovery codes are left.
    pub n_recovery_codes: u32,
}

/// What `/begin_totp` answers: what a phone needs to make codes. Secret: no `Debug`.
#[derive(Serialize, Deserialize)]
pub(crate) struct TotpSecretView {
    /// The secret in base 32, to be typed.
    pub secret: String,
    /// The same as an `otpauth:` address, to be shown as a QR code.
    pub url: String,
}

/// What `/confirm_totp` answers. Secret: no `Debug`.
#[derive(Serialize, Deserialize)]
pub(crate) struct RecoveryCodesView {
    /// Each logs its user in once without a phone; they are told this once.
    pub recovery_codes: Vec<String>,
}
