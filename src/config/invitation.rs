//! The user-data of a node of a remote cloud: who it is, where its
//! director answers, by which authority it knows it, and a token that works
//! once. Anybody in the node, and the cloud itself, can read it.
//!
//! ```text
//! #conpaas-invitation 1
//! DIRECTOR_URL=https://director.example.org:5555
//! AUTHORITY=<base64 of the authority's certificate, PEM>
//! TAG=nk3v0…
//! ROLE=manager
//! USER_ID=1
//! APP_ID=2
//! TIME_SERVERS=ntp.example.org
//! TOKEN=<43 letters and digits>
//! ```
//!
//! # Guarantees
//! - An image that runs its user-data as a shell script only sets a few
//!   variables: no value has a character that means anything to a shell.
//! - Cloud images that know other forms pass it over: it begins with neither `#!` nor `#cloud-`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{DirectorUrl, value};
use crate::model::{ApplicationId, CertificateRole, NodeTag, UserId};
use crate::sys;

/// The most that EC2 passes on.
const MAX_BYTES: usize = 16 * 1024;
const MARK: &str = "#conpaas-invitation ";
const VERSION: u32 = 1;
/// 256 bits.
const TOKEN_CHARS: usize = 43;

/// An invitation. Its token is secret: no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Where the director answers.
    pub director_url: DirectorUrl,
    /// The authority's certificate, by which the director is known.
    pub authority_pem: String,
    /// The node's tag.
    pub tag: NodeTag,
    /// What the node is to be: a manager or an agent.
    pub role: CertificateRole,
    /// Owner of its application.
    pub user_id: UserId,
    /// Its application.
    pub app_id: ApplicationId,
    /// Time servers, `host` or `host:port`.
    pub time_servers: Vec<String>,
    /// What the director knows the node by, once.
    pub token: Token,
}

/// Lets one node ask for its certificate, once. Secret: no `Debug`, no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// Why a text is no invitation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// It is something else: another text may be one.
    #[error("it is no invitation of a ConPaaS director")]
    NotOne,
    /// A newer director wrote it.
    #[error("it has version {found}, this program knows {VERSION}: put a newer program into the image")]
    Newer {
        /// Its version.
        found: u32,
    },
    /// A part of it is missing or wrong.
    #[error("{key} {problem}")]
    Part {
        /// Which part.
        key: &'static str,
        /// What is wrong with it; never its value.
        problem: String,
    },
}

impl Token {
    /// One that nobody can guess.
    #[must_use]
    pub fn random() -> Token {
        Token(sys::random::alphanumeric(TOKEN_CHARS))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Token {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_one = text.len() == TOKEN_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_one { Ok(Token(text.to_owned())) } else { Err("is not a token") }
    }
}

impl Invitation {
    /// Returns the text for user-data.
    ///
    /// # Errors
    /// A value would mean something to a shell.
    pub fn to_text(&self) -> Result<String, InvitationError> {
        let parts = [
            (DIRECTOR_URL, self.director_url.to_string()),
            (AUTHORITY, STANDARD.encode(&self.authority_pem)),
            (TAG, self.tag.to_string()),
            (ROLE, self.role.to_string()),
            (USER_ID, self.user_id.to_string()),
            (APP_ID, self.app_id.to_string()),
            (TIME_SERVERS, self.time_servers.join(",")),
            (TOKEN, self.token.0.clone()),
        ];
        let mut text = format!("{MARK}{VERSION}\n");
        for (key, value) in parts {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "+/=:.,_-[]".contains(c);
            if !value.chars().all(is_plain) {
                return Err(part(key, "has a character that an invitation cannot carry"));
            }
            text += &format!("{key}={value}\n");
        }
        Ok(text)
    }

