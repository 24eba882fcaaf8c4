//! What is meant by the words of other tools: somebody who types `ps` or
//! `push` is told what it is called here.

/// Words of other tools, and what they are called here.
const WORDS: &[(&[&str], &str)] = &[
    (
        &["ps", "top", "containers", "instances", "ls", "list"],
        "conpaas status, conpaas application list, conpaas service list",
    ),
    (&["apps", "app", "applications", "projects", "project"], "conpaas application list"),
    (&["services", "svc"], "conpaas service list"),
    (&["nodes", "node", "pods"], "conpaas generic list_nodes APP SERVICE, conpaas cloud list_resources"),
    (&["log", "tail", "journal"], "conpaas logs APP, conpaas logs -f APP SERVICE"),
    (&["ssh", "shell", "bash", "attach"], "conpaas exec -t APP SERVICE NODE -- sh"),
    (
        &["push", "upload", "code"],
        "conpaas deploy, or conpaas generic upload_code APP SERVICE FILE, then enable_code; conpaas generic git_info APP SERVICE",
    ),
    (
        &["run", "start", "launch"],
        "conpaas application start APP, conpaas generic start APP SERVICE, conpaas generic run APP SERVICE",
    ),
    (&["up", "quickstart", "install"], "conpaas nutshell up, conpaas demo"),
    (
        &["down", "stop", "kill"],
        "conpaas generic stop APP SERVICE, conpaas application stop APP, conpaas nutshell down",
    ),
    (&["rm", "remove", "destroy", "delete"], "conpaas application delete APP, conpaas service remove APP SERVICE"),
    (&["create", "new"], "conpaas application create NAME, conpaas generic add APP"),
    (&["scale"], "conpaas generic add_nodes APP SERVICE --count N, remove_nodes"),
    (&["volumes", "disk", "disks"], "conpaas volume list, conpaas generic list_volumes APP SERVICE"),
    (&["login", "auth", "signin", "whoami"], "conpaas user get_certificate, conpaas user get_config"),
    (&["signup", "register"], "conpaas user create_free NAME"),
    (&["users", "accounts", "passwd", "password"], "conpaas user list, conpaas user get_config"),
    (&["config", "env", "settings"], "~/.conpaas/cps-tools.conf, conpaas user get_config"),
    (&["credit", "billing", "balance"], "conpaas user get_credit"),
    (&["doctor", "diagnose", "check"], "conpaas director check"),
    (
        &["info", "inspect", "describe", "show"],
        "conpaas application get_info APP, conpaas generic get_state APP SERVICE",
    ),
];

/// Words of other tools for sub-commands, and the sub-commands that are meant; the first that a group has is shown.
const SUB_COMMANDS: &[(&[&str], &[&str])] = &[
    (&["ls", "ps", "show"], &["list", "list_nodes"]),
    (&["rm", "remove", "destroy", "del", "delete"], &["delete", "remove"]),
    (&["new", "add", "create", "init"], &["create", "add"]),
    (&["up", "launch", "boot"], &["start"]),
    (&["down", "halt", "kill"], &["stop"]),
    (&["mv"], &["rename"]),
    (&["logs", "log", "tail"], &["get_agent_log", "get_log"]),
    (&["info", "inspect", "describe", "status", "state"], &["get_info", "get_state", "get_config"]),
    (&["deploy", "push", "upload", "publish"], &["upload_code"]),
    (&["enable", "activate", "release"], &["enable_code"]),
    (&["codes", "versions", "releases"], &["list_codes"]),
    (&["scale", "grow"], &["add_nodes"]),
    (&["shrink"], &["remove_nodes"]),
    (&["nodes", "agents"], &["list_nodes"]),
    (&["volumes"], &["list_volumes"]),
    (&["history", "events"], &["get_history"]),
    (&["exec", "execute"], &["run"]),
    (&["login", "cert", "certificate"], &["get_certificate"]),
    (&["register", "signup"], &["create_free"]),
    (&["credit", "balance"], &["get_credit"]),
    (&["whoami", "config"], &["get_config"]),
];

/// Returns what a first word of another tool is called here, as an end of the complaint.
pub(crate) fn of_word(word: &str) -> Option<String> {
    let found = WORDS.iter().find(|(words, _)| words.contains(&word))?;
    Some(format!("Here it is: {}", found.1))
}

/// Returns which of a group's sub-commands a word of another tool means, or is a slip of, as an end of the complaint.
pub(crate) fn of_sub_command(word: &str, sub_commands: &[&str]) -> Option<String> {
    let meant = SUB_COMMANDS.iter().filter(|(words, _)| words.contains(&word)).flat_map(|(_, names)| *names);
    let meant = meant.copied().find(|name| sub_commands.contains(name));
    let slip = || sub_commands.iter().copied().find(|name| is_slip(word, name));
    meant.or_else(slip).map(|name| format!("Here it is: {name}"))
}

/// Whether `word` is `name` with dashes, in other letters, or without its underscores.
fn is_slip(word: &str, name: &str) -> bool {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['_', '-'], "");
    plain(word) == plain(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tree;

    #[test]
    fn words_of_other_tools_lead_to_commands_that_exist() {
        let whole = tree::whole("conpaas", std::iter::empty());
        for (words, there) in WORDS {
            for command in there.split(", ").filter_map(|text| text.strip_prefix("conpaas ")) {
                let mut at = &whole;
                for word in command.split(' ').take_while(|word| word.chars().all(|c| c.is_lowercase() || c == '_')) {
                    at = at.find_subcommand(word).unwrap_or_else(|| panic!("{words:?}: no '{word}' in '{command}'"));
                }
            }
            for word in *words {
                assert!(whole.find_subcommand(word).is_none(), "{word} is a command of ours");
            }
        }
        assert!(of_word("ps").expect("a hint").starts_with("Here it is: conpaas status"));
        assert_eq!(of_word("xyz"), None);
    }

    #[test]
    fn a_sub_command_is_hinted_at_only_where_it_is() {
        assert_eq!(of_sub_command("ls", &["create", "list"]).as_deref(), Some("Here it is: list"));
        assert_eq!(of_sub_command("rm", &["add", "remove"]).as_deref(), Some("Here it is: remove"));
        assert_eq!(of_sub_command("add-nodes", &["add_nodes"]).as_deref(), Some("Here it is: add_nodes"));
        assert_eq!(of_sub_command("ls", &["create"]), None);
    }
}
