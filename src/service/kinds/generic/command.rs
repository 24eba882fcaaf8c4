//! What the scripts of a generic service are run for.

/// A command of `execute_script`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    /// Nodes came or went; the manager's own command.
    Notify,
    /// The user's work.
    Run,
    /// End what runs.
    Interrupt,
    /// Tidy up after the work.
    Cleanup,
}

impl Command {
    /// What an agent takes, in the order in which the wire's texts list it.
    pub(super) const OF_AGENTS: [(&str, Command); 4] = [
        ("notify", Command::Notify),
        ("run", Command::Run),
        ("interrupt", Command::Interrupt),
        ("cleanup", Command::Cleanup),
    ];

    /// What a manager takes from users.
    pub(super) const OF_USERS: [(&str, Command); 3] =
        [("run", Command::Run), ("interrupt", Command::Interrupt), ("cleanup", Command::Cleanup)];

    /// Returns the command's name on the wire.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Command::Notify => "notify",
            Command::Run => "run",
            Command::Interrupt => "interrupt",
            Command::Cleanup => "cleanup",
        }
    }

    /// Returns the script that carries the command out.
    pub(super) fn script(self) -> &'static str {
        match self {
            Command::Notify => "notify.sh",
            Command::Run => "run.sh",
            Command::Interrupt => "interrupt.sh",
            Command::Cleanup => "cleanup.sh",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::kinds::generic::scripts::SCRIPTS;

    #[test]
    fn a_command_has_one_name_and_a_script_of_it() {
        for (name, command) in Command::OF_AGENTS {
            assert_eq!(command.as_str(), name);
            assert_eq!(command.script(), format!("{name}.sh"));
            assert!(SCRIPTS.contains(&command.script()));
        }
        assert!(Command::OF_USERS.iter().all(|line| Command::OF_AGENTS.contains(line)));
    }
}
