//! The certificate authority of one director: its own certificate, and those that it issues.
//!
//! Must not know who may ask for a certificate; the director decides that before it calls.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData, SerialNumber,
};
use time::OffsetDateTime;

use super::credentials::Credentials;
use super::error::{AuthorityError, crypto};
use super::lifetime::{BACKDATED_SECONDS, Lifetime, begin};
use super::names::{CertificateName, alternative_names};
use super::request::{CertificateRequest, new_key};
use super::serial::{NodeNumber, serial};
use super::subject::Subject;
use crate::model::CertificateRole;
use crate::sys::file::{self, FileError};

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
        file::write_atomic(&certificate_path, own_certificate(&key)?.as_bytes(), 0o644)?;
        file::write_atomic(&key_path, key.serialize_pem().as_bytes(), 0o600)?;
        Authority::load(directory)
    }

    /// Makes a new certificate for the old key of the authority in `directory`:
    /// whatever it has issued stays good, also for those who know its old
    /// certificate. Blocking.
    ///
    /// # Errors
    /// There is none, or the directory cannot be written.
    pub fn renew(directory: &Path) -> Result<Self, AuthorityError> {
        let [certificate_path, key_path] = Authority::paths(directory);
        let key = KeyPair::from_pem(&file::read_text(&key_path)?)
            .map_err(|error| crypto("read the authority's key", &error))?;
        file::write_atomic(&certificate_path, own_certificate(&key)?.as_bytes(), 0o644)?;
        Authority::load(directory)
    }

    /// Returns when its own certificate ends, in seconds since 1970.
    ///
    /// # Errors
    /// The certificate cannot be read.
    pub fn not_after(&self) -> Result<i64, AuthorityError> {
        let read = |error: &dyn std::fmt::Display| crypto("read the authority's certificate", error);
        let (_, block) =
            x509_parser::pem::parse_x509_pem(self.certificate_pem.as_bytes()).map_err(|error| read(&error))?;
        let certificate = block.parse_x509().map_err(|error| read(&error))?;
        Ok(certificate.validity().not_after.timestamp())
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

    /// Returns the authority's certificate in PEM.
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
        let certificate = self.certify(&key, subject, None, names, lifetime)?;
        Ok(self.credentials(&key, certificate))
    }

    /// Makes a key and a certificate for the holder of another one, with the
    /// same subject and names.
    ///
    /// # Errors
    /// The other one cannot be read.
    pub fn issue_again(&self, earlier: &Credentials, lifetime: Lifetime) -> Result<Credentials, AuthorityError> {
        let unreadable = |error: &dyn std::fmt::Display| crypto("read the earlier certificate", error);
        let identity = earlier.identity().map_err(|error| unreadable(&error))?;
        let names = earlier.names().map_err(|error| unreadable(&error))?;
        self.issue(&identity.subject, &names, lifetime)
    }

    /// Makes a key and a certificate for the node that is number `node` in
    /// the director's records, which the certificate names too.
    ///
    /// # Errors
    /// The subject cannot be written in a certificate.
    pub fn issue_to_node(
        &self,
        subject: &Subject,
        node: NodeNumber,
        lifetime: Lifetime,
    ) -> Result<Credentials, AuthorityError> {
        let key = new_key()?;
        let certificate = self.certify(&key, subject, Some(node), &[], lifetime)?;
        Ok(self.credentials(&key, certificate))
    }

    /// Signs a request (PEM) if and only if it asks for exactly `subject`;
    /// nothing but the public key is taken from it. The certificate names
    /// `node`, if one is known.
    ///
    /// # Errors
    /// It is no request, its own signature is wrong, or it asks for another subject.
    pub fn sign_request(
        &self,
        pem: &str,
        subject: &Subject,
        node: Option<NodeNumber>,
        lifetime: Lifetime,
    ) -> Result<String, AuthorityError> {
        let request = CertificateRequest::read(pem)?;
        if request.subject != *subject {
            return Err(AuthorityError::WrongSubject(format!(
                "role={} UID={} serviceLocator={}",
                subject.role.map_or("none", CertificateRole::as_str),
                subject.uid.map_or_else(|| "none".to_owned(), |uid| uid.to_string()),
                subject.service_locator.map_or_else(|| "none".to_owned(), |locator| locator.to_string()),
            )));
        }
        self.certify(&request.public_key, subject, node, &[], lifetime)
    }

    fn certify(
        &self,
        public_key: &impl PublicKeyData,
        subject: &Subject,
        node: Option<NodeNumber>,
        names: &[CertificateName],
        lifetime: Lifetime,
    ) -> Result<String, AuthorityError> {
        let mut params = parameters(subject, node, lifetime);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match subject.role {
            Some(CertificateRole::User | CertificateRole::WebFrontend | CertificateRole::Ingress) => {
                vec![ExtendedKeyUsagePurpose::ClientAuth]
            }
            _ => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
        };
        params.subject_alt_names = alternative_names(names)?;
        let certificate =
            params.signed_by(public_key, &self.issuer).map_err(|error| crypto("sign a certificate", &error))?;
        Ok(certificate.pem())
    }

    fn credentials(&self, key: &KeyPair, certificate_pem: String) -> Credentials {
        Credentials { certificate_pem, key_pem: key.serialize_pem(), authority_pem: self.certificate_pem.clone() }
    }

    fn paths(directory: &Path) -> [PathBuf; 2] {
        Authority::FILES.map(|name| directory.join(name))
    }
}

