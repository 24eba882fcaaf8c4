//! Cookies: what a browser sends, and what it is given.
//!
//! All have the prefix `__Host-`: a browser takes them from this very host, over TLS, and sends them to no other.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::pki::Secret;
use crate::rpc::Request;

const SESSION: &str = "__Host-conpaas";
const NOTE: &str = "__Host-note";
/// How the pages look: the script sets it, too.
pub(super) const LOOK: &str = "__Host-look";
/// The language of the pages.
pub(super) const LANGUAGE: &str = "__Host-language";
/// A login that is at its provider, or just back.
const EXTERNAL: &str = "__Host-external";
/// A text for the next page is not worth more.
const MAX_NOTE_CHARS: usize = 600;
const YEAR_SECONDS: u64 = 365 * 24 * 3600;

/// Returns the value of a cookie.
pub(super) fn get(request: &Request, name: &str) -> Option<String> {
    let pairs = request.headers_of("cookie").flat_map(|header| header.split(';'));
    let mut found = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(own, _)| *own == name);
    found.next().map(|(_, value)| value.to_owned())
}

/// Returns the secret of the visitor's session.
pub(super) fn secret(request: &Request) -> Option<Secret> {
    Secret::of_bytes(&URL_SAFE_NO_PAD.decode(get(request, SESSION)?).ok()?)
}

/// Returns the cookie that holds a session's secret, for as long as the browser runs or for `seconds`.
pub(super) fn of_session(secret: &Secret, seconds: Option<u64>) -> String {
    let life = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    format!("{SESSION}={}; {HIDDEN}{life}", URL_SAFE_NO_PAD.encode(secret.bytes()))
}

/// Returns what takes the session's cookie away.
pub(super) fn no_session() -> String {
    format!("{SESSION}=; {HIDDEN}; Max-Age=0")
}

/// Returns the cookie of a login by a provider: what the director gave, and whether the session is to be kept.
pub(super) fn of_external(secret: &str, is_kept: bool) -> String {
    let kept = if is_kept { 'k' } else { 's' };
    format!("{EXTERNAL}={kept}{secret}; {HIDDEN}; Max-Age=600")
}

/// Returns what [`of_external`] brought.
pub(super) fn external(request: &Request) -> Option<(String, bool)> {
    let value = get(request, EXTERNAL)?;
    let (kept, secret) = value.split_at_checked(1)?;
    let is_plain = !secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_plain.then(|| (secret.to_owned(), kept == "k"))
}

/// Returns what takes the login away.
pub(super) fn no_external() -> String {
    format!("{EXTERNAL}=; {HIDDEN}; Max-Age=0")
}

/// Returns the text that an earlier answer left for this page.
pub(super) fn note(request: &Request) -> Option<Note> {
    let value = get(request, NOTE)?;
    let text = percent_decode_str(&value).decode_utf8().ok()?.into_owned();
    let (kind, text) = text.split_at_checked(1)?;
    Some(Note { is_failure: kind == "!", text: text.to_owned() })
}

/// A text for the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    /// Whether it says what went wrong.
    pub(super) is_failure: bool,
    pub(super) text: String,
}

impl Note {
    /// Returns the cookie that brings it to the next page.
    pub(super) fn cookie(&self) -> String {
        let kind = if self.is_failure { '!' } else { '.' };
        let text: String = std::iter::once(kind).chain(self.text.chars().take(MAX_NOTE_CHARS)).collect();
        format!("{NOTE}={}; {HIDDEN}; Max-Age=60", utf8_percent_encode(&text, NON_ALPHANUMERIC))
    }
}

/// Returns what takes the text away, once it was shown.
pub(super) fn no_note() -> String {
    format!("{NOTE}=; {HIDDEN}; Max-Age=0")
}

/// Returns a cookie with a word of ours that a script may read.
pub(super) fn of_choice(name: &str, word: &str) -> String {
    format!("{name}={word}; Path=/; Secure; SameSite=Lax; Max-Age={YEAR_SECONDS}")
}

const HIDDEN: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_for_this_host_and_no_script() {
        let secret = Secret::random();
        for cookie in [
            of_session(&secret, None),
            of_session(&secret, Some(5)),
            of_external("x", true),
            no_external(),
            no_session(),
            no_note(),
        ] {
            assert!(cookie.starts_with("__Host-") && cookie.contains("; Path=/; Secure; HttpOnly; SameSite=Lax"));
        }
        assert!(!of_session(&secret, None).contains("Max-Age") && of_session(&secret, Some(5)).ends_with("Max-Age=5"));
    }

    #[test]
    fn a_note_cannot_leave_its_cookie() {
        let note = Note { is_failure: true, text: "no; Domain=x\r\nSet-Cookie: a=b ü".to_owned() };
        let cookie = note.cookie();
        assert_eq!(cookie.matches(';').count(), 5, "{cookie}");
        assert!(cookie.is_ascii() && !cookie.contains('\n'));
    }
}
