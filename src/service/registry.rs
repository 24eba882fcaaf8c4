//! All kinds of service. A new one is one line here.

use super::kind::Kind;
use super::kinds;

/// Every kind, in the order in which ConPaaS 2.0 lists them.
pub(crate) static KINDS: &[&Kind] = &[
    // One line a kind.
    &kinds::java::KIND,
    &kinds::generic::KIND,
    &kinds::helloworld::KIND,
    &kinds::mysql::KIND,
    &kinds::xtreemfs::KIND,
    &kinds::php::KIND,
];

/// Returns the kind of this name (`service_type` on the wire).
#[must_use]
pub(crate) fn find_kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().copied().find(|kind| kind.name == name)
}

/// Returns a kind whose nodes run agents of this type (`TYPE` of an agent's configuration).
#[must_use]
pub(crate) fn find_agent_type(agent_type: &str) -> Option<&'static Kind> {
    KINDS.iter().copied().find(|kind| kind.agent_type == agent_type)
}

/// Returns the names of all kinds, in the order in which they are listed.
#[must_use]
pub fn kind_names() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.name).collect()
}
