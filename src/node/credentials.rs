//! The certificate of a node, in use and renewed while it runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use crate::config::{DirectorUrl, NODE_CONFIG_PATH, NodeBase, with_director_url};
use crate::pki::{
    AuthorityError, BACKDATED_SECONDS, CertificateRequest, Credentials, CredentialsError, Identity, WantedNodes,
};
use crate::rpc::{
    Client, ClientAuthentication, ClientError, Endpoint, FormBody, KnownNodes, PeerRule, TlsError, server_config,
};
use crate::sys;
use crate::sys::excerpt::excerpt;
use crate::sys::file::{self, FileError};

/// A clock that is set may make a certificate outdated at any moment; looking costs nothing.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// When asking again would not help: each time costs the disk of both sides.
const HOPELESS_PAUSE: Duration = Duration::from_secs(1800);

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
    director: RwLock<Endpoint>,
    config_file: PathBuf,
    in_use: RwLock<InUse>,
    server: Arc<RwLock<Arc<ServerConfig>>>,
    rule: PeerRule,
    known: KnownNodes,
    /// Where [`KnownNodes`] are kept.
    known_file: PathBuf,
    /// One writer at a time.
    learning: Mutex<()>,
}

struct InUse {
    identity: Identity,
    to_director: Client,
    to_agents: Client,
}

