//! The clap tree of the whole program, made of its registries: groups, kinds
//! and roles. Help, completion and the manual read it.

use clap::Command;

use super::command::GROUPS;
use super::group::Group;
use super::hint;
use super::kind::KINDS;
use super::role::{ROLES, Role};
use super::site::COMMANDS;

/// Returns every group of sub-commands, in the order in which help shows them.
pub(crate) fn groups() -> impl Iterator<Item = &'static Group> {
    GROUPS.iter().chain(KINDS)
}

/// Returns the group of this name.
pub(crate) fn find(name: &str) -> Option<&'static Group> {
    groups().find(|group| group.name == name)
}

/// Returns the group, or the command of one word, of this name.
pub(crate) fn find_command(name: &str) -> Option<&'static Group> {
    find(name).or_else(|| COMMANDS.iter().find(|command| command.name == name))
}

/// Returns the clap tree of the program `program`, with `own`, the commands that are neither roles nor in a group.
pub(crate) fn whole(program: &str, own: impl Iterator<Item = Command>) -> Command {
    let mut command = Command::new(program.to_owned())
        .bin_name(program.to_owned())
        .version(env!("CARGO_PKG_VERSION"))
        .about(
            "ConPaaS runs your programs in containers of a small cluster.\n\n\
             First steps:\n\
             \u{20} conpaas user get_certificate        once, so that the director knows you\n\
             \u{20} conpaas deploy site                 the directory 'site' becomes a site\n\
             \u{20} conpaas status                      what is there, and where\n\
             \u{20} conpaas application create shop     an application is a group of services\n\
             \u{20} conpaas application start shop\n\
             \u{20} conpaas generic add shop            a service that runs your own scripts\n\
             \u{20} conpaas generic help                everything else that it can do",
        )
        .disable_help_subcommand(true)
        .subcommand_required(true);
    for group in groups() {
        let of_group = group.command(&format!("{program} {}", group.name)).name(group.name);
        let role = ROLES.iter().find(|role| role.name == group.name).map(Role::command);
        command = command.subcommand(match role {
            // One word for both: what the role does, and what the client asks.
            Some(role) => role.args(of_group.get_arguments()).subcommands(of_group.get_subcommands()),
            None => of_group,
        });
    }
    for role in ROLES.iter().filter(|role| find(role.name).is_none()) {
        command = command.subcommand(role.command());
    }
    for one in COMMANDS {
        command = command.subcommand(one.command(&format!("{program} {}", one.name)).name(one.name));
    }
    command.subcommands(own).subcommand(Command::new("help").about("show help"))
}

/// Returns the usage of the whole program, in argparse's words.
pub(crate) fn usage(program: &str) -> String {
    let names: Vec<&str> = groups().map(|group| group.name).collect();
    format!("usage: {program} [-h] [--version] {{{}}} <sub-command> ...", names.join(","))
}

/// Returns what is said of a first word that names nothing, in argparse's words.
pub(crate) fn invalid_choice(name: &str) -> String {
    let names = groups().map(|group| group.name).chain(ROLES.iter().map(|role| role.name));
    let names = names.chain(COMMANDS.iter().map(|command| command.name));
    let names: Vec<String> = names.map(|name| format!("'{name}'")).collect();
    let mut text = format!("argument <command>: invalid choice: '{name}' (choose from {})", names.join(", "));
    if let Some(hint) = hint::of_word(name) {
        text.push_str(&format!(". {hint}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Those that stand before a sub-command, and with a command of one word.
    const OF_ALL: [&str; 5] = ["debug", "conf_file", "director_url", "username", "password"];

    /// The long options of a command that the page about the client shows, but for some.
    fn options(command: &Command, but: &[&str]) -> String {
        let arguments = command.get_arguments().filter(|arg| !arg.is_hide_set() && !arg.is_global_set());
        let names = arguments.filter_map(|arg| arg.get_long()).filter(|name| *name != "help" && !but.contains(name));
        names.map(|name| format!("`--{name}`")).collect::<Vec<_>>().join(", ")
    }

    /// The rows of its table: commands that take options, and the groups that they are in.
    fn rows_of_options() -> Vec<String> {
        let mut rows: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
        for group in groups() {
            let mut command = group.command(group.name);
            command.build();
            for sub_command in command.get_subcommands() {
                let key = (sub_command.get_name().to_owned(), options(sub_command, &[]));
                rows.entry(key).or_default().push(group.name);
            }
        }
        for word in COMMANDS {
            rows.insert((word.name.to_owned(), options(&word.command(word.name), &OF_ALL)), vec!["–"]);
        }
        let with_options = rows.into_iter().filter(|((_, options), _)| !options.is_empty());
        with_options
            .map(|((name, options), groups)| format!("| `{name}` | {} | {options} |", groups.join(", ")))
            .collect()
    }

    #[test]
    fn the_page_about_the_client_has_every_option() {
        let page = include_str!("../../docs/reference/cli.md");
        let (_, table) = page.split_once("| command | groups | options |\n|---|---|---|\n").expect("it has the table");
        let there: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
        let wanted = rows_of_options();
        assert!(wanted.iter().any(|row| row.contains("| `start` |") && row.contains("`--volume-size`")));
        assert_eq!(there, wanted, "the table is to be:\n{}", wanted.join("\n"));
    }

    #[test]
    fn the_whole_tree_is_sound_and_has_every_group_kind_and_role() {
        let command = whole("conpaas", std::iter::once(Command::new("completion")));
        command.clone().debug_assert();
        let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        let registered = groups().map(|group| group.name).chain(ROLES.iter().map(|role| role.name));
        let of_one = COMMANDS.iter().map(|command| command.name);
        for name in registered.chain(of_one).chain(crate::service::kind_names()).chain(["completion", "help"]) {
            assert_eq!(names.iter().filter(|other| **other == name).count(), 1, "{name}");
        }
    }

    #[test]
    fn a_word_that_means_both_a_role_and_a_group_has_the_commands_of_both() {
        let command = whole("conpaas", std::iter::empty());
        let director = command.find_subcommand("director").expect("it is registered twice");
        for name in ["init", "check", "version"] {
            assert!(director.find_subcommand(name).is_some(), "{name}");
        }
    }

    #[test]
    fn an_unknown_word_is_told_what_there_is() {
        let text = invalid_choice("xyz");
        assert!(text.starts_with("argument <command>: invalid choice: 'xyz' (choose from 'user', 'cloud', "), "{text}");
        assert!(text.contains("'generic'") && text.ends_with("'status')"), "{text}");
        assert!(usage("cps-tools").starts_with("usage: cps-tools [-h] [--version] {user,cloud,application,"));
    }
}
