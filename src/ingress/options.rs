//! Where published services are reached, and what an ingress works with.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Where published services are reached, and what an ingress works with.
#[derive(Debug, Clone)]
pub(crate) struct IngressOptions {
    /// The address of the machine on which ports are opened.
    pub address: IpAddr,
    /// Where names are asked for.
    pub names: SocketAddr,
    /// Where names that have a certificate are asked for by HTTPS.
    pub https: SocketAddr,
    /// Of whom certificates are got for names that users own; `None` gets none.
    pub acme: Option<AcmeOptions>,
    /// Where nginx answers this machine alone.
    pub control: SocketAddr,
    /// Who answers for the names of the machine itself, such as its welcome page.
    pub own_pages: Option<SocketAddr>,
    /// The address that names of the local network lead to; by default the first one of the machine.
    pub announce: Option<Ipv4Addr>,
    /// What the director made for ingresses: a certificate, and its URL.
    pub files: PathBuf,
    /// Its own data: what was published last, configurations, logs.
    pub state_dir: PathBuf,
}

/// An authority for certificates that speaks ACME. Naming it agrees to its terms.
#[derive(Debug, Clone)]
pub(crate) struct AcmeOptions {
    /// The URL of its directory.
    pub directory: String,
    /// The address to which it writes of certificates that end.
    pub contact: Option<String>,
    /// Who vouches for its own server, in PEM, where no public authority does.
    pub authority: Option<PathBuf>,
    /// The program that writes answers into the names' own DNS; `None` answers over HTTP.
    pub hook: Option<PathBuf>,
}
