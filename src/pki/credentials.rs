//! A certificate, its private key, and the authority to check others by.
//!
//! # Guarantees
//! - Whenever the power fails, a certificate with its own key is there.
//!
//! Must not know who asked for the certificate, nor when to renew it.

use std::path::{Path, PathBuf};

use rcgen::{KeyPair, PublicKeyData};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use super::identity::{self, Identity, IdentityError, public_key};
use super::names::CertificateName;
use crate::sys::file::{self, FileError};

/// Where new credentials wait until they have replaced the old ones, file by file.
const WAITING: &str = "renewed";

/// Why credentials cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file is missing or unreadable.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file holds nothing: a disk was full, or the power failed.
    #[error("the file '{}' is empty", .0.display())]
    Empty(PathBuf),
    /// A text is not PEM of the wanted sort.
    #[error("{what} is not valid PEM: {reason}")]
    Pem {
        /// The name of the text.
        what: &'static str,
        /// The parser's words.
        reason: String,
    },
    /// The certificate does not say who it is for.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// The three PEM texts that every party holds: `cert.pem`, `key.pem`, `ca_cert.pem`.
#[derive(Clone)]
pub struct Credentials {
    /// The holder's certificate.
    pub certificate_pem: String,
    /// The holder's private key: secret, so this type has no `Debug`.
    pub key_pem: String,
    /// The authority's certificate.
    pub authority_pem: String,
}

impl Credentials {
    /// File names inside a certificate directory: certificate, key, authority.
    pub const FILES: [&'static str; 3] = ["cert.pem", "key.pem", "ca_cert.pem"];

    /// Reads the three files of `directory`: the new ones, while
    /// [`Credentials::replace`] is at work or was broken off. Blocking.
    ///
    /// # Errors
    /// One of them is missing, unreadable or empty.
    pub fn load(directory: &Path) -> Result<Self, CredentialsError> {
        let placed = Credentials::read(directory);
        let waiting = directory.join(WAITING);
        if !waiting.is_dir() {
            return placed;
        }
        match (placed, Credentials::read(&waiting)) {
            // Somebody may have placed newer ones after a crash, as a director does that starts a node again.
            (Ok(placed), Ok(waiting)) => Ok(if placed.outlives(&waiting) { placed } else { waiting }),
            (placed, Err(_)) => placed,
            (Err(_), waiting) => waiting,
        }
    }

    /// Writes the three files into `directory`, the key readable by its owner
    /// alone, where none of them is in use yet. Blocking.
    ///
    /// # Errors
    /// The directory is missing, full or not writable.
    pub fn save(&self, directory: &Path) -> Result<(), CredentialsError> {
        let [certificate, key, authority] = Credentials::FILES;
        file::write_atomic(&directory.join(authority), self.authority_pem.as_bytes(), 0o644)?;
        file::write_atomic(&directory.join(key), self.key_pem.as_bytes(), 0o600)?;
        file::write_atomic(&directory.join(certificate), self.certificate_pem.as_bytes(), 0o644)?;
        Ok(())
    }

    /// Puts these in the place of those in `directory`. All three are written
    /// beside the old ones first: whenever the power fails, [`Credentials::load`]
    /// finds a certificate with its key. Blocking.
    ///
    /// # Errors
    /// The directory is missing, full or not writable.
    pub fn replace(&self, directory: &Path) -> Result<(), CredentialsError> {
        let waiting = directory.join(WAITING);
        let unfinished = directory.join(format!("{WAITING}.new"));
        Credentials::settle(directory)?;
        file::ensure_absent(&unfinished)?;
        file::ensure_private_directory(&unfinished)?;
        self.save(&unfinished)?;
        std::fs::rename(&unfinished, &waiting).map_err(|error| FileError::new("rename", &unfinished, error))?;
        self.save(directory)?;
        Ok(file::ensure_absent(&waiting)?)
    }

    /// Brings a replacement to its end that was broken off; fine if there was none. Blocking.
    ///
    /// # Errors
    /// The directory is full or not writable.
    pub fn settle(directory: &Path) -> Result<(), CredentialsError> {
        let waiting = directory.join(WAITING);
        if waiting.is_dir() {
            Credentials::load(directory)?.save(directory)?;
            file::ensure_absent(&waiting)?;
        }
        Ok(())
    }

    fn read(directory: &Path) -> Result<Self, CredentialsError> {
        let [certificate, key, authority] = Credentials::FILES;
        let read = |name: &str| {
            let path = directory.join(name);
            match file::read_text(&path)? {
                text if text.trim().is_empty() => Err(CredentialsError::Empty(path)),
                text => Ok(text),
            }
        };
        Ok(Credentials { certificate_pem: read(certificate)?, key_pem: read(key)?, authority_pem: read(authority)? })
    }

    fn outlives(&self, other: &Credentials) -> bool {
        let end = |credentials: &Credentials| credentials.identity().map(|identity| identity.not_after).ok();
        self.is_whole() && end(self) > end(other)
    }

    /// Returns whether the key is that of the certificate.
    fn is_whole(&self) -> bool {
        let key = KeyPair::from_pem(&self.key_pem).map(|key| key.subject_public_key_info());
        let chain = self.certificate_chain();
        key.is_ok_and(|key| chain.is_ok_and(|chain| public_key(&chain[0]).as_deref() == Some(key.as_slice())))
    }

    /// Reads who the certificate says its holder is.
    ///
    /// # Errors
    /// It is no certificate, or has no known role.
    pub fn identity(&self) -> Result<Identity, CredentialsError> {
        let chain = self.certificate_chain()?;
        Ok(Identity::from_der(&chain[0])?)
    }

    /// Returns the names and addresses that the certificate is also good for.
    ///
    /// # Errors
    /// It is no certificate.
    pub fn names(&self) -> Result<Vec<CertificateName>, CredentialsError> {
        certificate_names(&self.certificate_pem)
    }

    /// Returns the certificate chain in DER, at least one certificate.
    ///
    /// # Errors
    /// The text holds no certificate.
    pub fn certificate_chain(&self) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
        certificates("certificate", &self.certificate_pem)
    }

