//! Code versions: the part that all kinds with user code share.
//!
//! [`versions`] keeps them in the manager (upload, list, download, delete), [`enable`] makes one the
//! active one, [`node`] takes one in an agent; [`git`] and [`keys`] are the way by `git push`.
//! Must not know: what a kind does with its code.

mod enable;
mod git;
mod keys;
mod node;
mod versions;

pub(crate) use enable::enable_code;
pub(crate) use git::repository_head;
pub(crate) use keys::{list_authorized_keys, upload_authorized_key};
pub(crate) use node::ReceivedCode;
pub(crate) use versions::{
    DEFAULT_VERSION, Inspection, UploadedCode, add_default, delete, deployment, download, list, list_with,
    remove_leftovers, take_optional_version, upload,
};
