//! A certificate, its private key, and the authority to check others by.

use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use super::authority::CertificateName;
use super::identity::{self, Identity, IdentityError};
use crate::sys::file::{self, FileError};

/// Why credentials cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file is missing or unreadable.
    #[error(transparent)]
    File(#[from] FileError),
    /// A text is not PEM of the wanted sort.
    #[error("{what} is not valid PEM: {reason}")]
    Pem {
        /// Which of the three.
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

    /// Reads the three files of `directory`. Blocking.
    ///
    /// # Errors
    /// One of them is missing or unreadable.
    pub fn load(directory: &Path) -> Result<Self, CredentialsError> {
        let [certificate, key, authority] = Credentials::FILES;
        Ok(Credentials {
            certificate_pem: file::read_text(&directory.join(certificate))?,
            key_pem: file::read_text(&directory.join(key))?,
            authority_pem: file::read_text(&directory.join(authority))?,
        })
    }

    /// Writes the three files into `directory`, the key readable by its owner
    /// alone. The key comes first and the certificate last, so that after a
    /// power cut a certificate always has its key. Blocking.
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

    /// Who the certificate says its holder is.
    ///
    /// # Errors
    /// It is no certificate, or has no known role.
    pub fn identity(&self) -> Result<Identity, CredentialsError> {
        let chain = self.certificate_chain()?;
        Ok(Identity::from_der(&chain[0])?)
    }

    /// The names and addresses that the certificate is also good for.
    ///
    /// # Errors
    /// It is no certificate.
    pub fn names(&self) -> Result<Vec<CertificateName>, CredentialsError> {
        Ok(identity::read_names(&self.certificate_chain()?[0])?)
    }

    /// The certificate chain in DER, at least one certificate.
    ///
    /// # Errors
    /// The text holds no certificate.
    pub fn certificate_chain(&self) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
        certificates("certificate", &self.certificate_pem)
    }

    /// The authority's certificates in DER, at least one.
    ///
    /// # Errors
    /// The text holds no certificate.
    pub fn authority_certificates(&self) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
        certificates("authority's certificate", &self.authority_pem)
    }

    /// The private key in DER.
    ///
    /// # Errors
    /// The text holds no private key.
    pub fn private_key(&self) -> Result<PrivateKeyDer<'static>, CredentialsError> {
        PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes())
            .map_err(|error| CredentialsError::Pem { what: "private key", reason: error.to_string() })
    }
}

/// The SHA-256 fingerprint of the first certificate in a PEM text, as
/// `AB:CD:…`, for people to compare.
///
/// # Errors
/// The text holds no certificate.
pub fn fingerprint(pem: &str) -> Result<String, CredentialsError> {
    let chain = certificates("certificate", pem)?;
    let digest = Sha256::digest(&chain[0]);
    Ok(digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":"))
}

fn certificates(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(CredentialsError::Pem { what, reason: "it holds no certificate".into() }),
        Err(error) => Err(CredentialsError::Pem { what, reason: error.to_string() }),
    }
}
