//! Usage lines and the words of usage errors, as Python 2's argparse writes
//! them: ConPaaS 2.0's client did, and scripts and people know them.
//!
//! clap parses. When it refuses a line, [`explain`] looks at the same line
//! with the same command tree and says what is wrong in argparse's words.

use std::any::TypeId;

use clap::{Arg, ArgAction, Command};

use crate::cli::{hint, old_names};

/// Sub-commands of upstream's groups that are ours: its lists of choices do not have them.
const ADDED_COMMANDS: [&str; 5] = ["export", "link", "unlink", "list_links", "get_link_password"];
/// Options under this heading are ours; upstream's usage lines do not have them.
pub(crate) const ADDITIONS: &str = "Additions";

/// What is wrong with a command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UsageError {
    /// The usage line (or lines) of the command that was meant.
    pub usage: String,
    /// argparse's sentence.
    pub text: String,
}

/// The usage of `command`, called `program`, wrapped to argparse's width.
pub(crate) fn usage(program: &str, command: &Command) -> String {
    let options: Vec<String> =
        std::iter::once("[-h]".to_owned()).chain(upstream_options(command).map(option_part)).collect();
    let mut positionals: Vec<String> = visible_positionals(command).map(positional_part).collect();
    if command.has_subcommands() {
        positionals.push("<sub-command> ...".to_owned());
    }
    wrapped(program, &options, &positionals)
}

/// Returns which of some sub-commands a word means.
type Hint = fn(&str, &[&str]) -> Option<String>;

/// Says that `command` has no sub-command `word`, and by `hint` which one may be meant.
pub(crate) fn invalid_sub_command(command: &Command, word: &str, hint: Hint) -> String {
    let names: Vec<&str> = command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(Command::get_name).collect();
    let text = invalid_choice(&names, word);
    match hint(word, &names) {
        Some(hint) => format!("{text}. {hint}"),
        None => text,
    }
}

fn invalid_choice(names: &[&str], word: &str) -> String {
    let is_upstreams = |name: &&&str| !ADDED_COMMANDS.contains(*name);
    let shown: Vec<String> = names.iter().filter(is_upstreams).map(|name| format!("'{name}'")).collect();
    format!("argument <sub-command>: invalid choice: '{word}' (choose from {})", shown.join(", "))
}

/// Returns the usage of the command that `words` lead to.
pub(crate) fn usage_of(program: &str, command: &Command, words: &[String]) -> String {
    let mut scan = Scan { command, program: program.to_owned(), n_positionals: 0, extras: Vec::new() };
    let _the_command_is_found_all_the_same = scan.run(command, words);
    usage(&scan.program, scan.command)
}

/// Says what is wrong with `words` (without the program's name); `None` when
/// argparse would have taken them.
pub(crate) fn explain(program: &str, command: &Command, words: &[String]) -> Option<UsageError> {
    let mut scan = Scan { command, program: program.to_owned(), n_positionals: 0, extras: Vec::new() };
    if let Err(text) = scan.run(command, words) {
        return Some(UsageError { usage: usage(&scan.program, scan.command), text });
    }
    if scan.extras.is_empty() {
        return None;
    }
    let text = format!("unrecognized arguments: {}", scan.extras.join(" "));
    // The old names say what they always said.
    let usage = if old_names::is_one(program) { usage(program, command) } else { usage(&scan.program, scan.command) };
    Some(UsageError { usage, text })
}

struct Scan<'a> {
    command: &'a Command,
    program: String,
    n_positionals: usize,
    extras: Vec<String>,
}

impl<'a> Scan<'a> {
    fn run(&mut self, root: &'a Command, words: &[String]) -> Result<(), String> {
        let mut words = words.iter().peekable();
        let mut is_positional_only = false;
        while let Some(word) = words.next() {
            if is_positional_only || !looks_like_option(word) {
                self.take_positional(word)?;
            } else if word == "--" {
                is_positional_only = true;
            } else if word == "-h" || word == "--help" {
                return Ok(());
            } else if let Some((option, attached)) = self.find_option(root, word)? {
                if !takes_value(option) {
                    continue;
                }
                let value = match attached {
                    Some(value) => value,
                    None => match words.next_if(|next| !looks_like_option(next)) {
                        Some(value) => value.clone(),
                        None => return Err(format!("argument {}: expected one argument", option_names(option))),
                    },
                };
                check_value(option, &option_names(option), &value)?;
            } else {
                self.extras.push(word.clone());
            }
        }
        let n_needed = self.command.get_positionals().filter(|positional| positional.is_required_set()).count();
        if self.command.has_subcommands() || self.n_positionals < n_needed {
            return Err("too few arguments".to_owned());
        }
        Ok(())
    }

