//! Who is who: the certificate authority, what it issues, and what a
//! certificate says of its holder.
//!
//! Only this room sees private keys. It knows nothing of sockets: [`crate::rpc`]
//! turns [`Credentials`] into connections.
//!
//! Certificates are X.509 v3, ECDSA P-256 with SHA-256. Subjects carry
//! ConPaaS 2.0's attributes, because its clients read them: the authority's
//! `CN` is exactly `CA`, and `role` (2.5.4.72), `UID` and `serviceLocator`
//! say who the holder is (reference: `docs/reference/director-api.md` §5).

mod authority;
mod credentials;
mod error;
mod identity;
mod lifetime;
mod names;
mod request;
mod seal;
mod serial;
mod subject;
mod wanted_nodes;
mod web_authority;
mod zipped;

pub use authority::Authority;
pub use credentials::{Credentials, fingerprint};
pub(crate) use credentials::{CredentialsError, certificate_names, key_fingerprint};
pub(crate) use error::AuthorityError;
pub(crate) use identity::{Identity, remaining_seconds};
pub(crate) use lifetime::BACKDATED_SECONDS;
pub use lifetime::Lifetime;
pub use names::CertificateName;
pub use request::CertificateRequest;
pub(crate) use seal::Secret;
pub use serial::NodeNumber;
pub use subject::Subject;
pub(crate) use wanted_nodes::WantedNodes;
pub(crate) use web_authority::WebAuthority;
