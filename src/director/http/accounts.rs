//! Accounts of users, and their certificates (`docs/reference/director-api.md` §3.2).

use std::sync::Arc;

use super::call::Call;
use crate::api::{Done, texts, totp as code};
use crate::director::account::{self, Registration};
use crate::director::error::Failure;
use crate::director::state::Director;
use crate::director::{totp, views};
use crate::model::CertificateRole;
use crate::rpc::{Form, Response};
use crate::store::director::user::User;

const MAX_FIELD_CHARS: usize = 256;

/// Makes an account and its first application.
pub(crate) async fn new_user(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let form = &call.form;
    let debt = director.passwords.count_address(call.visitor())?;
    let admission = account::expect_invited(&director, form.filled("invitation")).await?;
    check_fields(form, &["username", "email", "password"])?;
    let (username, email) = (form.get("username").unwrap_or_default(), form.get("email").unwrap_or_default());
    account::refuse_taken(&director, username, email).await?;
    let credit = requested_credit(form.get("credit"), director.config.max_credit)?;
    let added = account::register(&director, registration(form, credit), (admission, debt)).await?;
    Ok(Response::json_line(&views::user(&added, form.get("password"))))
}

/// Answers the user object, with the md5 of what was typed, or `false`.
pub(crate) async fn login(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    match authenticate(&director, &call).await? {
        Some(found) => {
            Ok(Response::json_line(&views::user(&found, Some(call.form.get("password").unwrap_or_default()))))
        }
        None => Ok(Response::json_line(&false)),
    }
}

/// Issues a certificate; answers a zip file with it, its key and the authority.
pub(crate) async fn get_certificates(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let Some(found) = authenticate(&director, &call).await? else {
        return Err(Failure::application(texts::AUTHENTICATION_FAILED));
    };
    let credentials = account::certify(&director, &found)?;
    let zip = credentials.to_zip().map_err(|error| Failure::Internal(format!("cannot make certs.zip: {error}")))?;
    Ok(Response::attachment("application/zip", "certs.zip", zip))
}

/// Changes the password of the caller. His certificate is not enough: who finds it must not take the account over.
pub(crate) async fn change_password(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let new = call.form.get("new_password").unwrap_or_default();
    if new.chars().count() > MAX_FIELD_CHARS {
        return Err(Failure::Application(format!("Field 'new_password' is longer than {MAX_FIELD_CHARS} characters")));
    }
    let old = call.form.get("password").unwrap_or_default();
    account::change_password(&director, call.user(), (old, new), call.caller.address.ip()).await?;
    Ok(Response::json_line(&Done {}))
}

/// Finds who is logging in. An external id alone proves nothing: it is
/// believed only from the web frontend, which shows the director's own certificate.
async fn authenticate(director: &Director, call: &Call) -> Result<Option<User>, Failure> {
    // A name is what was registered, blanks and all.
    if let Some(username) = call.form.get("username").filter(|name| !name.trim().is_empty()) {
        let password = call.form.get("password").unwrap_or_default();
        let code = call.form.filled(code::FIELD);
        let found = totp::log_in(director, username, (password, code), call.visitor()).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    let is_frontend = call.caller.identity.as_ref().is_some_and(|caller| caller.role == CertificateRole::Frontend);
    if !is_frontend {
        return Ok(None);
    }
    let (uuid, openid) = (filled_id(&call.form, "uuid"), filled_id(&call.form, "openid"));
    account::by_external_id(director, uuid, openid).await
}

/// Returns the account that a form asks for whose owner logs in elsewhere.
pub(super) fn registration_without_password(director: &Director, form: &Form) -> Result<Registration, Failure> {
    check_fields(form, &["username", "email"])?;
    let credit = requested_credit(form.get("credit"), director.config.max_credit)?;
    Ok(Registration { password: String::new(), uuid: String::new(), openid: None, ..registration(form, credit) })
}

fn check_fields(form: &Form, needed: &[&str]) -> Result<(), Failure> {
    for field in needed {
        let text = form.get(field).unwrap_or_default();
        // Nobody logs in with a name of blanks.
        if text.is_empty() || (*field == "username" && text.trim().is_empty()) {
            return Err(Failure::Application(texts::missing_field(field)));
        }
    }
    for (field, text) in &form.fields {
        if text.chars().count() > MAX_FIELD_CHARS {
            return Err(Failure::Application(format!("Field '{field}' is longer than {MAX_FIELD_CHARS} characters")));
        }
        // Names go into certificates, logs and terminals.
        if field != "password" && text.chars().any(char::is_control) {
            return Err(Failure::Application(format!("Field '{field}' has characters that cannot be printed")));
        }
    }
    Ok(())
}

fn registration(form: &Form, credit: i64) -> Registration {
    let text = |name: &str| form.get(name).unwrap_or_default().to_owned();
    Registration {
        username: text("username"),
        fname: text("fname"),
        lname: text("lname"),
        email: text("email"),
        affiliation: text("affiliation"),
        password: text("password"),
        credit,
        uuid: form.get("uuid").filter(|uuid| *uuid != "<none>").unwrap_or_default().to_owned(),
        openid: form.get("openid").map(str::to_owned),
    }
}

/// An id of another system; `<none>` is upstream's word for no id.
fn filled_id(form: &Form, name: &str) -> Option<String> {
    form.get(name).map(str::trim).filter(|text| !text.is_empty() && *text != "<none>").map(str::to_owned)
}

fn requested_credit(text: Option<&str>, max: i64) -> Result<i64, Failure> {
    let shown = text.unwrap_or("None");
    let Ok(credit) = shown.trim().parse::<i64>() else {
        return Err(Failure::Application(format!("Required credit '{shown}' is not a valid integer.")));
    };
    if credit < 0 {
        return Err(Failure::Application(format!("Required credit {credit} cannot be a negative integer.")));
    }
    if credit > max {
        let text = format!("Cannot allocate {credit} credit for a new user (max credit {max}).");
        return Err(Failure::Application(text));
    }
    Ok(credit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_is_a_number_from_0_to_the_most_there_is() {
        let table = [
            (Some("0"), Ok(0)),
            (Some(" 50 "), Ok(50)),
            (Some("51"), Err("Cannot allocate 51 credit for a new user (max credit 50).")),
            (Some("-1"), Err("Required credit -1 cannot be a negative integer.")),
            (Some("1.5"), Err("Required credit '1.5' is not a valid integer.")),
            (None, Err("Required credit 'None' is not a valid integer.")),
        ];
        for (text, wanted) in table {
            let found = requested_credit(text, 50).map_err(|failure| failure.to_string());
            assert_eq!(found, wanted.map_err(str::to_owned), "{text:?}");
        }
    }
}
