//! The token and a signing request for a certificate and all files.

use std::time::Duration;

use tokio::time::Instant;

use super::error::JoinError;
use super::files::SigningRequest;
use super::progress::Progress;
use crate::api::JoinView;
use crate::config::Invitation;
use crate::pki::Credentials;
use crate::rpc::{Answer, Client, Endpoint, FormBody, PeerRule};
use crate::sys::chain;
use crate::sys::excerpt::excerpt_of_bytes;
use crate::task::backoff::BackOff;

const ANSWER_LIMIT: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Asks the director, which is known by the invitation's authority, until it
/// answers. The same request may be sent again: the token is bound to its key.
pub(crate) async fn ask(
    invitation: &Invitation,
    request: &SigningRequest,
    deadline: Instant,
) -> Result<JoinView, JoinError> {
    let only_authority = Credentials {
        certificate_pem: String::new(),
        key_pem: String::new(),
        authority_pem: invitation.authority_pem.clone(),
    };
    let client = Client::new(Some(&only_authority), PeerRule::Director)?.with_timeout(ANSWER_LIMIT);
    let url = &invitation.director_url;
    let endpoint = Endpoint { host: url.host().to_owned(), port: url.port() };
    let form = FormBody::default()
        .field("tag", invitation.tag.as_str())
        .field("token", invitation.token.as_str())
        .file_named("csr", &request.path, "csr.pem");
    let (mut back_off, mut progress) = (BackOff::new(), Progress::default());
    loop {
        let reason = match client.post_form(&endpoint, "/ca/join", &form).await {
            Ok(answer) if answer.status == 200 => return read(&answer),
            Ok(answer) if answer.status >= 500 || answer.status == 429 => words(&answer),
            Ok(answer) => return Err(JoinError::Refused(words(&answer))),
            Err(error) => chain(&error),
        };
        let pause = back_off.after(Duration::ZERO).min(LONGEST_PAUSE);
        if Instant::now() + pause > deadline {
            return Err(JoinError::Unreachable(reason));
        }
        progress.tell(&reason);
        tokio::time::sleep(pause).await;
    }
}

fn read(answer: &Answer) -> Result<JoinView, JoinError> {
    serde_json::from_slice(&answer.body).map_err(|error| JoinError::Malformed(error.to_string()))
}

fn words(answer: &Answer) -> String {
    format!("status {}: {}", answer.status, excerpt_of_bytes(&answer.body, 200))
}
