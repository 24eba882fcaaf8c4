//! The certificate authority of one director.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber,
};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use super::credentials::Credentials;
use super::identity::read_subject;
use super::subject::Subject;
use crate::model::CertificateRole;
use crate::sys::file::{self, FileError};

/// By how much the begin of a certificate's validity lies before its issue,
/// so that a peer whose clock is a little behind takes it.
pub const BACKDATED_SECONDS: i64 = 24 * 3600;

/// How long a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime(pub Duration);

impl Lifetime {
    /// The authority's own: ten years.
    pub const AUTHORITY: Lifetime = Lifetime(Duration::from_secs(3650 * 24 * 3600));
    /// The director's: five years, as upstream.
    pub const DIRECTOR: Lifetime = Lifetime(Duration::from_secs(1826 * 24 * 3600));
    /// A user's: one year, as upstream.
    pub const USER: Lifetime = Lifetime(Duration::from_secs(365 * 24 * 3600));
    /// A node's: thirty days, renewed while it runs.
    pub const NODE: Lifetime = Lifetime(Duration::from_secs(30 * 24 * 3600));
}

/// A name that a certificate is also valid for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateName {
    /// A host name.
    Dns(String),
    /// An address.
    Address(IpAddr),
}

/// Why the authority did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file is missing, unreadable or cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The key or certificate could not be made or read.
    #[error("cannot {action}: {reason}")]
    Crypto {
        /// What was tried.
        action: &'static str,
        /// The library's words.
        reason: String,
    },
    /// A signing request that is not one.
    #[error("not a certificate signing request in PEM: {0}")]
    MalformedRequest(String),
    /// A signing request for somebody else.
    #[error("the signing request asks for another subject than {0}")]
    WrongSubject(String),
}

/// The authority: its certificate and its key.
pub struct Authority {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// File names in the certificate directory: certificate and key.
    pub const FILES: [&'static str; 2] = ["ca_cert.pem", "ca_key.pem"];

    /// Makes a new authority and writes it to `directory`, where none may be
    /// yet: every certificate issued before would be void. Blocking.
    ///
    /// # Errors
    /// One is there already, or the directory cannot be written.
    pub fn create(directory: &Path) -> Result<Self, AuthorityError> {
        let [certificate_path, key_path] = Authority::paths(directory);
        if key_path.exists() {
            let source = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
            return Err(FileError::new("create", &key_path, source).into());
        }
        let key = new_key()?;
        let mut params = parameters(&Subject::authority(), Lifetime::AUTHORITY);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(|error| crypto("make the authority", &error))?;
        file::write_atomic(&certificate_path, certificate.pem().as_bytes(), 0o644)?;
        file::write_atomic(&key_path, key.serialize_pem().as_bytes(), 0o600)?;
        Authority::load(directory)
    }

    /// Reads the authority from `directory`. Blocking.
    ///
    /// # Errors
    /// A file is missing or broken.
    pub fn load(directory: &Path) -> Result<Self, AuthorityError> {
        let [certificate_path, key_path] = Authority::paths(directory);
        let certificate_pem = file::read_text(&certificate_path)?;
        let key = KeyPair::from_pem(&file::read_text(&key_path)?)
            .map_err(|error| crypto("read the authority's key", &error))?;
        let issuer = Issuer::from_ca_cert_pem(&certificate_pem, key)
            .map_err(|error| crypto("read the authority's certificate", &error))?;
        Ok(Authority { certificate_pem, issuer })
    }

    /// The authority's certificate in PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Makes a key and a certificate for `subject`.
    ///
    /// # Errors
    /// The subject cannot be written in a certificate.
    pub fn issue(
        &self,
        subject: &Subject,
        names: &[CertificateName],
        lifetime: Lifetime,
    ) -> Result<Credentials, AuthorityError> {
        let key = new_key()?;
        Ok(Credentials {
            certificate_pem: self.certify(&key, subject, names, lifetime)?,
            key_pem: key.serialize_pem(),
            authority_pem: self.certificate_pem.clone(),
        })
    }

    /// Signs a request (PEM) if and only if it asks for exactly `subject`;
    /// nothing but the public key is taken from it.
    ///
    /// # Errors
    /// It is no request, its own signature is wrong, or it asks for another subject.
    pub fn sign_request(&self, pem: &str, subject: &Subject, lifetime: Lifetime) -> Result<String, AuthorityError> {
        let malformed = |error: &dyn std::fmt::Display| AuthorityError::MalformedRequest(error.to_string());
        let request = CertificateSigningRequestParams::from_pem(pem).map_err(|error| malformed(&error))?;
        let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).map_err(|error| malformed(&error))?;
        let (_, parsed) = X509CertificationRequest::from_der(&block.contents).map_err(|error| malformed(&error))?;
        if read_subject(&parsed.certification_request_info.subject) != *subject {
            return Err(AuthorityError::WrongSubject(format!(
                "role={} UID={} serviceLocator={}",
                subject.role.map_or("none", CertificateRole::as_str),
                subject.uid.map_or_else(|| "none".to_owned(), |uid| uid.to_string()),
                subject.service_locator.map_or_else(|| "none".to_owned(), |locator| locator.to_string()),
            )));
        }
        self.certify(&request.public_key, subject, &[], lifetime)
    }