    fn take_positional(&mut self, word: &str) -> Result<(), String> {
        if self.command.has_subcommands() {
            let Some(found) = self.command.find_subcommand(word) else {
                return Err(match old_names::sub_commands(&self.program, self.command) {
                    Some(names) => invalid_choice(&names, word),
                    None => invalid_sub_command(self.command, word, hint::of_sub_command),
                });
            };
            self.command = found;
            self.program = format!("{} {}", self.program, found.get_name());
            return Ok(());
        }
        let found = visible_positionals(self.command).nth(self.n_positionals);
        match found {
            Some(positional) => {
                check_value(positional, positional.get_id().as_str(), word)?;
                self.n_positionals += 1;
            }
            None => self.extras.push(word.to_owned()),
        }
        Ok(())
    }

    /// The option that `word` names, with the value it carries itself.
    fn find_option(&self, root: &'a Command, word: &str) -> Result<Option<(&'a Arg, Option<String>)>, String> {
        let command: &'a Command = self.command;
        let globals = root.get_arguments().filter(|arg| arg.is_global_set() && !std::ptr::eq(root, command));
        let known: Vec<&Arg> = command.get_opts().chain(flags(command)).chain(globals).collect();
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            if let Some(option) = known.iter().find(|option| option.get_long() == Some(name)) {
                return Ok(Some((option, value)));
            }
            let mut begins: Vec<&Arg> = known
                .into_iter()
                .filter(|option| option.get_long().is_some_and(|long| long.starts_with(name)))
                .collect();
            // What a sub-command has of its own is meant before what every command has.
            if begins.iter().any(|option| !option.is_hide_set()) {
                begins.retain(|option| !option.is_hide_set());
            }
            return match begins.as_slice() {
                [] => Ok(None),
                [option] => Ok(Some((option, value))),
                several => {
                    let names: Vec<String> =
                        several.iter().filter_map(|option| option.get_long()).map(|long| format!("--{long}")).collect();
                    Err(format!("ambiguous option: {word} could match {}", names.join(", ")))
                }
            };
        }
        let mut letters = word.chars().skip(1);
        let letter = letters.next();
        let rest: String = letters.collect();
        let option = known.into_iter().find(|option| option.get_short().is_some() && option.get_short() == letter);
        Ok(option.map(|option| (option, (!rest.is_empty()).then_some(rest))))
    }
}

fn check_value(arg: &Arg, name: &str, value: &str) -> Result<(), String> {
    if arg.get_value_parser().type_id() == TypeId::of::<i64>() && value.trim().parse::<i64>().is_err() {
        return Err(format!("argument {name}: invalid int value: '{value}'"));
    }
    let choices = arg.get_possible_values();
    if choices.is_empty() || choices.iter().any(|choice| choice.get_name() == value) {
        return Ok(());
    }
    let choices: Vec<String> = choices.iter().map(|choice| format!("'{}'", choice.get_name())).collect();
    Err(format!("argument {name}: invalid choice: '{value}' (choose from {})", choices.join(", ")))
}

/// A lone dash and negative numbers are values.
fn looks_like_option(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|rest| !rest.is_empty() && rest.parse::<f64>().is_err())
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !arg.is_positional() && !takes_value(arg))
}

fn upstream_options(command: &Command) -> impl Iterator<Item = &Arg> {
    let is_upstreams = |arg: &&Arg| {
        !arg.is_positional() && !arg.is_hide_set() && !arg.is_global_set() && arg.get_help_heading() != Some(ADDITIONS)
    };
    command.get_arguments().filter(|arg| arg.get_id() != "help").filter(is_upstreams)
}

fn visible_positionals(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_positionals().filter(|arg| !arg.is_hide_set())
}

