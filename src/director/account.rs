//! Accounts: registered, found by password or external id, certified.
//!
//! Must not know: requests and answers. Who may try how often is counted by [`Passwords`](super::password::Passwords).

use std::net::IpAddr;

use sha2::{Digest, Sha256};

use super::application::record_deletion;
use super::error::Failure;
use super::invitation;
use super::password::Debt;
use super::state::Director;
use super::timestamp::local_now;
use crate::api::texts;
use crate::config::RegistrationRule;
use crate::model::{ApplicationId, State, UserId};
use crate::pki::{Credentials, Lifetime, Subject};
use crate::store::Transaction;
use crate::store::director::user::{NewUser, User};
use crate::store::director::{application, user, volume};
use crate::sys::{self, file};

const FIRST_APPLICATION: &str = "New Application";

/// An account that is asked for. Secret: no `Debug`.
pub(crate) struct Registration {
    pub(crate) username: String,
    pub(crate) fname: String,
    pub(crate) lname: String,
    pub(crate) email: String,
    pub(crate) affiliation: String,
    pub(crate) password: String,
    pub(crate) credit: i64,
    /// External id; empty is none.
    pub(crate) uuid: String,
    pub(crate) openid: Option<String>,
}

impl Registration {
    /// Returns the user to be stored, with the hash instead of the password.
    pub(crate) fn into_user(self, password_hash: String) -> NewUser {
        NewUser {
            username: self.username,
            fname: self.fname,
            lname: self.lname,
            email: self.email,
            affiliation: self.affiliation,
            password_hash,
            created: local_now(),
            credit: self.credit,
            uuid: self.uuid,
            openid: self.openid,
        }
    }
}

/// Refuses a login name that cannot be shown or typed.
pub(crate) fn check_name(username: &str) -> Result<(), Failure> {
    const MAX_CHARS: usize = 256;
    let is_good = !username.is_empty()
        && username.trim() == username
        && username.chars().count() <= MAX_CHARS
        && !username.chars().any(char::is_control);
    if is_good {
        return Ok(());
    }
    let text = format!("A username has 1 to {MAX_CHARS} printable characters, and no blank at either end");
    Err(Failure::Application(text))
}

/// By what somebody may register.
pub(crate) enum Admission {
    /// What is not used up by it: everybody may, or knows a code of the operator.
    Lasting,
    /// An invitation of an administrator, by its code.
    Invitation(String),
}

/// Refuses who may not register: the director is closed, or the code is neither the operator's nor an invitation.
pub(crate) async fn expect_invited(director: &Director, code: Option<&str>) -> Result<Admission, Failure> {
    let rule = &director.config.registration;
    match rule {
        RegistrationRule::Open => return Ok(Admission::Lasting),
        RegistrationRule::Closed => return Err(Failure::application(texts::REGISTRATION_CLOSED)),
        RegistrationRule::Codes(_) | RegistrationRule::Invited => {}
    }
    let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()).map(str::to_owned) else {
        return Err(Failure::application(texts::INVITATION_NEEDED));
    };
    if invitation::is_good(director, &code).await? {
        return Ok(Admission::Invitation(code));
    }
    let RegistrationRule::Codes(path) = rule.clone() else {
        return Err(Failure::application(texts::INVITATION_UNKNOWN));
    };
    let text = sys::blocking(move || file::read_text(&path)).await;
    let text = text.map_err(|error| Failure::Internal(format!("cannot read REGISTRATION: {}", sys::chain(&error))))?;
    if holds_code(&text, &code) { Ok(Admission::Lasting) } else { Err(Failure::application(texts::INVITATION_UNKNOWN)) }
}

/// Returns whether a line of `text` is the code. Hashes are compared, so that time tells nothing of a code.
fn holds_code(text: &str, code: &str) -> bool {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let wanted = Sha256::digest(code.as_bytes());
    lines.map(|line| Sha256::digest(line.as_bytes())).filter(|hash| *hash == wanted).count() > 0
}

