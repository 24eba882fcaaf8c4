//! Pages for browsers: what the command line does, for people.
//!
//! # Guarantees
//! - It is a client: it speaks to director and managers through [`crate::client`], with the certificate of the user
//!   who is signed in. Its own certificate lets it log users in, and nothing else.
//! - A user's certificate rests sealed under the secret in the visitor's cookie. A stolen disk opens nothing, and
//!   sessions survive a restart.
//! - GET changes nothing, but that a browser comes back from a provider by it ([`external`]). Whatever changes something comes from a page of this site ([`guard`]).
//! - Every page works without the script. A page that is open is sent again piece by piece, by the same functions.
//! - Texts of others become markup nowhere: pages are `maud`, which escapes.
//!
//! Must not know: how a director works inside, the rules of passwords.

mod action;
mod assets;
mod cookie;
mod external;
mod frame;
mod gate;
mod guard;
mod history;
mod live;
mod news;
mod options;
mod outcome;
mod page;
mod provider;
mod routes;
mod run;
mod session;
mod site;
mod text;
mod ui;
mod visit;
mod watch;

pub(crate) use options::FrontendOptions;
pub(crate) use run::run;
