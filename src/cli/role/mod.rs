//! What `conpaas` does besides being the client: the roles of a machine.
//!
//! Each role parses its own words and makes its own runtime. Roles are
//! looked for before groups, so that `conpaas director` runs the director
//! while `conpaas director version` asks one.

use std::process::ExitCode;

use clap::Command;

/// A role.
pub(crate) struct Role {
    /// The first word.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Which further words are the role's; others are for the client's group of that name.
    takes: fn(&[String]) -> bool,
    /// What it understands, for its manual page and for completion.
    tree: fn() -> Command,
    run: fn(&[String]) -> ExitCode,
}

impl Role {
    /// The clap tree of the role.
    pub(crate) fn command(&self) -> Command {
        (self.tree)().name(self.name).about(self.about)
    }
}

/// Every role of this program.
pub(crate) const ROLES: &[Role] = &[
    Role {
        name: "director",
        about: "run, make or check a director",
        takes: director::takes,
        tree: director::tree,
        run: director::run,
    },
    Role { name: "manager", about: "run a node's manager", takes: always, tree: node::tree, run: node::manager },
    Role { name: "agent", about: "run a node's agent", takes: always, tree: node::tree, run: node::agent },
    Role { name: "join", about: "find out what this node is", takes: always, tree: node::join_tree, run: node::join },
    Role {
        name: "init",
        about: "be the first process of a container",
        takes: always,
        tree: || Command::new("init"),
        run: |_| crate::init::run(),
    },
    Role {
        name: "nutshell",
        about: "a whole ConPaaS on this machine",
        takes: always,
        tree: nutshell::tree,
        run: nutshell_role,
    },
    Role {
        name: "demo",
        about: "run a small web program on your director",
        takes: always,
        tree: nutshell::demo_tree,
        run: demo_role,
    },
    Role {
        name: "time",
        about: "keep the last known time, and look at the clock",
        takes: always,
        tree: time::tree,
        run: time::run,
    },
    Role {
        name: "image",
        about: "make images for containers and machines",
        takes: always,
        tree: image::tree,
        run: image::run,
    },
    Role {
        name: "first-boot",
        about: "make an image into a machine of its own",
        takes: always,
        tree: first_boot::tree,
        run: first_boot::run,
    },
    Role {
        name: "web",
        about: "serve the welcome page of a machine",
        takes: always,
        tree: welcome::tree,
        run: welcome::run,
    },
    Role {
        name: "renew",
        about: "renew the certificates of this machine",
        takes: always,
        tree: renew::tree,
        run: renew::run,
    },
];

fn always(_: &[String]) -> bool {
    true
}

/// Runs the role that `words` name, if they name one.
pub(crate) fn run(words: &[String]) -> Option<ExitCode> {
    let (first, rest) = words.split_first()?;
    let role = ROLES.iter().find(|role| role.name == first && (role.takes)(rest))?;
    Some((role.run)(rest))
}

fn demo_role(words: &[String]) -> ExitCode {
    ExitCode::from(nutshell::demo_main(words.iter().map(Into::into).collect()))
}

fn nutshell_role(words: &[String]) -> ExitCode {
    ExitCode::from(nutshell::main(words.iter().map(Into::into).collect()))
}
pub(crate) mod director;
pub(crate) mod first_boot;
pub(crate) mod image;
pub(crate) mod node;
pub(crate) mod nutshell;
pub(crate) mod renew;
pub(crate) mod time;
pub(crate) mod welcome;
