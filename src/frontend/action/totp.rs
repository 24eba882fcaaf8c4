//! What visitors do with their one-time codes.

use crate::api::{TotpSecretView, texts, totp};
use crate::client::error::Failure;
use crate::frontend::outcome::{Done, Problem};
use crate::frontend::page;
use crate::frontend::visit::Visit;

pub(super) async fn begin(visit: &Visit) -> Result<Done, Problem> {
    let secret = visit.client.begin_totp(visit.typed("password")).await.map_err(|failure| problem(visit, failure))?;
    Ok(Done::Page(Box::new(page::secret_page(visit.t, &secret, ""))))
}

/// A code that was mistyped is asked for again beside the same picture.
pub(super) async fn confirm(visit: &Visit) -> Result<Done, Problem> {
    let page = match visit.client.confirm_totp(visit.field(totp::FIELD)).await {
        Ok(codes) => page::recovery_page(visit.t, &codes),
        Err(failure) if failure.text.contains(texts::TOTP_WRONG) => {
            let shown = TotpSecretView { secret: visit.field("secret").into(), url: visit.field("url").into() };
            page::secret_page(visit.t, &shown, visit.t.totp_wrong)
        }
        Err(failure) => return Err(failure.into()),
    };
    Ok(Done::Page(Box::new(page)))
}

pub(super) async fn end(visit: &Visit) -> Result<Done, Problem> {
    let ended = visit.client.end_totp(visit.typed("password"), visit.field(totp::FIELD)).await;
    ended.map_err(|failure| problem(visit, failure))?;
    Ok(Done::said("/account", visit.t.totp_is_off))
}

fn problem(visit: &Visit, failure: Failure) -> Problem {
    let says = |part: &str| failure.text.contains(part);
    match (says(texts::AUTHENTICATION_FAILED), says(texts::TOTP_WRONG)) {
        (true, _) => Problem::Form(visit.t.wrong_password.to_owned()),
        (_, true) => Problem::Form(visit.t.totp_wrong.to_owned()),
        _ => failure.into(),
    }
}
