//! What visitors do with their own sessions, and what they take for their computers.

use crate::api::texts;
use crate::client::error::Failure;
use crate::frontend::cookie;
use crate::frontend::outcome::{Done, Problem};
use crate::frontend::text::LANGUAGES;
use crate::frontend::visit::Visit;
use crate::rpc::Response;

pub(super) fn sign_out(visit: &Visit) -> Result<Done, Problem> {
    visit.site.sessions.end(&visit.secret.name());
    Ok(Done::Answer(Response::see_other("/login").with_cookie(&cookie::no_session())))
}

/// Whoever knew the old password is signed out.
pub(super) async fn change_password(visit: &Visit) -> Result<Done, Problem> {
    let new = visit.typed("new_password");
    if new.is_empty() || new != visit.typed("again") {
        return Err(Problem::Form(visit.t.passwords_differ.to_owned()));
    }
    if let Err(failure) = visit.client.change_password(visit.typed("password"), new).await {
        let is_wrong = failure.text.contains(texts::AUTHENTICATION_FAILED);
        return Err(if is_wrong { Problem::Form(visit.t.wrong_password.to_owned()) } else { failure.into() });
    }
    end_others(visit);
    Ok(Done::said("/account", visit.t.password_is_changed))
}

pub(super) fn sign_out_others(visit: &Visit) -> Done {
    end_others(visit);
    Done::at("/account")
}

fn end_others(visit: &Visit) {
    let own = visit.secret.name();
    for (name, _) in visit.site.sessions.of_user(visit.uid) {
        if name != own {
            visit.site.sessions.end(&name);
        }
    }
}

pub(super) fn look(visit: &Visit) -> Done {
    let mut answer = Response::see_other("/account");
    let look = visit.field("look");
    if ["device", "light", "dark"].contains(&look) {
        answer = answer.with_cookie(&cookie::of_choice(cookie::LOOK, look));
    }
    if let Some(texts) = LANGUAGES.iter().find(|texts| texts.language == visit.field("language")) {
        answer = answer.with_cookie(&cookie::of_choice(cookie::LANGUAGE, texts.language));
    }
    Done::Answer(answer)
}

pub(super) fn certificates(visit: &Visit) -> Result<Done, Problem> {
    let credentials = visit.site.sessions.credentials(&visit.secret).ok_or(Problem::NotFound)?;
    let zip = credentials.to_zip().map_err(|error| Failure::said(format!("cannot make certs.zip: {error}")))?;
    Ok(Done::Answer(Response::attachment("application/zip", "certs.zip", zip)))
}

pub(super) fn client_settings(visit: &Visit) -> Done {
    let text = format!("[cps-tools]\nDIRECTOR_URL = {}\nUSERNAME = {}\n", visit.site.director_url, visit.username);
    Done::Answer(Response::attachment("text/plain; charset=utf-8", "cps-tools.conf", text.into_bytes()))
}
