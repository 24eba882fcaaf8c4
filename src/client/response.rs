//! From what came over the wire to a value, or to a failure in ConPaaS 2.0's words.
//!
//! Must not know: connections, certificates, the session.

use std::error::Error;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::Failure;
use crate::api::MANAGER_PORT;
use crate::api::params::python_str;
use crate::rpc::{Answer, CallError, ClientError, Endpoint};

/// The parameters of a director's method.
pub(super) type Parameters<'a> = &'a [(&'a str, &'a str)];

/// Whom a call failed to reach, in upstream's words.
#[derive(Clone, Copy)]
pub(super) enum Peer {
    Director,
    Manager,
}

/// Refuses every status but 200, and JSON objects that carry an error.
pub(super) fn expect_ok(
    method: &str,
    url: &str,
    parameters: Parameters<'_>,
    answer: Answer,
) -> Result<Answer, Failure> {
    if answer.status != 200 {
        let parameters: Vec<String> = parameters.iter().map(|(name, value)| python_item(name, value)).collect();
        let meaning = if answer.status == 507 { ": the director's disk is full, free some room on it" } else { "" };
        return Err(Failure::said(format!(
            "Call to method '{method}' on '{url}' failed: HTTP status {}{meaning}.\nParams = {{{}}}",
            answer.status,
            parameters.join(", ")
        )));
    }
    match error_in(&answer.body) {
        Some(error) => Err(Failure::said(python_str(&error))),
        None => Ok(answer),
    }
}

/// Refuses an answer that is an error instead of a file.
pub(super) fn expect_file(answer: Answer) -> Result<Answer, Failure> {
    if answer.filename.is_some() {
        return Ok(answer);
    }
    match error_in(&answer.body).filter(|error| !error.is_null()) {
        Some(error) => Err(Failure::said(python_str(&error))),
        None => Ok(answer),
    }
}

fn error_in(body: &[u8]) -> Option<Value> {
    serde_json::from_slice::<Map<String, Value>>(body).ok()?.remove("error")
}

/// Reads a director's answer as what it should be.
///
/// # Errors
/// The director does not know the certificate's user, or the answer is of another shape.
pub(super) fn read_director<T: DeserializeOwned>(method: &str, answer: &Answer) -> Result<T, Failure> {
    if serde_json::from_slice::<bool>(&answer.body).is_ok_and(|is_known| !is_known) {
        return Err(Failure::said("failed to authenticate user with user certificate."));
    }
    serde_json::from_slice(&answer.body).map_err(|error| not_understood(method, &error))
}

/// Reads a manager's answer as what it should be.
///
/// # Errors
/// The answer is of another shape.
pub(super) fn read_manager<T: DeserializeOwned>(method: &str, answer: Value) -> Result<T, Failure> {
    serde_json::from_value(answer).map_err(|error| not_understood(method, &error))
}

fn not_understood(method: &str, error: &serde_json::Error) -> Failure {
    Failure::said(format!("the answer to '{method}' is not understood: {error}"))
}

/// Returns why a manager's method failed.
pub(super) fn manager_failure(endpoint: &Endpoint, error: CallError) -> Failure {
    let url =
        if endpoint.port == MANAGER_PORT { format!("https://{}/", endpoint.host) } else { format!("{endpoint}/") };
    match error {
        CallError::Client(error) => contact_failure(Peer::Manager, &url, &error),
        CallError::Remote(text) => Failure::said(text),
        malformed @ CallError::Malformed { .. } => Failure::said(malformed.to_string()),
        CallError::Status { method, status, text, .. } => Failure::said(format!(
            "Call to method '{method}' on '{}' failed: HTTP status {status}.\n{text}",
            endpoint.host
        )),
    }
}

/// Returns why nobody was reached at `url`.
pub(super) fn contact_failure(peer: Peer, url: &str, error: &ClientError) -> Failure {
    let (name, owner) = match peer {
        Peer::Director => ("director", "ConPaaS director's"),
        Peer::Manager => ("manager", "manager's"),
    };
    if matches!(error, ClientError::Verification { .. }) {
        let text = format!(
            "The {owner} SSL certificate failed verification.\n\
             You may be the victim of a man-in-the-middle attack or, if you recently changed the ConPaaS \
             deployment, you need to run 'conpaas user get_certificate' first."
        );
        return Failure::with_causes(text, error);
    }
    let mut reason = error.to_string();
    if let Some(source) = error.source() {
        reason = format!("{reason}: {source}");
    }
    let mut failure = Failure::with_causes(format!("Cannot contact the {name} at URL '{url}': {reason}"), error);
    failure.is_passing =
        matches!(error, ClientError::Connect { .. } | ClientError::Broken { .. } | ClientError::Timeout { .. });
    failure
}

fn python_item(name: &str, value: &str) -> String {
    match name {
        "password" | "new_password" | "secret" | "code" | "ticket" => format!("'{name}': '<hidden>'"),
        "service_id" => format!("'service_id': {value}"),
        _ => format!("'{name}': '{value}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, filename: None, body: body.to_owned().into() }
    }

    fn checked(status: u16, body: &str) -> Result<String, String> {
        let parameters = [("username", "u"), ("password", "secret"), ("service_id", "0")];
        let outcome = expect_ok("m", "https://d:1/m", &parameters, answer(status, body));
        outcome.map(|answer| String::from_utf8_lossy(&answer.body).into_owned()).map_err(|failure| failure.text)
    }

    #[test]
    fn an_error_in_an_answer_is_a_failure_in_its_own_words() {
        assert_eq!(checked(200, r#"{"error": "taken"}"#), Err("taken".to_owned()));
        assert_eq!(checked(200, r#"{"error": null}"#), Err("None".to_owned()));
        for body in ["{}", "2.0.0", r#"[{"error": "of a row"}]"#, r#""error""#] {
            assert_eq!(checked(200, body), Ok(body.to_owned()));
        }
    }

    #[test]
    fn another_status_is_told_with_all_parameters_but_the_password() {
        let text = "Call to method 'm' on 'https://d:1/m' failed: HTTP status 404.\n\
                    Params = {'username': 'u', 'password': '<hidden>', 'service_id': 0}";
        assert_eq!(checked(404, "{}"), Err(text.to_owned()));
    }

    #[test]
    fn a_file_may_look_like_an_error_when_it_has_a_name() {
        let body = r#"{"error": "no such code"}"#;
        assert_eq!(expect_file(answer(200, body)).unwrap_err().text, "no such code");
        assert!(expect_file(answer(200, r#"{"error": null}"#)).is_ok());
        assert!(expect_file(Answer { filename: Some("x.json".to_owned()), ..answer(200, body) }).is_ok());
    }

    #[test]
    fn a_directors_answer_has_its_shape_and_false_means_a_stranger() {
        assert_eq!(read_director::<i64>("user_credit", &answer(200, "24")).unwrap(), 24);
        let stranger = read_director::<Vec<String>>("listapp", &answer(200, "false")).unwrap_err();
        assert_eq!(stranger.text, "failed to authenticate user with user certificate.");
        let odd = read_director::<i64>("user_credit", &answer(200, "[]")).unwrap_err();
        assert!(odd.text.starts_with("the answer to 'user_credit' is not understood: "), "{}", odd.text);
    }
}
