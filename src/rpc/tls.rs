//! TLS settings made from credentials.
//!
//! Host names are not compared: ConPaaS finds a peer by its address and
//! trusts it by its role, its user and its application, all in the
//! certificate's subject. [`PeerRule`] is that comparison on the client's
//! side; on the server's side each route compares.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
    SignatureScheme,
};

use super::known_nodes::KnownNodes;
use super::peer_rule::PeerRule;
use crate::model::CertificateRole;
use crate::pki::{Credentials, CredentialsError, Identity};

/// The reason why TLS cannot be set up.
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
    /// A client may come without (the director: accounts, downloads). A node
    /// may come with one that is outdated, and is known by that as
    /// [`Caller::outdated`](super::request::Caller::outdated).
    Optional,
    /// The handshake fails without one (managers and agents).
    Required,
}

/// Chooses ring as the process's cryptography. Called once, first thing; more calls are fine.
pub fn install_crypto() {
    let _chosen_before = ring::default_provider().install_default();
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Makes the settings of a server that answers with `credentials`.
///
/// # Errors
/// The credentials cannot be used.
pub fn server_config(
    credentials: &Credentials,
    authentication: ClientAuthentication,
) -> Result<Arc<ServerConfig>, TlsError> {
    let setup = |error: &dyn std::fmt::Display| TlsError::Setup(error.to_string());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(credentials)?), provider());
    let verifier: Arc<dyn ClientCertVerifier> = match authentication {
        ClientAuthentication::Optional => {
            let strict = builder.allow_unauthenticated().build().map_err(|error| setup(&error))?;
            Arc::new(OutdatedNodesToo(strict))
        }
        ClientAuthentication::Required => builder.build().map_err(|error| setup(&error))?,
    };
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

/// Makes the settings of a server for browsers: nobody is asked for a certificate. Both texts are PEM.
///
/// # Errors
/// They cannot be used.
pub(crate) fn pages_config(certificate_pem: &str, key_pem: &str) -> Result<Arc<ServerConfig>, TlsError> {
    let setup = |error: &dyn std::fmt::Display| TlsError::Setup(error.to_string());
    let own = Credentials {
        certificate_pem: certificate_pem.to_owned(),
        key_pem: key_pem.to_owned(),
        authority_pem: String::new(),
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| setup(&error))?
        .with_no_client_auth()
        .with_single_cert(own.certificate_chain()?, own.private_key()?)
        .map_err(|error| setup(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Settings of a client that shows `credentials` (if any) and talks to whom `rule` allows.
///
/// # Errors
/// The credentials cannot be used, or the rule needs an authority and there is none.
pub fn client_config(credentials: Option<&Credentials>, rule: PeerRule) -> Result<Arc<ClientConfig>, TlsError> {
    client_config_but(credentials, rule, KnownNodes::default())
}

/// Does the same, and refuses nodes that are known to be removed.
///
/// # Errors
/// As [`client_config`].
pub(super) fn client_config_but(
    credentials: Option<&Credentials>,
    rule: PeerRule,
    known: KnownNodes,
) -> Result<Arc<ClientConfig>, TlsError> {
    let setup = |error: &dyn std::fmt::Display| TlsError::Setup(error.to_string());
    let roots = match credentials {
        Some(credentials) => roots(credentials)?,
        None if rule == PeerRule::Unverified => RootCertStore::empty(),
        None => return Err(TlsError::Setup("there is no authority to check the peer by".to_owned())),
    };
    let verifier = PeerVerifier { roots, rule, known, provider: provider() };
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

/// Checks clients as usual, but for one thing: a node's certificate that is
/// good but for the time passes. Whoever asks later for the caller's identity
/// does not get it, and must know what he does to ask for an outdated one.
#[derive(Debug)]
struct OutdatedNodesToo(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for OutdatedNodesToo {
    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        match self.0.verify_client_cert(end_entity, intermediates, now) {
            Err(error) if is_about_time(&error) => match time_of_node(end_entity, now) {
                Some(time) => self.0.verify_client_cert(end_entity, intermediates, time),
                None => Err(error),
            },
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

fn is_about_time(error: &rustls::Error) -> bool {
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    matches!(
        error,
        rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. })
    )
}

/// Returns the time nearest to `now` at which a node's certificate is good.
fn time_of_node(certificate: &CertificateDer<'_>, now: UnixTime) -> Option<UnixTime> {
    let identity = Identity::from_der(certificate).ok()?;
    let is_node = matches!(identity.role, CertificateRole::Manager | CertificateRole::Agent);
    if !is_node || identity.not_before > identity.not_after {
        return None;
    }
    let now = i64::try_from(now.as_secs()).ok()?;
    let nearest = u64::try_from(now.clamp(identity.not_before, identity.not_after)).ok()?;
    Some(UnixTime::since_unix_epoch(Duration::from_secs(nearest)))
}

/// Checks the chain, the time and the role of a server; not its host name.
#[derive(Debug)]
struct PeerVerifier {
    roots: RootCertStore,
    rule: PeerRule,
    known: KnownNodes,
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
        let is_meant = |identity: &Identity| self.rule.accepts(identity) && !self.known.is_removed(identity);
        let accepted = Identity::from_der(end_entity).is_ok_and(|identity| is_meant(&identity));
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
