//! The certificate of this node, as its database uses it: the node's own of its application, renewed with it.
//!
//! Certificate and key stand in one file, so that no program ever reads one without the other.

use std::path::{Path, PathBuf};

use super::place::Place;
use crate::pki::Credentials;
use crate::service::error::MethodError;
use crate::sys;
use crate::sys::file::{self, FileError};

/// Where a node's programs find its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TlsFiles {
    /// Certificate and key.
    pub node: PathBuf,
    /// The certificate of the authority.
    pub authority: PathBuf,
}

impl TlsFiles {
    pub(super) fn of(place: &Place) -> Self {
        let directory = place.run.join("tls");
        TlsFiles { node: directory.join("node.pem"), authority: directory.join("authority.pem") }
    }
}

/// Places the node's certificate as it is now, for the account of the database alone. Returns whether it is another one.
/// Blocking.
///
/// # Errors
/// The node has no certificate, or the files cannot be written.
pub(super) fn place_certificate(place: &Place) -> Result<bool, MethodError> {
    let credentials = Credentials::load(&place.certificates);
    let credentials = credentials.map_err(|error| MethodError::refused(sys::chain(&error)))?;
    let files = TlsFiles::of(place);
    if let Some(directory) = files.node.parent() {
        place.home.give(directory)?;
    }
    let whole = format!("{}\n{}", credentials.certificate_pem.trim_end(), credentials.key_pem);
    let is_new = renew(place, &files.authority, &credentials.authority_pem)?;
    Ok(renew(place, &files.node, &whole)? || is_new)
}

/// Whoever reads the file finds the old one or the new one, and may read it.
fn renew(place: &Place, path: &Path, content: &str) -> Result<bool, MethodError> {
    if file::read(path).is_ok_and(|found| found == content.as_bytes()) {
        return Ok(false);
    }
    let new = path.with_extension("new");
    file::write_atomic(&new, content.as_bytes(), 0o600)?;
    place.home.own(&new)?;
    std::fs::rename(&new, path).map_err(|error| FileError::new("rename", &new, error))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use super::*;
    use crate::model::{ApplicationId, UserId};
    use crate::pki::{Authority, Lifetime, Subject};

    #[test]
    fn a_renewed_certificate_takes_the_place_of_the_old_one_with_its_key() {
        let directory = tempfile::tempdir().unwrap();
        let certificates = directory.path().join("certs");
        std::fs::create_dir_all(&certificates).unwrap();
        let authority = Authority::create(directory.path()).unwrap();
        let mut place = Place::sample(Ipv4Addr::LOCALHOST);
        place.run = directory.path().join("run");
        place.certificates.clone_from(&certificates);
        place.home.has_accounts = false;
        assert!(place_certificate(&place).is_err(), "there is none");
        let issue = || {
            let subject = Subject::agent(UserId(1), ApplicationId(1));
            authority.issue(&subject, &[], Lifetime(Duration::from_secs(3600))).unwrap().save(&certificates).unwrap();
        };
        issue();
        assert_eq!([(); 2].map(|()| place_certificate(&place).unwrap()), [true, false]);
        let path = TlsFiles::of(&place).node;
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("BEGIN CERTIFICATE") && text.contains("PRIVATE KEY"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        issue();
        assert!(place_certificate(&place).unwrap());
        assert_ne!(std::fs::read_to_string(&path).unwrap(), text);
    }
}
