//! Logins by an OpenID provider (ours).

use serde::{Deserialize, Serialize};

/// What `/external_provider` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExternalProviderView {
    /// What users call the provider; none where there is none.
    pub name: Option<String>,
}

/// What a login by the provider begins with. Secret: no `Debug`.
#[derive(Serialize, Deserialize)]
pub(crate) struct ExternalBegunView {
    /// Where the visitor is to go.
    pub url: String,
    /// What his browser shows when it comes back.
    pub secret: String,
}

/// What comes next for somebody whom the provider has vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExternalNext {
    /// He takes his certificate.
    Certificate,
    /// He shows a one-time code, and takes his certificate.
    Code,
    /// Nobody is linked with this identity: he makes an account, or links it from his own.
    Account,
    /// The identity is linked with the user who began this.
    Linked,
}

/// What `/external_login` answers. Secret: no `Debug`.
#[derive(Serialize, Deserialize)]
pub(crate) struct ExternalShownView {
    /// What comes next.
    pub next: ExternalNext,
    /// What the next call shows; good for a few minutes.
    pub ticket: String,
    /// The login name of who is linked; else a name that the provider proposes.
    pub username: String,
    /// His address at the provider; empty if it does not say.
    pub email: String,
}

/// An identity that a user has linked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExternalLinkView {
    /// The provider.
    pub issuer: String,
    /// The user's id there.
    pub subject: String,
    /// What he recognises it by.
    pub shown: String,
    /// Local time of its beginning, ISO 8601 with microseconds.
    pub created: String,
}
