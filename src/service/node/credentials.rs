//! The certificate of a node, in use and renewed while it runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use crate::config::{DirectorUrl, NodeBase};
use crate::pki::{Authority, AuthorityError, BACKDATED_SECONDS, Credentials, CredentialsError, Identity};
use crate::rpc::{Client, ClientAuthentication, ClientError, Endpoint, FormBody, PeerRule, TlsError, server_config};
use crate::sys;
use crate::sys::file::{self, FileError};

/// New credentials wait here until they have replaced the old ones, file by file.
const PENDING: &str = "renewed";
const FIRST_LOOK: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_secs(3600);
const TRY_AGAIN: Duration = Duration::from_secs(300);

/// Why a node cannot use or renew its certificate.
#[derive(Debug, thiserror::Error)]
pub enum NodeCredentialsError {
    /// Missing or broken files.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// TLS cannot be set up with them.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No signing request could be made.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The director does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The director does not sign.
    #[error("the director refused to renew the certificate: {0}")]
    Refused(String),
}

/// A node's credentials and all that is made from them.
pub struct NodeCredentials {
    directory: PathBuf,
    director: Endpoint,
    in_use: RwLock<InUse>,
    server: Arc<RwLock<Arc<ServerConfig>>>,
    rule: PeerRule,
}

struct InUse {
    identity: Identity,
    to_director: Client,
    to_nodes: Client,
}

impl NodeCredentials {
    /// Reads the credentials of the node whose configuration this is. Blocking.
    ///
    /// # Errors
    /// They are missing, broken, or of another application.
    pub fn load(base: &NodeBase) -> Result<Self, NodeCredentialsError> {
        let directory = base.rooted(&base.cert_dir);
        let credentials = load_newest(&directory)?;
        let rule = PeerRule::NodeOf(base.user_id, base.app_id);
        let (in_use, server) = put_to_use(&credentials, &rule)?;
        let director = endpoint(&base.director_url);
        Ok(NodeCredentials {
            directory,
            director,
            in_use: RwLock::new(in_use),
            server: Arc::new(RwLock::new(server)),
            rule,
        })
    }

    /// The settings that [`crate::rpc::serve`] looks at for each connection.
    #[must_use]
    pub fn server(&self) -> Arc<RwLock<Arc<ServerConfig>>> {
        Arc::clone(&self.server)
    }

    /// A client that speaks to the director.
    #[must_use]
    pub fn to_director(&self) -> Client {
        self.in_use.read().unwrap_or_else(PoisonError::into_inner).to_director.clone()
    }

    /// Where the director is.
    #[must_use]
    pub fn director(&self) -> &Endpoint {
        &self.director
    }

    /// A client that speaks to nodes of this application.
    #[must_use]
    pub fn to_nodes(&self) -> Client {
        self.in_use.read().unwrap_or_else(PoisonError::into_inner).to_nodes.clone()
    }

    /// Renews the certificate whenever a third of its life is left, until `stop`.
    pub async fn keep_renewed(self: Arc<Self>, stop: CancellationToken) {
        let mut pause = FIRST_LOOK;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            let (seconds_left, seconds_in_all) = self.lifetime();
            pause = Duration::from_secs((seconds_in_all / 12).unsigned_abs()).clamp(FIRST_LOOK, LOOK_AGAIN);
            if seconds_left > seconds_in_all / 3 {
                continue;
            }
            match self.renew().await {
                Ok(()) => tracing::info!(seconds_left = self.lifetime().0, "certificate renewed"),
                Err(error) => {
                    tracing::error!(seconds_left, "cannot renew the certificate: {}", sys::chain(&error));
                    pause = pause.min(TRY_AGAIN);
                }
            }
        }
    }

    /// Has the director sign a new key for the same subject and uses it from now on.
    ///
    /// # Errors
    /// The director does not answer or refuses; the old certificate stays in use.
    pub async fn renew(&self) -> Result<(), NodeCredentialsError> {
        let subject = self.in_use.read().unwrap_or_else(PoisonError::into_inner).identity.subject.clone();
        let (request, key_pem) = Authority::new_request(&subject)?;
        let request_file = self.directory.join("request.pem");
        file::write_atomic(&request_file, request.as_bytes(), 0o600)?;
        let form = FormBody::default().file_named("csr", &request_file, "csr.pem");
        let answer = self.to_director().post_form(&self.director, "/ca/renew", &form).await?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if answer.status != 200 || !text.contains("BEGIN CERTIFICATE") {
            let words: String = text.chars().take(200).collect();
            return Err(NodeCredentialsError::Refused(format!("status {}: {words}", answer.status)));
        }
        let old = load_newest(&self.directory)?;
        let new = Credentials { certificate_pem: text, key_pem, authority_pem: old.authority_pem };
        let (in_use, server) = put_to_use(&new, &self.rule)?;
        save(&new, &self.directory)?;
        *self.in_use.write().unwrap_or_else(PoisonError::into_inner) = in_use;
        *self.server.write().unwrap_or_else(PoisonError::into_inner) = server;
        let _no_secret_in_it = file::ensure_absent(&request_file);
        Ok(())
    }

    /// Seconds that the certificate is still good for, and those of its whole life.
    fn lifetime(&self) -> (i64, i64) {
        let in_use = self.in_use.read().unwrap_or_else(PoisonError::into_inner);
        let Identity { not_before, not_after, .. } = in_use.identity;
        // It is dated back by a day, which counts for nothing here.
        let issued = not_before + BACKDATED_SECONDS;
        (not_after - chrono::Utc::now().timestamp(), not_after - issued)
    }
}

/// Writes the three files beside the old ones first, all of them, so that a
/// crash while they are replaced leaves no certificate without its key.
fn save(credentials: &Credentials, directory: &Path) -> Result<(), NodeCredentialsError> {
    let pending = directory.join(PENDING);
    let temporary = directory.join(format!("{PENDING}.new"));
    file::ensure_absent(&temporary)?;
    file::ensure_directory(&temporary)?;
    credentials.save(&temporary)?;
    file::ensure_absent(&pending)?;
    std::fs::rename(&temporary, &pending).map_err(|error| FileError::new("rename", &temporary, error))?;
    credentials.save(directory)?;
    Ok(file::ensure_absent(&pending)?)
}

fn load_newest(directory: &Path) -> Result<Credentials, NodeCredentialsError> {
    let pending = directory.join(PENDING);
    if pending.is_dir() {
        let credentials = Credentials::load(&pending)?;
        credentials.save(directory)?;
        file::ensure_absent(&pending)?;
    }
    Ok(Credentials::load(directory)?)
}

fn put_to_use(credentials: &Credentials, rule: &PeerRule) -> Result<(InUse, Arc<ServerConfig>), NodeCredentialsError> {
    let in_use = InUse {
        identity: credentials.identity()?,
        to_director: Client::new(Some(credentials), PeerRule::Director)?,
        to_nodes: Client::new(Some(credentials), rule.clone())?,
    };
    Ok((in_use, server_config(credentials, ClientAuthentication::Required)?))
}

fn endpoint(url: &DirectorUrl) -> Endpoint {
    Endpoint { host: url.host().to_owned(), port: url.port() }
}