/// Makes an account and its first application.
pub(crate) async fn register(
    director: &Director,
    wanted: Registration,
    (admission, debt): (Admission, Debt),
) -> Result<User, Failure> {
    let hash = director.passwords.hash(&wanted.password, debt).await?;
    let new = wanted.into_user(hash);
    director.reserve.check_room().await?;
    let added = director.store.write(move |tx| admit(tx, &admission).and_then(|()| add(tx, new))).await?;
    tracing::info!(user.id = added.uid.0, user.name = added.details.username, "user created");
    Ok(added)
}

/// Refuses a name or an e-mail address that somebody has.
pub(crate) async fn refuse_taken(director: &Director, username: &str, email: &str) -> Result<(), Failure> {
    let (username, email) = (username.to_owned(), email.to_owned());
    director.store.read(move |tx| check_free(tx, &username, &email)).await
}

/// Uses up what lets somebody register.
pub(crate) fn admit(tx: &Transaction<'_>, admission: &Admission) -> Result<(), Failure> {
    match admission {
        Admission::Lasting => Ok(()),
        Admission::Invitation(code) => invitation::take(tx, code),
    }
}

/// Adds a user with his first application.
pub(crate) fn add(tx: &Transaction<'_>, new: NewUser) -> Result<User, Failure> {
    // Two requests may have passed the first look at the same time.
    check_free(tx, &new.username, &new.email)?;
    let uid = user::insert(tx, &new)?;
    application::insert(tx, uid, FIRST_APPLICATION)?;
    Ok(User { uid, details: new })
}

/// What becomes of the applications of a user who is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Running {
    /// A user of whom one runs stays.
    Refuse,
    /// They are stopped; what they hold is lost.
    Stop,
}

/// Records that a user is no more, nor his applications: nothing of them is wanted any more.
pub(super) fn record_removal(tx: &Transaction<'_>, found: &User, running: Running) -> Result<(), Failure> {
    let username = &found.details.username;
    let applications = application::list(tx, found.uid)?;
    let mut names: Vec<String> = Vec::new();
    for app in &applications {
        let n_kept = volume::kept_of(tx, app.aid)?.len();
        if !matches!(app.status, State::Init | State::Stopped) {
            names.push(format!("'{}' ({})", app.name, app.status));
        } else if n_kept > 0 {
            names.push(format!("'{}' ({n_kept} kept volumes)", app.name));
        }
    }
    if running == Running::Refuse && !names.is_empty() {
        let names = names.join(", ");
        return Err(Failure::Application(format!(
            "User '{username}' has applications that are not stopped, or keep volumes: {names}. Add --force to stop them, which loses \
             their services, volumes and code"
        )));
    }
    for app in applications {
        record_deletion(tx, app.aid)?;
    }
    Ok(user::delete(tx, found.uid)?)
}

/// Returns the user of this name, if the password is right. Every try counts for the name and the address.
pub(crate) async fn by_password(
    director: &Director,
    username: &str,
    password: &str,
    address: IpAddr,
) -> Result<Option<User>, Failure> {
    let debt = director.passwords.count_attempt(username, address)?;
    let name = username.to_owned();
    let found = director.store.read(move |tx| Ok::<_, Failure>(user::by_username(tx, &name)?)).await?;
    let hash = found.as_ref().map(|user| user.details.password_hash.as_str());
    if !director.passwords.verify(password, hash, debt).await? {
        return Ok(None);
    }
    director.passwords.take_back(username, address);
    Ok(found)
}

/// Returns a user, if the password is his. Every try counts as for [`by_password`].
///
/// # Errors
/// Returns an error if it is another one.
pub(crate) async fn expect_password(
    director: &Director,
    uid: UserId,
    password: &str,
    address: IpAddr,
) -> Result<User, Failure> {
    let name = get(director, uid).await?.details.username;
    let known = by_password(director, &name, password, address).await?;
    known.filter(|known| known.uid == uid).ok_or_else(|| Failure::application(texts::AUTHENTICATION_FAILED))
}