fn own_certificate(key: &KeyPair) -> Result<String, AuthorityError> {
    let mut params = parameters(&Subject::authority(), None, Lifetime::AUTHORITY);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params.self_signed(key).map_err(|error| crypto("make the authority", &error))?.pem())
}

fn parameters(subject: &Subject, node: Option<NodeNumber>, lifetime: Lifetime) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    let mut params = CertificateParams::default();
    params.distinguished_name = subject.to_distinguished_name();
    params.not_before = begin(subject, now) - time::Duration::seconds(BACKDATED_SECONDS);
    params.not_after = now + lifetime.0;
    params.serial_number = Some(SerialNumber::from_slice(&serial(node)));
    params
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
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
    fn a_request_is_signed_for_its_own_subject_only() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::create(directory.path()).unwrap();
        let wanted = Subject::agent(UserId(7), ApplicationId(3));
        let (request, _) = CertificateRequest::make(&wanted).unwrap();
        let pem = authority.sign_request(&request, &wanted, None, Lifetime::NODE).unwrap();
        assert!(pem.contains("BEGIN CERTIFICATE"));
        for other in [
            Subject::manager(UserId(7), ApplicationId(3)),
            Subject::agent(UserId(8), ApplicationId(3)),
            Subject::agent(UserId(7), ApplicationId(4)),
            Subject::director("x"),
        ] {
            let (request, _) = CertificateRequest::make(&other).unwrap();
            let error = authority.sign_request(&request, &wanted, None, Lifetime::NODE).unwrap_err();
            assert!(matches!(error, AuthorityError::WrongSubject(_)), "{error}");
        }
        assert!(matches!(
            authority.sign_request("nonsense", &wanted, None, Lifetime::NODE),
            Err(AuthorityError::MalformedRequest(_))
        ));
    }

    #[test]
    fn a_certificate_names_its_node_whoever_made_its_key() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::create(directory.path()).unwrap();
        let subject = Subject::agent(UserId(7), ApplicationId(3));
        let node = NodeNumber::new(4711).unwrap();
        let issued = authority.issue_to_node(&subject, node, Lifetime::NODE).unwrap();
        assert_eq!(issued.identity().unwrap().node, Some(node));
        let (request, _) = CertificateRequest::make(&subject).unwrap();
        for node in [Some(node), None] {
            let pem = authority.sign_request(&request, &subject, node, Lifetime::NODE).unwrap();
            let signed = Credentials { certificate_pem: pem, ..issued.clone() };
            assert_eq!(signed.identity().unwrap().node, node);
        }
        assert_eq!(authority.issue(&subject, &[], Lifetime::NODE).unwrap().identity().unwrap().node, None);
    }

    #[test]
    fn what_lives_for_years_is_good_at_every_time_that_a_clock_may_go_back_to() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::create(directory.path()).unwrap();
        let built = clock::build_time().timestamp();
        let user = Subject::user(UserId(7), "alice", "a@example.org");
        for subject in [user, Subject::director("pi.local")] {
            let identity = authority.issue(&subject, &[], Lifetime::USER).unwrap().identity().unwrap();
            assert!(identity.is_current(built) && !identity.is_current(built - 2 * BACKDATED_SECONDS));
        }
        let (_, block) = x509_parser::pem::parse_x509_pem(authority.certificate_pem().as_bytes()).unwrap();
        assert!(block.parse_x509().unwrap().validity().not_before.timestamp() <= built);
    }

    #[test]
    fn a_certificate_that_is_issued_again_is_for_the_same_names() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::create(directory.path()).unwrap();
        let all = [
            CertificateName::Dns("pi.local".to_owned()),
            CertificateName::Address([172, 16, 0, 11].into()),
            CertificateName::Address("fe80::1".parse().unwrap()),
        ];
        let first = authority.issue(&Subject::director("pi.local"), &all, Lifetime::NODE).unwrap();
        let again = authority.issue_again(&first, Lifetime::DIRECTOR).unwrap();
        let (first_identity, identity) = (first.identity().unwrap(), again.identity().unwrap());
        assert_eq!(identity.subject, first_identity.subject);
        assert!(identity.not_after > first_identity.not_after && again.key_pem != first.key_pem);
        assert_eq!(again.names().unwrap(), all);
    }

    #[test]
    fn a_renewed_authority_vouches_for_what_it_issued_before_and_for_those_who_know_the_old_one() {
        let directory = tempfile::tempdir().unwrap();
        let old = Authority::create(directory.path()).unwrap();
        let new = Authority::renew(directory.path()).unwrap();
        assert_ne!(old.certificate_pem(), new.certificate_pem());
        let key = crate::pki::key_fingerprint(new.certificate_pem()).unwrap();
        assert_eq!((key.len(), &key), (64, &crate::pki::key_fingerprint(old.certificate_pem()).unwrap()));
        assert!(new.not_after().unwrap() >= old.not_after().unwrap());
        for (issuer, known) in [(&old, &new), (&new, &old)] {
            let issued = issuer.issue(&Subject::director("x"), &[], Lifetime::NODE).unwrap();
            let mut roots = rustls::RootCertStore::empty();
            let known = Credentials { authority_pem: known.certificate_pem().to_owned(), ..issued.clone() };
            roots.add(known.authority_certificates().unwrap().remove(0)).unwrap();
            let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            let now = rustls::pki_types::UnixTime::now();
            verifier.build().unwrap().verify_client_cert(&issued.certificate_chain().unwrap()[0], &[], now).unwrap();
        }
        assert!(Authority::renew(tempfile::tempdir().unwrap().path()).is_err(), "there is none to renew");
    }
}
