//! The commands of each kind of service: one file a kind, and the registry.
//!
//! A kind's file has its name, its own sub-commands, and the shared groups
//! that it flattens among them: `every_service::KindCommand` always,
//! `volume::VolumeCommand` and `code::CodeCommand` where its nodes have
//! volumes or run code. Its line in [`KINDS`] makes `cps-<kind>`, help,
//! completion and manual know it. The other registry is `service::registry`.

mod generic;
mod helloworld;
mod java;
mod mysql;
mod php;
mod xtreemfs;

use super::deployment::Deployment;
use super::group::Group;

/// Every kind of service.
pub(crate) const KINDS: &[Group] = &[
    Group::of::<generic::GenericCommand>(generic::NAME, "Manage ConPaaS generic services."),
    Group::of::<helloworld::HelloworldCommand>(helloworld::NAME, "Manage ConPaaS helloworld services."),
    Group::of::<java::JavaCommand>(java::NAME, "Manage ConPaaS Java services."),
    Group::of::<mysql::MysqlCommand>(mysql::NAME, "Manage ConPaaS MySQL services."),
    Group::of::<php::PhpCommand>(php::NAME, "Manage ConPaaS PHP services."),
    Group::of::<xtreemfs::XtreemfsCommand>(xtreemfs::NAME, "Manage ConPaaS XtreemFS services."),
];

/// Kinds that `deploy` knows; the first that a directory looks like is meant.
pub(crate) const DEPLOYMENTS: &[Deployment] = &[generic::DEPLOYMENT, java::DEPLOYMENT, php::DEPLOYMENT];

/// Returns how `deploy` brings programs of a kind on the air, if it does.
pub(crate) fn find_deployment(kind: &str) -> Option<&'static Deployment> {
    DEPLOYMENTS.iter().find(|deployment| deployment.kind == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_service_has_commands_and_no_other_has() {
        let mut commands: Vec<&str> = KINDS.iter().map(|group| group.name).collect();
        let mut kinds = crate::service::kind_names();
        commands.sort_unstable();
        kinds.sort_unstable();
        assert_eq!(commands, kinds, "the registries in cli/kind/mod.rs and service/registry.rs differ");
    }

    #[test]
    fn every_kind_has_what_all_kinds_have() {
        for group in KINDS {
            let command = group.command("x");
            for name in ["add", "list", "remove", "start", "stop", "get_state", "add_nodes", "list_nodes"] {
                assert!(command.find_subcommand(name).is_some(), "{} has no {name}", group.name);
            }
        }
    }
}