/// Changes the password of a user who knows the old one. Certificates stay good.
pub(crate) async fn change_password(
    director: &Director,
    uid: UserId,
    (old, new): (&str, &str),
    address: IpAddr,
) -> Result<(), Failure> {
    if new.is_empty() {
        return Err(Failure::Application(texts::missing_field("new_password")));
    }
    expect_password(director, uid, old, address).await?;
    let debt = director.passwords.count_address(address)?;
    let hash = director.passwords.hash(new, debt).await?;
    director.store.write(move |tx| Ok::<_, Failure>(user::set_password(tx, uid, &hash)?)).await?;
    tracing::info!(user.id = uid.0, "password changed");
    Ok(())
}

/// Returns the user of an external id. The id proves nothing by itself: the caller must be believed.
pub(crate) async fn by_external_id(
    director: &Director,
    uuid: Option<String>,
    openid: Option<String>,
) -> Result<Option<User>, Failure> {
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

/// Issues a certificate to a user.
pub(crate) fn certify(director: &Director, user: &User) -> Result<Credentials, Failure> {
    let subject = Subject::user(user.uid, &user.details.username, &user.details.email);
    let lifetime = Lifetime(director.config.user_certificate_lifetime);
    let credentials = director.authority.issue(&subject, &[], lifetime)?;
    tracing::info!(user.id = user.uid.0, "certificate issued to user");
    Ok(credentials)
}

/// Returns whether a user is an administrator.
pub(crate) async fn is_administrator(director: &Director, uid: UserId) -> Result<bool, Failure> {
    director.store.read(move |tx| Ok::<_, Failure>(user::is_administrator(tx, uid)?)).await
}

/// Returns a user.
pub(crate) async fn get(director: &Director, uid: UserId) -> Result<User, Failure> {
    director.store.read(move |tx| user::get(tx, uid)?.ok_or(Failure::False)).await
}

/// Returns whether there is this user, and, if asked, whether he has this application.
pub(crate) async fn is_known(
    director: &Director,
    uid: UserId,
    application: Option<ApplicationId>,
) -> Result<bool, Failure> {
    let look = move |tx: &Transaction<'_>| match application {
        None => Ok::<_, Failure>(user::credit(tx, uid)?.is_some()),
        Some(aid) => Ok(application::owned(tx, aid, uid)?.is_some()),
    };
    director.store.read(look).await
}

fn check_free(tx: &Transaction<'_>, username: &str, email: &str) -> Result<(), Failure> {
    if user::by_username(tx, username)?.is_some() {
        return Err(Failure::Application(format!("Username '{username}' is already taken")));
    }
    if user::has_email(tx, email)? {
        return Err(Failure::Application(format!("E-mail '{email}' is already registered")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::director::sample::{Sample, new_user};

    #[test]
    fn a_code_is_a_whole_line_and_no_comment() {
        let text = "# for the course\n  spring-7 \n\nautumn\n";
        for (code, is_good) in [("spring-7", true), ("autumn", true), ("spring", false), ("# for the course", false)] {
            assert_eq!(holds_code(text, code), is_good, "{code}");
        }
        assert!(!holds_code("", "") && !holds_code("\n", ""));
    }

    #[test]
    fn names_can_be_shown_and_typed() {
        for (name, is_good) in [("al", true), ("", false), ("al ", false), ("a\tb", false), ("Zoé M", true)] {
            assert_eq!(check_name(name).is_ok(), is_good, "{name:?}");
        }
    }

    #[test]
    fn a_name_and_an_address_are_one_users() {
        let sample = Sample::new(0);
        let add = |name: &str, email: &str| {
            let new = NewUser { email: email.into(), ..new_user(name, 0) };
            sample.write(|tx| add(tx, new)).map(|added| added.uid).map_err(|failure| failure.to_string())
        };
        assert_eq!(add("alice", "b@example.org"), Err("Username 'alice' is already taken".into()));
        let taken = "E-mail 'alice@example.org' is already registered";
        assert_eq!(add("bob", "alice@example.org"), Err(taken.into()));
        let uid = add("bob", "b@example.org").expect("a free name");
        let names = sample.run(|tx| application::list(tx, uid));
        assert_eq!(names.iter().map(|app| app.name.as_str()).collect::<Vec<_>>(), [FIRST_APPLICATION]);
    }
}
