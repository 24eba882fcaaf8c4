//! Signing requests: how a node asks for a certificate without showing its key.
//!
//! Must not know whether a request is granted.

use rcgen::{CertificateParams, CertificateSigningRequestParams, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKey};
use sha2::{Digest, Sha256};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use super::error::{AuthorityError, crypto};
use super::identity::read_subject;
use super::subject::Subject;

/// A request whose own signature is right, so that its sender holds the key.
pub struct CertificateRequest {
    /// The subject that it asks for.
    pub subject: Subject,
    pub(super) public_key: PublicKey,
    key_der: Vec<u8>,
}

impl CertificateRequest {
    /// Makes a key and a request for `subject`, and returns both in PEM: the request, then the key.
    ///
    /// # Errors
    /// The subject cannot be written in a request.
    pub fn make(subject: &Subject) -> Result<(String, String), AuthorityError> {
        let key = new_key()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = subject.to_distinguished_name();
        let request = params.serialize_request(&key).map_err(|error| crypto("make a signing request", &error))?;
        let pem = request.pem().map_err(|error| crypto("write a signing request", &error))?;
        Ok((pem, key.serialize_pem()))
    }

    /// Reads a request in PEM.
    ///
    /// # Errors
    /// It is no request, or its signature is wrong.
    pub(crate) fn read(pem: &str) -> Result<Self, AuthorityError> {
        let malformed = |error: &dyn std::fmt::Display| AuthorityError::MalformedRequest(error.to_string());
        let request = CertificateSigningRequestParams::from_pem(pem).map_err(|error| malformed(&error))?;
        let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).map_err(|error| malformed(&error))?;
        let (_, parsed) = X509CertificationRequest::from_der(&block.contents).map_err(|error| malformed(&error))?;
        let information = &parsed.certification_request_info;
        Ok(CertificateRequest {
            subject: read_subject(&information.subject),
            public_key: request.public_key,
            key_der: information.subject_pki.raw.to_vec(),
        })
    }

    /// Returns the SHA-256 fingerprint, hexadecimal, of the key that it is for.
    pub(crate) fn key_fingerprint(&self) -> String {
        Sha256::digest(&self.key_der).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Makes a new key.
pub(super) fn new_key() -> Result<KeyPair, AuthorityError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| crypto("make a key", &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ApplicationId, UserId};

    #[test]
    fn a_key_has_one_fingerprint_and_a_forged_request_has_none() {
        let key = |pem: &str| CertificateRequest::read(pem).map(|request| request.key_fingerprint());
        let subject = Subject::agent(UserId(7), ApplicationId(3));
        let (request, _) = CertificateRequest::make(&subject).unwrap();
        let (other, _) = CertificateRequest::make(&subject).unwrap();
        let first = key(&request).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(key(&request).unwrap(), first);
        assert_ne!(key(&other).unwrap(), first);
        let (_, block) = x509_parser::pem::parse_x509_pem(request.as_bytes()).unwrap();
        let mut forged = block.contents;
        *forged.last_mut().unwrap() ^= 1;
        let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, forged);
        let pem = format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n");
        assert!(matches!(key(&pem), Err(AuthorityError::MalformedRequest(_))));
    }
}
