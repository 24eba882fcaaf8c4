//! The roles of nodes with shared storage, and which changes make sense (`docs/reference/manager-api.md` §5.5).

use crate::model::NodeNeeds;
use crate::service::error::MethodError;
use crate::service::role::{Counts, Removal, Role, RoleSet, Roles};
use crate::store::manager::{NodePhase, NodeRow};

/// Knows where everything is: the first such node has the metadata, others keep a copy of it.
pub(super) const DIR: &str = "dir";
/// Has the metadata; the same program as the directory.
pub(super) const MRC: &str = "mrc";
/// Has data.
pub(super) const OSD: &str = "osd";

pub(super) const ROLES: Roles = Roles {
    rules: &[
        Role { name: DIR, added_as: DIR, removal: Removal::Keep(1) },
        Role { name: MRC, added_as: DIR, removal: Removal::Keep(1) },
        Role { name: OSD, added_as: OSD, removal: Removal::Keep(1) },
    ],
    default: OSD,
    at_start: &[(DIR, 1)],
    packed: &[MRC, OSD],
    separator: "_",
};

/// What the tables of a master take before there is a file.
const MASTER_MB: u64 = 768;
/// The same of a server with data.
const SERVER_MB: u64 = 192;

/// Returns what programs of these roles need of their machine.
pub(super) fn needs(roles: &RoleSet) -> NodeNeeds {
    // A node that keeps a copy of the metadata may become the master.
    let memory_mb = if roles.plays(DIR) { MASTER_MB } else { SERVER_MB };
    NodeNeeds { memory_mb, has_fuse: true }
}

/// Refuses a removal of what the service cannot be without, in the words of ConPaaS 2.0.
///
/// # Errors
/// Returns what cannot be removed.
pub(super) fn check_removal(nodes: &[NodeRow], counts: &Counts) -> Result<(), MethodError> {
    let asked = |role: &str| counts.iter().filter(|(name, _)| name == role).map(|(_, n)| *n).sum::<i64>();
    let first = master(nodes).map(|node| &node.view.id);
    let others =
        |role: &str| nodes.iter().filter(|node| plays(node, role) && Some(&node.view.id) != first).count() as i64;
    let (n_osd, can) = (asked(OSD), others(OSD));
    if n_osd > can {
        let can = if can == 0 { "none".to_owned() } else { format!("only {can}") };
        return Err(MethodError::refused(format!("Requesting to delete {n_osd} osd nodes while {can} can be removed")));
    }
    if asked(DIR) > others(DIR) {
        return Err(MethodError::refused("Cannot remove the DIR node."));
    }
    if asked(MRC) > 0 {
        return Err(MethodError::refused("Cannot remove the MRC node."));
    }
    Ok(())
}

/// Returns the node that has the metadata: the first one that is a directory and stays.
pub(super) fn master(nodes: &[NodeRow]) -> Option<&NodeRow> {
    let all = || nodes.iter().filter(|node| plays(node, DIR));
    all().find(|node| !is_leaving(node)).or_else(|| all().next())
}

/// Returns whether a node plays a role.
pub(super) fn plays(node: &NodeRow, role: &str) -> bool {
    ROLES.read(&node.role).plays(role)
}

/// Returns whether a node is about to leave.
pub(super) fn is_leaving(node: &NodeRow) -> bool {
    node.phase == NodePhase::Leaving
}

/// Returns how many servers have data and stay.
pub(super) fn n_servers(nodes: &[NodeRow]) -> usize {
    nodes.iter().filter(|node| plays(node, OSD) && !is_leaving(node)).count()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::api::NodeView;
    use crate::model::ServiceId;

    /// A node with the address 10.0.0.`last`.
    pub(in super::super) fn node(last: u8, role: &str) -> NodeRow {
        let view = NodeView { ip: format!("10.0.0.{last}"), ..NodeView::sample(&format!("n{last}")) };
        NodeRow { sid: ServiceId(1), role: role.to_owned(), phase: NodePhase::Active, view }
    }

    pub(in super::super) fn nodes(roles: &[&str]) -> Vec<NodeRow> {
        roles.iter().zip(2..).map(|(role, last)| node(last, role)).collect()
    }

    fn refusal(roles: &[&str], asked: &[(&str, i64)]) -> Option<String> {
        let counts: Counts = asked.iter().map(|(role, n)| ((*role).to_owned(), *n)).collect();
        check_removal(&nodes(roles), &counts).err().map(|error| error.to_string())
    }

    #[test]
    fn the_first_node_stays_and_the_words_are_those_of_before() {
        let one = ["dir_mrc_osd"];
        let none = "Requesting to delete 1 osd nodes while none can be removed";
        assert_eq!(refusal(&one, &[("osd", 1)]).as_deref(), Some(none));
        assert_eq!(refusal(&one, &[("dir", 1)]).as_deref(), Some("Cannot remove the DIR node."));
        assert_eq!(refusal(&one, &[("mrc", 1)]).as_deref(), Some("Cannot remove the MRC node."));
        let several = ["dir_mrc_osd", "osd", "osd", "dir"];
        assert_eq!(refusal(&several, &[("osd", 2), ("dir", 1)]), None);
        let three = "Requesting to delete 3 osd nodes while only 2 can be removed";
        assert_eq!(refusal(&several, &[("osd", 3)]).as_deref(), Some(three));
    }

    #[test]
    fn a_master_needs_more_than_a_server() {
        let of = |role: &str| needs(&ROLES.read(role)).memory_mb;
        assert_eq!((of("dir_mrc_osd"), of("osd"), of("dir")), (768, 192, 768));
    }
}
