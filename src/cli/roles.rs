//! What `conpaas` does besides being the client: the roles of a machine.
//!
//! Each role parses its own words and makes its own runtime. Roles are
//! looked for before groups, so that `conpaas director` runs the director
//! while `conpaas director version` asks one.

use std::process::ExitCode;

use super::{director_role, node_role, nutshell};

/// A role.
pub(super) struct Role {
    /// The first word.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Which further words are the role's; others are for the client's group of that name.
    takes: fn(&[String]) -> bool,
    run: fn(&[String]) -> ExitCode,
}

/// Every role of this program.
pub(super) const ROLES: &[Role] = &[
    Role {
        name: "director",
        about: "run, make or check a director",
        takes: director_role::takes,
        run: director_role::run,
    },
    Role { name: "manager", about: "run a node's manager", takes: always, run: node_role::manager },
    Role { name: "agent", about: "run a node's agent", takes: always, run: node_role::agent },
    Role { name: "join", about: "find out what this node is", takes: always, run: node_role::join },
    Role { name: "init", about: "be the first process of a container", takes: always, run: |_| crate::init::run() },
    Role { name: "nutshell", about: "a whole ConPaaS on this machine", takes: always, run: nutshell_role },
];

fn always(_: &[String]) -> bool {
    true
}

/// Runs the role that `words` name, if they name one.
pub(super) fn run(words: &[String]) -> Option<ExitCode> {
    let (first, rest) = words.split_first()?;
    let role = ROLES.iter().find(|role| role.name == first && (role.takes)(rest))?;
    Some((role.run)(rest))
}

fn nutshell_role(words: &[String]) -> ExitCode {
    ExitCode::from(nutshell::main(words.iter().map(Into::into).collect()))
}
