//! Upstream's messages. Its clients print them verbatim and people search
//! for them, so they are written once, here.

use crate::model::ApplicationId;

/// A service that has no startup script.
pub(crate) const NO_STARTUP_SCRIPT: &str = "No startup script";
/// A login that failed, for `/getcerts`.
pub(crate) const AUTHENTICATION_FAILED: &str = "User authentication failed";
/// A right password of a user who needs a one-time code besides, and gave none (ours).
pub(crate) const TOTP_NEEDED: &str = "A one-time code is needed besides the password: give it as 'totp'";
/// A one-time code that is not good now, or was used before (ours).
pub(crate) const TOTP_WRONG: &str = "The one-time code is wrong, or was used before: wait for the next one";
/// One-time codes that are on already (ours).
pub(crate) const TOTP_IS_ON: &str = "One-time codes are switched on already: switch them off first";
/// A first one-time code for which no secret was asked (ours).
pub(crate) const TOTP_NOT_BEGUN: &str = "No one-time codes were begun: begin them first";
/// A director without a provider (ours).
pub(crate) const EXTERNAL_OFF: &str =
    "This director knows no provider to log in by: its operator sets [openid_connect]";
/// A login by a provider that is too old, was begun in another browser, or came to its end before (ours).
pub(crate) const EXTERNAL_OVER: &str = "This login is over, or was begun elsewhere: begin it again";
/// An identity that another user has linked (ours).
pub(crate) const EXTERNAL_OTHERS: &str = "This identity is linked with another user";
/// A user whose credit is used up.
pub(crate) const INSUFFICIENT_CREDITS: &str = "Insufficient credits";
/// ConPaaS 2.0's word, with its slip, for a manifest that cannot be read.
pub(crate) const MANIFEST_NOT_VALID: &str = "The uploded manifest is not valid";
/// What only administrators may do (ours).
pub(crate) const NOT_ADMINISTRATOR: &str = "Only administrators may do this";
/// What no administrator may do to another, or to himself (ours).
pub(crate) const IS_ADMINISTRATOR: &str = "This user is an administrator: only the director's operator may do this";
/// A user whom nobody knows (ours).
pub(crate) const UNKNOWN_USER: &str = "There is no such user";
/// An application that is not there, or not the caller's.
pub(crate) const APPLICATION_NOT_FOUND: &str = "Application not found";
/// A start of an application that is on its way or running.
pub(crate) const APPLICATION_ALREADY_STARTED: &str = "Application already started";
/// A user without any application.
pub(crate) const NO_APPLICATIONS: &str = "No existing applications";
/// Ids that are absent or no numbers.
pub(crate) const BAD_IDS: &str = "Bad specification of application or service IDs";
/// A service that is not there.
pub(crate) const INVALID_SERVICE_ID: &str = "Invalid service_id";

/// A registration at a director that takes none.
pub(crate) const REGISTRATION_CLOSED: &str = "Registration is closed at this director: ask its operator for an account \
                                              (conpaas user create NAME)";
/// A registration without a code at a director that wants one.
pub(crate) const INVITATION_NEEDED: &str = "Registration at this director needs an invitation code: ask its operator \
                                            for one (conpaas user create_free NAME --invitation CODE)";
/// A code that is none of the director's.
pub(crate) const INVITATION_UNKNOWN: &str = "The invitation code is not known, or not any more: ask the director's \
                                             operator for another one";

/// Why a start ended that was stopped before the manager answered.
pub(crate) const STOPPED_MEANWHILE: &str = "the application was stopped meanwhile";

/// Returns the text for a volume that an application does not have, by its cloud's id.
#[must_use]
pub(crate) fn volume_not_found(id: &str, aid: ApplicationId) -> String {
    format!("Volume {id} not found in application {aid}")
}

/// Returns the text for a new volume that has the name of one that is kept.
#[must_use]
pub(crate) fn volume_name_kept(name: &str) -> String {
    format!("Volume '{name}' is kept already: attach it, delete it, or choose another name")
}

/// Returns the text for a name that clients would take for an id; `what` is what was to be called so.
#[must_use]
pub(crate) fn name_is_number(what: &str, name: &str) -> String {
    format!("The {what} cannot be called '{name}': a name of digits only is taken for an id. Add a letter to it")
}

/// Returns the text for an operation that nobody knows, or nobody knows any more.
#[must_use]
pub(crate) fn unknown_operation(id: &str) -> String {
    format!("what became of operation '{id}' is not known, or not any more")
}

/// Returns the text for a parameter that is absent.
#[must_use]
pub(crate) fn argument_required(name: &str) -> String {
    format!("\"{name}\" is a required argument")
}

/// Returns the text for a name that another application of this user has.
#[must_use]
pub(crate) fn application_name_taken(name: &str) -> String {
    format!("Application name \"{name}\" is already taken")
}

/// Returns the text for a kind of service that is not built in.
#[must_use]
pub(crate) fn unknown_service_type(kind: &str) -> String {
    format!("Unknown service type '{kind}'")
}

/// Returns the text for an application without a manager.
#[must_use]
pub(crate) fn application_not_started(id: &str) -> String {
    format!("Application {id} has not started. Try to start it first.")
}

/// Returns the text for an application, named in `/add` and `/remove`, that is not there or not the caller's.
#[must_use]
pub(crate) fn application_id_not_found(id: &str) -> String {
    format!("Application {id} not found.")
}

/// Returns the text for a required form field that is absent or empty.
#[must_use]
pub(crate) fn missing_field(field: &str) -> String {
    format!("Missing required field: '{field}'")
}

/// Returns the text for a service in a state that does not allow the call; states in upstream's list notation.
#[must_use]
pub(crate) fn wrong_service_state(expected: &[crate::model::State], current: crate::model::State) -> String {
    let expected: Vec<String> = expected.iter().map(|state| format!("'{state}'")).collect();
    format!("Wrong service state: was expecting one of [{}] but current state is '{current}'", expected.join(", "))
}
