//! Which program a node runs.

/// Which program a node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeRole {
    /// `conpaas manager`.
    Manager,
    /// `conpaas agent`.
    Agent,
}

impl NodeRole {
    /// The sub-command of the program, and the word in the resource table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            NodeRole::Manager => "manager",
            NodeRole::Agent => "agent",
        }
    }
}
