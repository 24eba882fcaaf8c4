//! The names of ConPaaS 2.0's client, `cps-tools` and `cps-<group>`: who calls them is told what they always said, and no
//! more. Everything that was added works under them as well.

use clap::Command;

const OF_EVERY_KIND: [&str; 16] = [
    "add",
    "remove",
    "list",
    "rename",
    "start",
    "stop",
    "get_state",
    "get_script",
    "set_script",
    "get_log",
    "list_agent_logs",
    "get_agent_log",
    "get_history",
    "add_nodes",
    "remove_nodes",
    "list_nodes",
];
const OF_SITES: [&str; 7] =
    ["upload_key", "list_keys", "upload_code", "list_codes", "download_code", "delete_code", "enable_code"];
/// What a kind had besides, in the order of its usage errors.
const OF_KIND: [(&str, &[&[&str]]); 6] = [
    ("php", &[&OF_SITES, &["get_php_config", "debug", "help"]]),
    ("java", &[&OF_SITES, &["help"]]),
    (
        "generic",
        &[&[
            "create_volume",
            "delete_volume",
            "list_volumes",
            "upload_key",
            "list_keys",
            "upload_code",
            "list_codes",
            "download_code",
            "enable_code",
            "delete_code",
            "run",
            "interrupt",
            "cleanup",
            "get_script_status",
            "help",
        ]],
    ),
    ("helloworld", &[&["get_helloworld"]]),
    ("mysql", &[&["set_password", "dump", "load_dump", "help"]]),
    (
        "xtreemfs",
        &[&[
            "add_xfs_volume",
            "list_xfs_volumes",
            "remove_xfs_volume",
            "get_client_cert",
            "get_user_cert",
            "list_policies",
            "set_policy",
            "set_osd_size",
            "help",
        ]],
    ),
];

/// Returns whether a program was called by a name of ConPaaS 2.0's client.
#[must_use]
pub(crate) fn is_one(program: &str) -> bool {
    program.starts_with("cps-")
}

/// Returns the sub-commands that the group `command` had in ConPaaS 2.0's client; `None` if `program` is no name of it.
#[must_use]
pub(crate) fn sub_commands<'a>(program: &str, command: &'a Command) -> Option<Vec<&'a str>> {
    if !is_one(program) {
        return None;
    }
    let group = program.rsplit(['-', ' ']).next().unwrap_or_default();
    let all = command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(Command::get_name);
    Some(match OF_KIND.iter().find(|(kind, _)| *kind == group) {
        Some((_, own)) => OF_EVERY_KIND.iter().chain(own.iter().copied().flatten()).copied().collect(),
        None => all.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tree::{find, groups};

    #[test]
    fn what_the_old_client_had_is_here() {
        for (kind, n_old) in
            [("php", 26), ("java", 24), ("generic", 31), ("helloworld", 17), ("mysql", 20), ("xtreemfs", 25)]
        {
            let command = find(kind).unwrap().command("x");
            let old = sub_commands(&format!("cps-{kind}"), &command).unwrap();
            assert_eq!(old.len(), n_old, "{kind}");
            for name in &old {
                assert!(command.find_subcommand(name).is_some(), "{kind} {name}");
            }
            assert_eq!(sub_commands(&format!("cps-tools {kind}"), &command).unwrap(), old);
            assert!(sub_commands(&format!("conpaas {kind}"), &command).is_none());
        }
        assert!(groups().count() > OF_KIND.len());
    }
}
