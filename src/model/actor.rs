//! Who had something happen.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Who had something happen to an application or a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Actor {
    /// The owner, by a call.
    User,
    /// The director.
    Director,
    /// The application's manager, by a call of the owner or by itself: the reason says why.
    Manager,
}

impl Actor {
    /// Every actor.
    pub(crate) const ALL: [Actor; 3] = [Actor::User, Actor::Director, Actor::Manager];

    /// The text on the wire.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Actor::User => "user",
            Actor::Director => "director",
            Actor::Manager => "manager",
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Actor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Actor::ALL.into_iter().find(|actor| actor.as_str() == text).ok_or_else(|| format!("unknown actor '{text}'"))
    }
}