impl NodeCredentials {
    /// Reads the credentials of the node whose configuration this is. Blocking.
    ///
    /// # Errors
    /// They are missing, broken, or of another application.
    pub fn load(base: &NodeBase) -> Result<Self, NodeCredentialsError> {
        let directory = base.rooted(&base.cert_dir);
        Credentials::settle(&directory)?;
        let credentials = Credentials::load(&directory)?;
        let rule = PeerRule::Agent(base.user_id, base.app_id);
        let known_file = base.rooted(&base.var_tmp).join("wanted-nodes.json");
        let known = read_known(&known_file);
        let (in_use, server) = put_to_use(&credentials, &rule, &known)?;
        let director = RwLock::new(endpoint(&base.director_url));
        Ok(NodeCredentials {
            directory,
            director,
            config_file: base.rooted(NODE_CONFIG_PATH),
            in_use: RwLock::new(in_use),
            server: Arc::new(RwLock::new(server)),
            rule,
            known,
            known_file,
            learning: Mutex::new(()),
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
    pub fn director(&self) -> Endpoint {
        self.director.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Calls the director at another URL from now on, also after a restart. Blocking.
    ///
    /// # Errors
    /// The node's configuration cannot be written; then the old URL stays in use.
    pub(crate) fn move_director(&self, url: &DirectorUrl) -> Result<(), FileError> {
        let new = endpoint(url);
        let mut director = self.director.write().unwrap_or_else(PoisonError::into_inner);
        if *director == new {
            return Ok(());
        }
        let text = with_director_url(&file::read_text(&self.config_file)?, url);
        file::write_atomic(&self.config_file, text.as_bytes(), 0o600)?;
        tracing::info!(director = %url, "the director has moved");
        *director = new;
        Ok(())
    }

    /// Returns whether a certificate is that of a node that was removed, as far as the director has said.
    pub(crate) fn is_removed(&self, identity: &Identity) -> bool {
        self.known.is_removed(identity)
    }

    /// Takes the director's word on which nodes of the application are wanted, also after a restart. Blocking.
    ///
    /// # Errors
    /// It cannot be written; it counts nevertheless until the node's program ends.
    pub(crate) fn learn_nodes(&self, said: &WantedNodes) -> Result<(), FileError> {
        let _one_writer = self.learning.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.known.now();
        self.known.learn(said);
        let now = self.known.now();
        if now == before {
            return Ok(());
        }
        let text = serde_json::to_string(&now).expect("plain data with text keys");
        file::write_atomic(&self.known_file, text.as_bytes(), 0o600)
    }

    /// A client that speaks to agents of this application, as its manager does.
    #[must_use]
    pub fn to_agents(&self) -> Client {
        self.in_use.read().unwrap_or_else(PoisonError::into_inner).to_agents.clone()
    }

    /// Renews the certificate whenever a third of its life is left, or the
    /// clock says that it is not good at this time, until `stop`.
    pub async fn keep_renewed(self: Arc<Self>, stop: CancellationToken) {
        let (mut said, mut n_vain) = (String::new(), 0);
        loop {
            if self.life().is_due() {
                let problem = match self.renew().await {
                    Ok(()) if self.life().is_current => None,
                    Ok(()) => {
                        n_vain += 1;
                        Some("the new one is not good by this clock either: it differs from the director's".to_owned())
                    }
                    Err(error) => Some(sys::chain(&error)),
                };
                if problem.is_none() {
                    n_vain = 0;
                }
                self.tell(problem, &mut said);
            }
            // A clock that is just being set may explain it once or twice.
            let pause = if n_vain > 2 { HOPELESS_PAUSE } else { self.life().pause() };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Says the same problem once: a director may be away for weeks, and logs are on an SD card.
    fn tell(&self, problem: Option<String>, said: &mut String) {
        let seconds_left = self.life().left;
        match problem {
            None => {
                tracing::info!(seconds_left, "certificate renewed");
                said.clear();
            }
            Some(text) if text == *said => {}
            Some(text) => {
                tracing::error!(seconds_left, "cannot renew the certificate, trying again: {text}");
                *said = text;
            }
        }
    }

    /// Has the director sign a new key for the same subject and uses it from now on.
    ///
    /// # Errors
    /// The director does not answer or refuses; the old certificate stays in use.
    pub async fn renew(&self) -> Result<(), NodeCredentialsError> {
        let subject = self.in_use.read().unwrap_or_else(PoisonError::into_inner).identity.subject.clone();
        let (request, key_pem) = CertificateRequest::make(&subject)?;
        let request_file = self.directory.join("request.pem");
        file::write_atomic(&request_file, request.as_bytes(), 0o600)?;
        let form = FormBody::default().file_named("csr", &request_file, "csr.pem");
        let answer = self.to_director().post_form(&self.director(), "/ca/renew", &form).await?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if answer.status != 200 || !text.contains("BEGIN CERTIFICATE") {
            let words = excerpt(&text, 200);
            return Err(NodeCredentialsError::Refused(format!("status {}: {words}", answer.status)));
        }
        let old = Credentials::load(&self.directory)?;
        let new = Credentials { certificate_pem: text, key_pem, authority_pem: old.authority_pem };
        let (in_use, server) = put_to_use(&new, &self.rule, &self.known)?;
        new.replace(&self.directory)?;
        *self.in_use.write().unwrap_or_else(PoisonError::into_inner) = in_use;
        *self.server.write().unwrap_or_else(PoisonError::into_inner) = server;
        let _no_secret_in_it = file::ensure_absent(&request_file);
        Ok(())
    }

    fn life(&self) -> Life {
        let in_use = self.in_use.read().unwrap_or_else(PoisonError::into_inner);
        Life::of(&in_use.identity, chrono::Utc::now().timestamp())
    }
}

/// Where a certificate is in its life, in seconds.
struct Life {
    is_current: bool,
    left: i64,
    in_all: i64,
}

impl Life {
    fn of(identity: &Identity, now: i64) -> Life {
        // It is dated back by a day, which counts for nothing here.
        let issued = identity.not_before + BACKDATED_SECONDS;
        let (left, in_all) = (identity.not_after - now, identity.not_after - issued);
        Life { is_current: identity.is_current(now), left, in_all }
    }

    fn is_due(&self) -> bool {
        !self.is_current || self.left <= self.in_all / 3
    }

    fn pause(&self) -> Duration {
        Duration::from_secs((self.in_all / 12).unsigned_abs()).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
    }
}

/// A file that is damaged tells nothing; the director says it again.
fn read_known(path: &Path) -> KnownNodes {
    let known = KnownNodes::default();
    if let Some(said) = file::read_text(path).ok().and_then(|text| serde_json::from_str(&text).ok()) {
        known.learn(&said);
    }
    known
}

fn put_to_use(
    credentials: &Credentials,
    rule: &PeerRule,
    known: &KnownNodes,
) -> Result<(InUse, Arc<ServerConfig>), NodeCredentialsError> {
    let in_use = InUse {
        identity: credentials.identity()?,
        to_director: Client::new(Some(credentials), PeerRule::Director)?,
        to_agents: Client::refusing(Some(credentials), rule.clone(), known.clone())?,
    };
    Ok((in_use, server_config(credentials, ClientAuthentication::Required)?))
}

fn endpoint(url: &DirectorUrl) -> Endpoint {
    Endpoint { host: url.host().to_owned(), port: url.port() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ApplicationId, UserId};
    use crate::pki::{Authority, Lifetime, Subject};

    const WEEK: i64 = 7 * 24 * 3600;

    #[test]
    fn a_certificate_is_due_in_its_last_third_and_whenever_it_is_not_good() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::create(directory.path()).unwrap();
        let lifetime = Lifetime(Duration::from_secs(WEEK.unsigned_abs()));
        let credentials = authority.issue(&Subject::agent(UserId(1), ApplicationId(1)), &[], lifetime).unwrap();
        let identity = credentials.identity().unwrap();
        let issued = identity.not_after - WEEK;
        let table = [
            (0, false),
            (WEEK * 2 / 3 - 1, false),
            (WEEK * 2 / 3, true),
            (WEEK + 1, true),
            (400 * 24 * 3600, true),
            (-BACKDATED_SECONDS, false),
            (-BACKDATED_SECONDS - 1, true),
        ];
        for (age, is_due) in table {
            assert_eq!(Life::of(&identity, issued + age).is_due(), is_due, "{age} s after its issue");
        }
        assert_eq!(Life::of(&identity, issued).pause(), LONGEST_PAUSE);
    }
}