    /// Returns the authority's certificates in DER, at least one.
    ///
    /// # Errors
    /// The text holds no certificate.
    pub fn authority_certificates(&self) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
        certificates("authority's certificate", &self.authority_pem)
    }

    /// Returns the private key in DER.
    ///
    /// # Errors
    /// The text holds no private key.
    pub fn private_key(&self) -> Result<PrivateKeyDer<'static>, CredentialsError> {
        PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes())
            .map_err(|error| CredentialsError::Pem { what: "private key", reason: error.to_string() })
    }
}

/// Returns the SHA-256 fingerprint of the first certificate in a PEM text, as
/// `AB:CD:…`, for people to compare.
///
/// # Errors
/// The text holds no certificate.
pub fn fingerprint(pem: &str) -> Result<String, CredentialsError> {
    let chain = certificates("certificate", pem)?;
    let digest = Sha256::digest(&chain[0]);
    Ok(digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":"))
}

/// Returns the SHA-256 fingerprint of the public key of the first certificate in a PEM
/// text, in small hexadecimal digits. It stays when the certificate is renewed.
///
/// # Errors
/// The text holds no certificate, or a broken one.
pub(crate) fn key_fingerprint(pem: &str) -> Result<String, CredentialsError> {
    let chain = certificates("certificate", pem)?;
    let broken = || CredentialsError::Pem { what: "certificate", reason: "it is no certificate".into() };
    let digest = Sha256::digest(public_key(&chain[0]).ok_or_else(broken)?);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Returns the names and addresses that the first certificate of `pem` is also good for.
///
/// # Errors
/// It holds no certificate.
pub(crate) fn certificate_names(pem: &str) -> Result<Vec<CertificateName>, CredentialsError> {
    Ok(identity::read_names(&certificates("certificate", pem)?[0])?)
}

fn certificates(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(CredentialsError::Pem { what, reason: "it holds no certificate".into() }),
        Err(error) => Err(CredentialsError::Pem { what, reason: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{ApplicationId, UserId};
    use crate::pki::{Authority, Lifetime, Subject};

    #[test]
    fn an_empty_file_is_named_unless_there_are_newer_ones() {
        let home = tempfile::tempdir().unwrap();
        let authority = Authority::create(home.path()).unwrap();
        let credentials = authority.issue(&Subject::manager(UserId(1), ApplicationId(1)), &[], Lifetime::NODE).unwrap();
        for name in Credentials::FILES {
            let directory = tempfile::tempdir().unwrap();
            credentials.save(directory.path()).unwrap();
            let path = directory.path().join(name);
            std::fs::write(&path, "\n").unwrap();
            let error = Credentials::load(directory.path()).err().unwrap().to_string();
            assert_eq!(error, format!("the file '{}' is empty", path.display()));
            std::fs::create_dir(directory.path().join(WAITING)).unwrap();
            credentials.save(&directory.path().join(WAITING)).unwrap();
            assert!(Credentials::load(directory.path()).is_ok_and(|loaded| loaded.is_whole()));
        }
    }

    #[test]
    fn a_replacement_that_is_broken_off_anywhere_leaves_a_certificate_with_its_key() {
        let home = tempfile::tempdir().unwrap();
        let authority = Authority::create(home.path()).unwrap();
        let issue = |days: u64| {
            let lifetime = Lifetime(Duration::from_secs(days * 24 * 3600));
            authority.issue(&Subject::manager(UserId(1), ApplicationId(1)), &[], lifetime).unwrap()
        };
        // Also where the new ones end before the old: the clock had been wrong.
        for (old_days, new_days) in [(7, 8), (8, 7)] {
            let (old, new) = (issue(old_days), issue(new_days));
            let [certificate, key, authority] = Credentials::FILES;
            for n_replaced in 0..=3 {
                let directory = tempfile::tempdir().unwrap();
                old.save(directory.path()).unwrap();
                std::fs::create_dir(directory.path().join(WAITING)).unwrap();
                new.save(&directory.path().join(WAITING)).unwrap();
                for name in [authority, key, certificate].iter().take(n_replaced) {
                    std::fs::copy(directory.path().join(WAITING).join(name), directory.path().join(name)).unwrap();
                }
                let loaded = Credentials::load(directory.path()).unwrap();
                assert!(loaded.is_whole(), "{n_replaced} files");
                Credentials::settle(directory.path()).unwrap();
                assert!(!directory.path().join(WAITING).exists());
                assert_eq!(Credentials::read(directory.path()).unwrap().certificate_pem, loaded.certificate_pem);
                new.replace(directory.path()).unwrap();
                let replaced = Credentials::load(directory.path()).unwrap();
                assert!(replaced.is_whole() && replaced.certificate_pem == new.certificate_pem);
                assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 3);
            }
        }
    }
}