    /// The SHA-256 fingerprint, hexadecimal, of the key that a request (PEM) is
    /// for. Its holder has it: the request's own signature is checked.
    ///
    /// # Errors
    /// It is no request, or its signature is wrong.
    pub fn request_key(pem: &str) -> Result<String, AuthorityError> {
        let malformed = |error: &dyn std::fmt::Display| AuthorityError::MalformedRequest(error.to_string());
        CertificateSigningRequestParams::from_pem(pem).map_err(|error| malformed(&error))?;
        let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).map_err(|error| malformed(&error))?;
        let (_, parsed) = X509CertificationRequest::from_der(&block.contents).map_err(|error| malformed(&error))?;
        let digest = Sha256::digest(parsed.certification_request_info.subject_pki.raw);
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn certify(
        &self,
        public_key: &impl PublicKeyData,
        subject: &Subject,
        names: &[CertificateName],
        lifetime: Lifetime,
    ) -> Result<String, AuthorityError> {
        let mut params = parameters(subject, lifetime);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match subject.role {
            Some(CertificateRole::User) => vec![ExtendedKeyUsagePurpose::ClientAuth],
            _ => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
        };
        for name in names {
            params.subject_alt_names.push(match name {
                CertificateName::Address(address) => SanType::IpAddress(*address),
                CertificateName::Dns(host) => SanType::DnsName(
                    host.as_str().try_into().map_err(|error| crypto("use the host name in a certificate", &error))?,
                ),
            });
        }
        let certificate =
            params.signed_by(public_key, &self.issuer).map_err(|error| crypto("sign a certificate", &error))?;
        Ok(certificate.pem())
    }

    fn paths(directory: &Path) -> [PathBuf; 2] {
        Authority::FILES.map(|name| directory.join(name))
    }
}

impl Authority {
    /// Makes a key and a signing request for `subject`, both PEM: what a node
    /// sends to have its certificate renewed. Gives the request, then the key.
    ///
    /// # Errors
    /// The subject cannot be written in a request.
    pub fn new_request(subject: &Subject) -> Result<(String, String), AuthorityError> {
        let key = new_key()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = subject.to_distinguished_name();
        let request = params.serialize_request(&key).map_err(|error| crypto("make a signing request", &error))?;
        let pem = request.pem().map_err(|error| crypto("write a signing request", &error))?;
        Ok((pem, key.serialize_pem()))
    }
}

fn parameters(subject: &Subject, lifetime: Lifetime) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    let mut params = CertificateParams::default();
    params.distinguished_name = subject.to_distinguished_name();
    params.not_before = now - time::Duration::seconds(BACKDATED_SECONDS);
    params.not_after = now + lifetime.0;
    params.serial_number = Some(SerialNumber::from_slice(&random_serial()));
    params
}

/// 127 random bits: positive, and never the same twice.
fn random_serial() -> [u8; 16] {
    let mut serial: [u8; 16] = rand::random();
    serial[0] = serial[0] & 0x7f | 0x40;
    serial
}

fn new_key() -> Result<KeyPair, AuthorityError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| crypto("make a key", &error))
}

fn crypto(action: &'static str, error: &dyn std::fmt::Display) -> AuthorityError {
    AuthorityError::Crypto { action, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ApplicationId, UserId};

    #[test]
    fn what_is_issued_says_who_its_holder_is() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::create(directory.path()).unwrap();
        assert!(Authority::create(directory.path()).is_err(), "an authority is never replaced");
        for subject in [
            Subject::director("pi.local"),
            Subject::user(UserId(7), "alice", "a@example.org"),
            Subject::user(UserId(8), "zoé", "zoé@example.org"),
            Subject::manager(UserId(7), ApplicationId(3)),
            Subject::agent(UserId(7), ApplicationId(3)),
        ] {
            let credentials = authority.issue(&subject, &[], Lifetime::NODE).unwrap();
            assert_eq!(credentials.identity().unwrap().subject, subject);
            credentials.private_key().unwrap();
        }
    }

    #[test]
    fn a_key_has_one_fingerprint_and_a_forged_request_has_none() {
        let subject = Subject::agent(UserId(7), ApplicationId(3));
        let (request, _) = Authority::new_request(&subject).unwrap();
        let (other, _) = Authority::new_request(&subject).unwrap();
        let key = Authority::request_key(&request).unwrap();
        assert_eq!(key.len(), 64);
        assert_eq!(Authority::request_key(&request).unwrap(), key);
        assert_ne!(Authority::request_key(&other).unwrap(), key);
        let (_, block) = x509_parser::pem::parse_x509_pem(request.as_bytes()).unwrap();
        let mut forged = block.contents;
        *forged.last_mut().unwrap() ^= 1;
        let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, forged);
        let pem = format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n");
        assert!(matches!(Authority::request_key(&pem), Err(AuthorityError::MalformedRequest(_))));
    }

    #[test]
    fn a_request_is_signed_for_its_own_subject_only() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::create(directory.path()).unwrap();
        let wanted = Subject::agent(UserId(7), ApplicationId(3));
        let (request, _) = Authority::new_request(&wanted).unwrap();
        let pem = authority.sign_request(&request, &wanted, Lifetime::NODE).unwrap();
        assert!(pem.contains("BEGIN CERTIFICATE"));
        for other in [
            Subject::manager(UserId(7), ApplicationId(3)),
            Subject::agent(UserId(8), ApplicationId(3)),
            Subject::agent(UserId(7), ApplicationId(4)),
            Subject::director("x"),
        ] {
            let (request, _) = Authority::new_request(&other).unwrap();
            let error = authority.sign_request(&request, &wanted, Lifetime::NODE).unwrap_err();
            assert!(matches!(error, AuthorityError::WrongSubject(_)), "{error}");
        }
        assert!(matches!(
            authority.sign_request("nonsense", &wanted, Lifetime::NODE),
            Err(AuthorityError::MalformedRequest(_))
        ));
    }
}