    /// Reads what a cloud passed on. Keys that a newer director adds are passed over.
    ///
    /// # Errors
    /// It is something else, of a newer version, or a part of it cannot be used.
    pub fn parse(text: &[u8]) -> Result<Self, InvitationError> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= MAX_BYTES);
        let (first, rest) = text.and_then(|text| text.split_once('\n')).ok_or(InvitationError::NotOne)?;
        let found = first.strip_prefix(MARK).and_then(|version| version.trim().parse().ok());
        match found.ok_or(InvitationError::NotOne)? {
            VERSION => {}
            found => return Err(InvitationError::Newer { found }),
        }
        let parts: BTreeMap<&str, &str> = rest.lines().filter_map(|line| line.trim().split_once('=')).collect();
        let authority = STANDARD.decode(required(&parts, AUTHORITY)?).ok().and_then(|pem| String::from_utf8(pem).ok());
        let role: CertificateRole = read(&parts, ROLE)?;
        if !matches!(role, CertificateRole::Manager | CertificateRole::Agent) {
            return Err(part(ROLE, "is neither manager nor agent"));
        }
        Ok(Invitation {
            director_url: read(&parts, DIRECTOR_URL)?,
            authority_pem: authority.ok_or_else(|| part(AUTHORITY, "is not a certificate"))?,
            tag: read(&parts, TAG)?,
            role,
            user_id: read(&parts, USER_ID)?,
            app_id: read(&parts, APP_ID)?,
            time_servers: value::list(parts.get(TIME_SERVERS).copied().unwrap_or_default()),
            token: read(&parts, TOKEN)?,
        })
    }
}

const DIRECTOR_URL: &str = "DIRECTOR_URL";
const AUTHORITY: &str = "AUTHORITY";
const TAG: &str = "TAG";
const ROLE: &str = "ROLE";
const USER_ID: &str = "USER_ID";
const APP_ID: &str = "APP_ID";
const TIME_SERVERS: &str = "TIME_SERVERS";
const TOKEN: &str = "TOKEN";

fn required<'a>(parts: &BTreeMap<&str, &'a str>, key: &'static str) -> Result<&'a str, InvitationError> {
    parts.get(key).copied().filter(|value| !value.is_empty()).ok_or_else(|| part(key, "is missing"))
}

fn read<T: FromStr<Err: Display>>(parts: &BTreeMap<&str, &str>, key: &'static str) -> Result<T, InvitationError> {
    required(parts, key)?.parse().map_err(|error: T::Err| part(key, &format!("cannot be used: {error}")))
}

fn part(key: &'static str, problem: &str) -> InvitationError {
    InvitationError::Part { key, problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation() -> Invitation {
        Invitation {
            director_url: "https://pi.local:5555".parse().unwrap(),
            authority_pem: "-----BEGIN CERTIFICATE-----\nMIIB+/==\n-----END CERTIFICATE-----\n".to_owned(),
            tag: "nabc".parse().unwrap(),
            role: CertificateRole::Agent,
            user_id: UserId(7),
            app_id: ApplicationId(3),
            time_servers: vec!["10.0.0.1".to_owned(), "ntp.example.org:124".to_owned()],
            token: Token::random(),
        }
    }

    fn problem(text: &str) -> InvitationError {
        Invitation::parse(text.as_bytes()).err().expect("it is refused")
    }

    #[test]
    fn what_is_written_is_read_again_and_keys_of_the_future_are_passed_over() {
        let invitation = invitation();
        let text = invitation.to_text().unwrap();
        assert!(text.len() < 2000, "{} bytes", text.len());
        assert!(Invitation::parse(text.as_bytes()) == Ok(invitation.clone()));
        assert!(Invitation::parse(format!("{text}COLOUR=blue\n").replace('\n', "\r\n").as_bytes()) == Ok(invitation));
    }

    #[test]
    fn a_shell_that_runs_it_does_nothing_and_says_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("user-data");
        std::fs::write(&script, invitation().to_text().unwrap()).unwrap();
        let output = std::process::Command::new("sh").arg(&script).output().unwrap();
        assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
        let mut hostile = invitation();
        hostile.time_servers = vec!["$(reboot)".to_owned()];
        assert!(hostile.to_text().is_err());
    }

    #[test]
    fn what_is_no_invitation_is_told_from_what_is_a_broken_one() {
        for text in ["", "#!/bin/sh\necho\n", "#cloud-config\n", "#conpaas-invitation 1", "#conpaas-invitation x\n"] {
            assert_eq!(problem(text), InvitationError::NotOne, "{text}");
        }
        assert_eq!(problem("#conpaas-invitation 2\nTAG=a\n"), InvitationError::Newer { found: 2 });
        let text = invitation().to_text().unwrap();
        for (key, value) in
            [("ROLE", "frontend"), ("TAG", "../x"), ("TOKEN", "short"), ("USER_ID", ""), ("AUTHORITY", "%")]
        {
            let lines = text.lines().map(|line| {
                if line.starts_with(&format!("{key}=")) { format!("{key}={value}\n") } else { format!("{line}\n") }
            });
            let broken: String = lines.collect();
            assert!(matches!(problem(&broken), InvitationError::Part { key: named, .. } if named == key), "{key}");
        }
    }
}
