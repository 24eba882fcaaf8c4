//! Accounts (`docs/reference/director-api.md` §3.2).

use std::io::{Cursor, Write};
use std::sync::Arc;

use zip::write::SimpleFileOptions;

use super::error::Failure;
use super::http::routes::Call;
use super::state::Director;
use super::views;
use crate::api::texts;
use crate::model::CertificateRole;
use crate::pki::{Credentials, Lifetime, Subject};
use crate::rpc::{Form, Response};
use crate::store::Transaction;
use crate::store::director::user::{NewUser, User};
use crate::store::director::{application, user};

const FIRST_APPLICATION: &str = "New Application";
const MAX_FIELD_CHARS: usize = 256;

/// Makes an account and its first application.
pub(crate) async fn new_user(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let form = &call.form;
    director.passwords.count_address(call.caller.address.ip()).map_err(|error| Failure::TooMany(error.to_string()))?;
    for field in ["username", "email", "password"] {
        if form.filled(field).is_none() {
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
    let username = form.get("username").unwrap_or_default().to_owned();
    let email = form.get("email").unwrap_or_default().to_owned();
    let password = form.get("password").unwrap_or_default().to_owned();
    refuse_taken(&director, &username, &email).await?;
    let credit = requested_credit(form.get("credit"), director.config.max_credit)?;
    let text = |name: &str| form.get(name).unwrap_or_default().to_owned();
    let new = NewUser {
        username,
        fname: text("fname"),
        lname: text("lname"),
        email,
        affiliation: text("affiliation"),
        password_hash: director.passwords.hash(&password).await,
        created: views::local_now(),
        credit,
        uuid: form.get("uuid").filter(|uuid| *uuid != "<none>").unwrap_or_default().to_owned(),
        openid: form.get("openid").map(str::to_owned),
    };
    let added = director.store.write(move |tx| add(tx, new)).await?;
    tracing::info!(user.id = added.uid.0, user.name = added.details.username, "user created");
    Ok(Response::json_line(&views::user(&added, Some(&password))))
}

/// Adds a user with his first application.
pub(crate) fn add(tx: &Transaction<'_>, new: NewUser) -> Result<User, Failure> {
    // Two requests may have passed the first look at the same time.
    if user::by_username(tx, &new.username)?.is_some() {
        return Err(username_taken(&new.username));
    }
    if user::has_email(tx, &new.email)? {
        return Err(email_taken(&new.email));
    }
    let uid = user::insert(tx, &new)?;
    application::insert(tx, uid, FIRST_APPLICATION)?;
    Ok(User { uid, details: new })
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
    let subject = Subject::user(found.uid, &found.details.username, &found.details.email);
    let lifetime = Lifetime(director.config.user_certificate_lifetime);
    let credentials = director.authority.issue(&subject, &[], lifetime)?;
    tracing::info!(user.id = found.uid.0, "certificate issued to user");
    let zip = zipped(&credentials).map_err(|error| Failure::Internal(format!("cannot make certs.zip: {error}")))?;
    Ok(Response::attachment("application/zip", "certs.zip", zip))
}

/// Finds who is logging in. An external id alone proves nothing: it is
/// believed only from the web frontend, which shows the director's own certificate.
async fn authenticate(director: &Director, call: &Call) -> Result<Option<User>, Failure> {
    let filled = |name: &str| filled_credential(&call.form, name);
    let address = call.caller.address.ip();
    if let Some(username) = filled("username") {
        director.passwords.count_attempt(&username, address).map_err(|error| Failure::TooMany(error.to_string()))?;
        let name = username.clone();
        let found = director.store.read(move |tx| Ok::<_, Failure>(user::by_username(tx, &name)?)).await?;
        let password = call.form.get("password").unwrap_or_default();
        let hash = found.as_ref().map(|user| user.details.password_hash.as_str());
        if director.passwords.verify(password, hash).await {
            director.passwords.take_back(&username, address);
            return Ok(found);
        }
    }
    let is_frontend = call.caller.identity.as_ref().is_some_and(|caller| caller.role == CertificateRole::Frontend);
    if !is_frontend {
        return Ok(None);
    }
    let (uuid, openid) = (filled("uuid"), filled("openid"));
    director
        .store
        .read(move |tx| {
            let by_uuid = uuid.map(|uuid| user::by_uuid(tx, &uuid)).transpose()?.flatten();
            match (by_uuid, openid) {
                (None, Some(openid)) => Ok(user::by_openid(tx, &openid)?),
                (found, _) => Ok(found),
            }
        })
        .await
}

fn filled_credential(form: &Form, name: &str) -> Option<String> {
    form.get(name).map(str::trim).filter(|text| !text.is_empty() && *text != "<none>").map(str::to_owned)
}

async fn refuse_taken(director: &Director, username: &str, email: &str) -> Result<(), Failure> {
    let (name, address) = (username.to_owned(), email.to_owned());
    let (has_name, has_email) = director
        .store
        .read(move |tx| Ok::<_, Failure>((user::by_username(tx, &name)?.is_some(), user::has_email(tx, &address)?)))
        .await?;
    match (has_name, has_email) {
        (true, _) => Err(username_taken(username)),
        (_, true) => Err(email_taken(email)),
        _ => Ok(()),
    }
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

fn username_taken(username: &str) -> Failure {
    Failure::Application(format!("Username '{username}' is already taken"))
}

fn email_taken(email: &str) -> Failure {
    Failure::Application(format!("E-mail '{email}' is already registered"))
}

fn zipped(credentials: &Credentials) -> Result<Vec<u8>, zip::result::ZipError> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored =
        SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored).unix_permissions(0o600);
    let [certificate, key, authority] = Credentials::FILES;
    for (name, text) in [
        (authority, &credentials.authority_pem),
        (key, &credentials.key_pem),
        (certificate, &credentials.certificate_pem),
    ] {
        writer.start_file(name, stored)?;
        writer.write_all(text.as_bytes())?;
    }
    Ok(writer.finish()?.into_inner())
}
