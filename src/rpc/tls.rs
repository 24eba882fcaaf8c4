//! TLS settings made from credentials.
//!
//! Host names are not compared: ConPaaS finds a peer by its address and
//! trusts it by its role, its user and its application, all in the
//! certificate's subject. [`PeerRule`] is that comparison on the client's
//! side; on the server's side each route compares.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};

use crate::model::{ApplicationId, CertificateRole, UserId};
use crate::pki::{Credentials, CredentialsError, Identity};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The credentials are missing or broken.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The TLS library refuses them.
    #[error("cannot use the certificates for TLS: {0}")]
    Setup(String),
}

/// Whether a server insists on a client certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// A client may come without (the director: accounts, downloads).
    Optional,
    /// The handshake fails without one (managers and agents).
    Required,
}

/// Which servers a client talks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerRule {
    /// The director.
    Director,
    /// Any manager of this user.
    ManagerOf(UserId),
    /// Any manager or agent: what the director calls.
    AnyNode,
    /// A manager or an agent of this user's application.
    NodeOf(UserId, ApplicationId),
    /// Whoever answers, even without a known authority. Only for fetching
    /// the first certificate and creating an account; the caller shows the fingerprint.
    Unverified,
}

impl PeerRule {
    fn accepts(&self, identity: &Identity) -> bool {
        let is_node = matches!(identity.role, CertificateRole::Manager | CertificateRole::Agent);
        match self {
            PeerRule::Director => identity.role == CertificateRole::Frontend,
            PeerRule::ManagerOf(uid) => identity.role == CertificateRole::Manager && identity.uid() == Some(*uid),
            PeerRule::AnyNode => is_node,
            PeerRule::NodeOf(uid, application) => {
                is_node && identity.uid() == Some(*uid) && identity.application() == Some(*application)
            }
            PeerRule::Unverified => true,
        }
    }
}

/// Chooses ring as the process's cryptography. Called once, first thing; more calls are fine.
pub fn install_crypto() {
    let _chosen_before = ring::default_provider().install_default();
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Settings of a server that answers with `credentials`.
///
/// # Errors
/// The credentials cannot be used.
pub fn server_config(
    credentials: &Credentials,
    authentication: ClientAuthentication,
) -> Result<Arc<ServerConfig>, TlsError> {
    let setup = |error: &dyn std::fmt::Display| TlsError::Setup(error.to_string());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(credentials)?), provider());
    let builder = match authentication {
        ClientAuthentication::Optional => builder.allow_unauthenticated(),
        ClientAuthentication::Required => builder,
    };
    let verifier = builder.build().map_err(|error| setup(&error))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| setup(&error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(credentials.certificate_chain()?, credentials.private_key()?)
        .map_err(|error| setup(&error))?;
    // Old clients never resume a session, and a resumed one would keep an identity that was revoked since.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(Arc::new(config))
}

/// Settings of a client that shows `credentials` (if any) and talks to whom `rule` allows.
///
/// # Errors
/// The credentials cannot be used, or the rule needs an authority and there is none.
pub fn client_config(credentials: Option<&Credentials>, rule: PeerRule) -> Result<Arc<ClientConfig>, TlsError> {
    let setup = |error: &dyn std::fmt::Display| TlsError::Setup(error.to_string());
    let roots = match credentials {
        Some(credentials) => roots(credentials)?,
        None if rule == PeerRule::Unverified => RootCertStore::empty(),
        None => return Err(TlsError::Setup("there is no authority to check the peer by".to_owned())),
    };
    let verifier = PeerVerifier { roots, rule, provider: provider() };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| setup(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match credentials {
        Some(credentials) if !credentials.key_pem.is_empty() => builder
            .with_client_auth_cert(credentials.certificate_chain()?, credentials.private_key()?)
            .map_err(|error| setup(&error))?,
        _ => builder.with_no_client_auth(),
    };
    config.enable_sni = false;
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

fn roots(credentials: &Credentials) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in credentials.authority_certificates()? {
        roots.add(certificate).map_err(|error| TlsError::Setup(error.to_string()))?;
    }
    Ok(roots)
}

/// Checks the chain, the time and the role of a server; not its host name.
#[derive(Debug)]
struct PeerVerifier {
    roots: RootCertStore,
    rule: PeerRule,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.rule == PeerRule::Unverified {
            return Ok(ServerCertVerified::assertion());
        }
        let parsed = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.roots,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        )?;
        let accepted = Identity::from_der(end_entity).is_ok_and(|identity| self.rule.accepts(&identity));
        if accepted {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::InvalidCertificate(rustls::CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
