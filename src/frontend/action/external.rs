//! What visitors do with their identities at a provider.

use crate::api::{texts, totp};
use crate::client::error::Failure;
use crate::frontend::cookie;
use crate::frontend::external::{BACK, away};
use crate::frontend::outcome::{Done, Problem};
use crate::frontend::visit::Visit;

/// Sends somebody to the provider, who proves there who he is.
pub(super) async fn link(visit: &Visit) -> Result<Done, Problem> {
    let url = format!("{}{BACK}", visit.origin);
    let begun =
        visit.client.begin_external_link(&url, proof(visit)).await.map_err(|failure| problem(visit, failure))?;
    let answer = away(visit.t, &begun.url).ok_or(Problem::NotFound)?;
    Ok(Done::Answer(answer.with_cookie(&cookie::of_external(&begun.secret, false))))
}

pub(super) async fn unlink(visit: &Visit) -> Result<Done, Problem> {
    let identity = (visit.typed("issuer"), visit.typed("subject"));
    let ended = visit.client.end_external_link(identity, proof(visit)).await;
    ended.map_err(|failure| problem(visit, failure))?;
    Ok(Done::said("/account", visit.t.identity_is_unlinked))
}

fn proof(visit: &Visit) -> (&str, &str) {
    (visit.typed("password"), visit.field(totp::FIELD))
}

fn problem(visit: &Visit, failure: Failure) -> Problem {
    let t = visit.t;
    let words = [
        (texts::AUTHENTICATION_FAILED, t.wrong_password),
        (texts::TOTP_NEEDED, t.totp_needed),
        (texts::TOTP_WRONG, t.totp_wrong),
    ];
    match words.iter().find(|(part, _)| failure.text.contains(part)) {
        Some((_, text)) => Problem::Form((*text).to_owned()),
        None => failure.into(),
    }
}
