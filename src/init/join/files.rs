//! What a joining node keeps: its key from the beginning, its files in the end.

use std::path::{Component, Path, PathBuf};

use super::error::JoinError;
use super::place::beneath;
use crate::api::JoinView;
use crate::config::{Invitation, NODE_CONFIG_PATH};
use crate::model::CertificateRole;
use crate::pki::{CertificateRequest, Credentials, Subject};
use crate::rpc::{ClientAuthentication, server_config};
use crate::sys::file;
use crate::task::crash_point;

/// Holds `<tag>/key.pem` and `<tag>/request.pem` until the node has joined.
const PENDING: &str = "/var/lib/conpaas/join";

/// A key and the request to sign it.
pub(crate) struct SigningRequest {
    /// The request's file.
    pub(crate) path: PathBuf,
    key_pem: String,
}

/// Makes the node's key and request, or returns those that were made before a
/// power cut: the director may have bound the token to them already. Blocking.
pub(crate) fn ensure_request(root: &Path, invitation: &Invitation) -> Result<SigningRequest, JoinError> {
    let directory = beneath(root, Path::new(PENDING)).join(invitation.tag.as_str());
    let (key, path) = (directory.join("key.pem"), directory.join("request.pem"));
    // The request is written after the key: where it is, both are whole.
    if path.exists() {
        return Ok(SigningRequest { path, key_pem: file::read_text(&key)? });
    }
    let (uid, aid) = (invitation.user_id, invitation.app_id);
    let subject = match invitation.role {
        CertificateRole::Manager => Subject::manager(uid, aid),
        _ => Subject::agent(uid, aid),
    };
    let (request_pem, key_pem) = CertificateRequest::make(&subject)?;
    file::ensure_private_directory(&directory)?;
    file::write_atomic(&key, key_pem.as_bytes(), 0o600)?;
    crash_point("join.key_kept");
    file::write_atomic(&path, request_pem.as_bytes(), 0o600)?;
    crash_point("join.request_kept");
    Ok(SigningRequest { path, key_pem })
}

/// Writes the key and all files; the last one is what says that the node has
/// joined. Blocking.
pub(crate) fn write(
    root: &Path,
    invitation: &Invitation,
    request: &SigningRequest,
    answer: &JoinView,
) -> Result<(), JoinError> {
    crash_point("join.answered");
    check(invitation, request, answer)?;
    let put = |path: &str, content: &str, mode: u32| -> Result<(), JoinError> {
        let path = beneath(root, Path::new(path));
        file::ensure_directory(path.parent().unwrap_or(root))?;
        Ok(file::write_atomic(&path, content.as_bytes(), mode & 0o777)?)
    };
    put(&answer.key_path, &request.key_pem, 0o600)?;
    for file in &answer.files {
        put(&file.path, &file.text, file.mode)?;
        crash_point("join.file_written");
    }
    Ok(file::ensure_absent(&beneath(root, Path::new(PENDING)))?)
}

/// Looks at everything before anything is written.
fn check(invitation: &Invitation, request: &SigningRequest, answer: &JoinView) -> Result<(), JoinError> {
    let malformed = |words: String| Err(JoinError::Malformed(words));
    let paths = answer.files.iter().map(|file| &file.path).chain([&answer.key_path]);
    for path in paths {
        let mut parts = Path::new(path).components();
        let is_plain =
            parts.next() == Some(Component::RootDir) && parts.all(|part| matches!(part, Component::Normal(_)));
        if !is_plain || path.ends_with('/') {
            return malformed(format!("'{path}' is no absolute path of a file"));
        }
    }
    if answer.files.last().map(|file| file.path.as_str()) != Some(NODE_CONFIG_PATH) {
        return malformed(format!("{NODE_CONFIG_PATH} is not its last file"));
    }
    let is_certificate = |path: &str| Path::new(path).file_name().is_some_and(|name| name == Credentials::FILES[0]);
    let Some(certificate) = answer.files.iter().find(|file| is_certificate(&file.path)) else {
        return malformed("it has no certificate".to_owned());
    };
    // The TLS library compares certificate and key.
    let credentials = Credentials {
        certificate_pem: certificate.text.clone(),
        key_pem: request.key_pem.clone(),
        authority_pem: invitation.authority_pem.clone(),
    };
    server_config(&credentials, ClientAuthentication::Required)?;
    Ok(())
}
