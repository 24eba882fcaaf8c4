//! What an attack is, and what it is made against.

use std::path::Path;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::tenant::{Application, Tenant};

/// How much is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Full,
    /// Everything once, with less of it: for continuous integration.
    Short,
}

impl Form {
    /// One of two, by the form.
    pub(crate) fn choose<T>(self, full: T, short: T) -> T {
        match self {
            Form::Full => full,
            Form::Short => short,
        }
    }
}

/// One attack.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) deed: Deed,
    /// What a node may get at most, by the name that `attack.py` prints.
    pub(crate) most: &'static [(&'static str, u64)],
}

/// What is done.
#[derive(Clone, Copy)]
pub(crate) enum Deed {
    /// `attack.py` in the attacker's node, with these parameters.
    InNode(fn(&Scene<'_>) -> String),
    /// `false_agent.py` in the place of the node's agent, from before the director asks it first.
    FalseAgent(&'static str),
    /// From outside of nodes, for about as long as the scene says.
    Outside(fn(&Scene<'_>) -> anyhow::Result<Found>),
}

/// Who is there.
pub(crate) struct Scene<'a> {
    pub(crate) form: Form,
    pub(crate) runtime: &'a Runtime,
    /// For files.
    pub(crate) state: &'a Path,
    pub(crate) time: Duration,
    pub(crate) neighbour: &'a Application<'a>,
    pub(crate) attacker: &'a Tenant<'a>,
    pub(crate) application: &'a Application<'a>,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    /// What did not hold.
    pub(crate) broken: Vec<String>,
    /// Numbers that are wanted.
    pub(crate) figures: Vec<String>,
}

impl Found {
    /// Records `text` if something is not so.
    pub(crate) fn expect(&mut self, is_so: bool, text: impl Into<String>) {
        if !is_so {
            self.broken.push(text.into());
        }
    }
}
