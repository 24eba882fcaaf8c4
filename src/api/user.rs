//! The user object (`docs/reference/director-api.md` §3.2).

use serde::{Deserialize, Serialize};

use crate::model::UserId;

/// What `/login`, `/new_user`, `/user_config` say of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserView {
    /// Login name.
    pub username: String,
    /// OpenID identity.
    pub openid: Option<String>,
    /// The user's id.
    pub uid: UserId,
    /// Affiliation.
    pub affiliation: String,
    /// The md5 (hex) of what the caller typed, in answers of `/login` and
    /// `/new_user` only; never anything that is stored.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub password: Option<String>,
    /// External id.
    pub uuid: Option<String>,
    /// Local time of creation, ISO 8601 with microseconds.
    pub created: String,
    /// Last name.
    pub lname: String,
    /// Credits left.
    pub credit: i64,
    /// First name.
    pub fname: String,
    /// E-mail address.
    pub email: String,
    /// Whether the user is an administrator (ours), in answers of `/user_config` only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub administrator: bool,
}

/// A user, as administrators see him (ours).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManagedUserView {
    /// The user's id.
    pub uid: UserId,
    /// Login name.
    pub username: String,
    /// E-mail address.
    pub email: String,
    /// Credits left.
    pub credit: i64,
    /// Local time of creation, ISO 8601 with microseconds.
    pub created: String,
    /// Whether the user is an administrator.
    pub administrator: bool,
    /// How many applications he has.
    pub applications: usize,
    /// How many of them have nodes, or may have.
    pub running: usize,
}

/// What `/credit` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CreditView {
    /// Credits left.
    pub credit: i64,
}
