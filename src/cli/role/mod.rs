//! What `conpaas` does besides being the client: the roles of a machine, one
//! line each in [`ROLES`].
//!
//! Roles are looked for before groups, so that `conpaas director` runs the
//! director while `conpaas director version` asks one.

mod director;
mod director_user;
mod first_boot;
mod frontend;
mod image;
mod image_progress;
mod ingress;
mod line;
mod node;
mod nutshell;
mod orphans;
mod renew;
mod time;
mod welcome;

use std::process::ExitCode;

use clap::{Command, CommandFactory};

use line::RoleLine;

/// A role.
pub(crate) struct Role {
    /// The first word.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Whether these further words are the role's; others are for the client's group of that name.
    takes: fn(&[String]) -> bool,
    /// What it understands, for its manual page and for completion.
    tree: fn() -> Command,
    run: fn(&str, &[String]) -> ExitCode,
}

/// Every role of this program.
pub(crate) const ROLES: &[Role] = &[
    Role::of::<director::DirectorLine>("director", "run, make or check a director").only(director::takes),
    Role::of::<node::ManagerLine>("manager", "run a node's manager"),
    Role::of::<node::AgentLine>("agent", "run a node's agent"),
    Role::of::<node::JoinLine>("join", "find out what this node is"),
    Role::of::<node::InitLine>("init", "be the first process of a container"),
    Role::of::<nutshell::NutshellLine>("nutshell", "a whole ConPaaS on this machine"),
    Role::of::<nutshell::DemoLine>("demo", "run a small web program on your director"),
    Role::of::<time::TimeLine>("time", "keep the last known time, and look at the clock"),
    Role::of::<image::ImageLine>("image", "make images for containers and machines"),
    Role::of::<first_boot::FirstBootLine>("first-boot", "make an image into a machine of its own"),
    Role::of::<welcome::WebLine>("web", "serve the welcome page of a machine"),
    Role::of::<frontend::FrontendLine>("frontend", "serve pages for browsers"),
    Role::of::<ingress::IngressLine>("ingress", "serve what is published"),
    Role::of::<renew::RenewLine>("renew", "renew the certificates of this machine"),
];

impl Role {
    const fn of<L: RoleLine + CommandFactory>(name: &'static str, about: &'static str) -> Self {
        Role { name, about, takes: |_| true, tree: L::command, run: line::run::<L> }
    }

    const fn only(self, takes: fn(&[String]) -> bool) -> Self {
        Role { takes, ..self }
    }

    /// Returns the clap tree of the role.
    pub(crate) fn command(&self) -> Command {
        (self.tree)().name(self.name).about(self.about)
    }
}

/// Runs the role that `words` name, if they name one.
pub(crate) fn run(words: &[String]) -> Option<ExitCode> {
    let (first, rest) = words.split_first()?;
    let role = ROLES.iter().find(|role| role.name == first && (role.takes)(rest))?;
    Some((role.run)(role.name, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tree_is_sound_and_has_a_name_of_its_own() {
        let mut names: Vec<&str> = ROLES.iter().map(|role| role.name).collect();
        for role in ROLES {
            role.command().debug_assert();
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ROLES.len());
    }

    #[test]
    fn the_director_leaves_the_words_of_the_client_alone() {
        let takes = |line: &str| {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            (ROLES[0].takes)(&words)
        };
        for line in
            ["", "init --hostname h", "check", "user list", "start-nodes", "--config f", "--config=f", "--step-clock"]
        {
            assert!(takes(line), "{line}");
        }
        for line in ["version", "help", "--json version", "-h"] {
            assert!(!takes(line), "{line}");
        }
    }
}
