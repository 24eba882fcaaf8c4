//! The director's own certificate, as it is in use: another one that was put
//! in its place, by `conpaas renew` or by `conpaas director init`, is taken
//! without a restart.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use crate::pki::{Credentials, CredentialsError};
use crate::rpc::{ClientAuthentication, TlsError, server_config};
use crate::sys::{blocking, chain};

/// Reading a small file that is in memory anyway costs nothing.
const LOOK: Duration = Duration::from_secs(10);

/// What the director shows to whoever calls it and whom it calls.
pub(crate) struct OwnCertificate {
    directory: PathBuf,
    credentials: RwLock<Arc<Credentials>>,
    server: Arc<RwLock<Arc<ServerConfig>>>,
}

/// Why the director has no certificate to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnCertificateError {
    /// Missing or broken files.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// TLS cannot be set up with them.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl OwnCertificate {
    /// Reads it from `directory`. Blocking.
    ///
    /// # Errors
    /// It is missing or broken.
    pub(crate) fn load(directory: &Path) -> Result<Self, OwnCertificateError> {
        let (credentials, server) = read(directory)?;
        Ok(OwnCertificate {
            directory: directory.to_owned(),
            credentials: RwLock::new(Arc::new(credentials)),
            server: Arc::new(RwLock::new(server)),
        })
    }

    /// What the director shows to managers and agents that it calls.
    pub(crate) fn credentials(&self) -> Arc<Credentials> {
        Arc::clone(&self.credentials.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The settings that [`crate::rpc::serve`] looks at for each connection.
    pub(crate) fn server(&self) -> Arc<RwLock<Arc<ServerConfig>>> {
        Arc::clone(&self.server)
    }

    /// Takes another certificate whenever there is one, until `stop`.
    pub(crate) async fn follow(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            let own = Arc::clone(&self);
            match blocking(move || own.take_newest()).await {
                Ok(false) => {}
                Ok(true) => tracing::info!("the director uses another certificate from now on"),
                // It may be in the middle of being replaced.
                Err(error) => tracing::warn!(error = %chain(&error), "the certificate in use is kept"),
            }
        }
    }

    /// Returns whether there was another one. Blocking.
    fn take_newest(&self) -> Result<bool, OwnCertificateError> {
        if Credentials::load(&self.directory)?.certificate_pem == self.credentials().certificate_pem {
            return Ok(false);
        }
        let (credentials, server) = read(&self.directory)?;
        *self.credentials.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(credentials);
        *self.server.write().unwrap_or_else(PoisonError::into_inner) = server;
        Ok(true)
    }
}

fn read(directory: &Path) -> Result<(Credentials, Arc<ServerConfig>), OwnCertificateError> {
    let credentials = Credentials::load(directory)?;
    // A certificate without its key is refused here.
    let server = server_config(&credentials, ClientAuthentication::Optional)?;
    Ok((credentials, server))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{Authority, Lifetime, Subject};

    #[test]
    fn another_certificate_is_taken_and_a_broken_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::create(directory.path()).unwrap();
        let issue = || authority.issue(&Subject::director("x"), &[], Lifetime::DIRECTOR).unwrap();
        let (first, second) = (issue(), issue());
        first.replace(directory.path()).unwrap();
        let own = OwnCertificate::load(directory.path()).unwrap();
        let server = own.server();
        let before = Arc::clone(&server.read().unwrap());
        assert!(!own.take_newest().unwrap());
        second.replace(directory.path()).unwrap();
        assert!(own.take_newest().unwrap());
        assert_eq!(own.credentials().certificate_pem, second.certificate_pem);
        assert!(!Arc::ptr_eq(&before, &server.read().unwrap()), "new connections see it");
        std::fs::write(directory.path().join("cert.pem"), &first.certificate_pem).unwrap();
        assert!(own.take_newest().is_err(), "the key is not that of the certificate");
        assert_eq!(own.credentials().certificate_pem, second.certificate_pem);
    }
}