fn option_names(arg: &Arg) -> String {
    let short = arg.get_short().map(|letter| format!("-{letter}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    short.into_iter().chain(long).collect::<Vec<_>>().join("/")
}

fn option_part(arg: &Arg) -> String {
    let name = option_names(arg);
    let name = name.split('/').next().unwrap_or_default();
    if !takes_value(arg) {
        return format!("[{name}]");
    }
    format!("[{name} {}]", arg.get_value_names().and_then(|names| names.first()).map_or("VALUE", |name| name.as_str()))
}

fn positional_part(arg: &Arg) -> String {
    let choices: Vec<String> = arg.get_possible_values().iter().map(|choice| choice.get_name().to_owned()).collect();
    let name = if choices.is_empty() { arg.get_id().to_string() } else { format!("{{{}}}", choices.join(",")) };
    if arg.is_required_set() { name } else { format!("[{name}]") }
}

/// argparse's way of breaking a usage: options and positionals on lines of
/// their own, indented under the first word after the program.
fn wrapped(program: &str, options: &[String], positionals: &[String]) -> String {
    const PREFIX: &str = "usage: ";
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse::<usize>().ok()).unwrap_or(80);
    let width = columns.saturating_sub(2);
    let parts: Vec<String> = options.iter().chain(positionals).cloned().collect();
    let whole = format!("{PREFIX}{program} {}", parts.join(" "));
    if whole.len() <= width {
        return whole;
    }
    let start = format!("{PREFIX}{program}");
    if start.len() * 4 <= width * 3 {
        let indent = start.len() + 1;
        let mut lines = filled(options, indent, width);
        lines.extend(filled(positionals, indent, width));
        let text = lines.join("\n");
        return format!("{start} {}", text.trim_start());
    }
    let indent = PREFIX.len();
    let mut lines = filled(&parts, indent, width);
    if lines.len() > 1 {
        lines = filled(options, indent, width);
        lines.extend(filled(positionals, indent, width));
    }
    format!("{start}\n{}", lines.join("\n"))
}

fn filled(parts: &[String], indent: usize, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for part in parts {
        let is_too_long = indent + line.len() + 1 + part.len() > width;
        if is_too_long && !line.is_empty() {
            lines.push(format!("{}{line}", " ".repeat(indent)));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(part);
    }
    if !line.is_empty() {
        lines.push(format!("{}{line}", " ".repeat(indent)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tree::{find, groups};

    fn said(group: &str, line: &str) -> Option<(String, String)> {
        let program = format!("cps-{group}");
        let command = find(group).unwrap().command(&program);
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        explain(&program, &command, &words).map(|error| (error.usage, error.text))
    }

    #[test]
    fn what_is_wrong_is_said_in_argparses_words() {
        let table = [
            ("application", "", "too few arguments"),
            ("application", "rename a", "too few arguments"),
            ("application", "start -c", "argument -c/--cloud: expected one argument"),
            ("application", "start -c -d a", "argument -c/--cloud: expected one argument"),
            ("application", "start a b --x c", "unrecognized arguments: b --x c"),
            ("application", "list --debugging", "unrecognized arguments: --debugging"),
            ("generic", "add_nodes a b --count x", "argument --count: invalid int value: 'x'"),
            ("generic", "create_volume a v 1G n", "argument vol_size: invalid int value: '1G'"),
            ("user", "add_credit u x", "argument credit: invalid int value: 'x'"),
            ("user", "create_free u --e x --af y --l z --f=w q", "unrecognized arguments: q"),
        ];
        for (group, line, text) in table {
            assert_eq!(said(group, line).unwrap().1, text, "{group} {line}");
        }
    }

    #[test]
    fn a_beginning_of_several_options_is_ambiguous() {
        let text = said("user", "--d x list").unwrap().1;
        let (start, names) = text.split_once(" could match ").unwrap();
        assert_eq!(start, "ambiguous option: --d");
        assert!(names.contains("--debug") && names.contains("--director_url"), "{names}");
    }

    #[test]
    fn what_argparse_takes_is_not_wrong() {
        for (group, line) in [
            ("application", "--dir h --user u start -cx a"),
            ("application", "start a --clo=x"),
            ("generic", "add_nodes --count -1 a b"),
            ("user", "create_free u --cred 5 --email -"),
            ("user", "list --json"),
            ("application", "list --debug --director_url h"),
            ("application", "start --c x a -d"),
            ("user", "get_certificate --username u --password p"),
        ] {
            assert_eq!(said(group, line), None, "{group} {line}");
        }
    }

    #[test]
    fn usages_wrap_as_argparses() {
        let (usage, _) = said("generic", "add_nodes").unwrap();
        assert_eq!(
            usage,
            "usage: cps-generic add_nodes [-h] [--count COUNT] [-c CLOUD]\n\
             \u{20}                            app_name_or_id serv_name_or_id"
        );
        let (usage, _) = said("user", "create_free").unwrap();
        assert_eq!(
            usage,
            "usage: cps-user create_free [-h] [--email EMAIL] [--fname FNAME]\n\
             \u{20}                           [--lname LNAME] [--affiliation AFFILIATION]\n\
             \u{20}                           [--password PASSWORD] [--credit CRED]\n\
             \u{20}                           username"
        );
    }

    #[test]
    fn every_tree_is_sound_and_counts_upstreams_commands() {
        let counts = [
            ("user", 10),
            ("cloud", 3),
            ("application", 11),
            ("service", 22),
            ("volume", 4),
            ("director", 2),
            ("generic", 33),
            ("helloworld", 18),
            ("php", 37),
            ("java", 33),
            ("mysql", 30),
            ("storage", 4),
            ("xtreemfs", 31),
        ];
        for (name, count) in counts {
            let command = find(name).unwrap().command("x");
            command.clone().debug_assert();
            assert_eq!(command.get_subcommands().count(), count, "{name}");
        }
        assert_eq!(groups().count(), counts.len(), "count the new group's commands too");
    }
}
