//! The roles of nodes of a mysql service, and which changes make sense (`docs/reference/manager-api.md` §5.3).

use crate::service::error::MethodError;
use crate::service::role::{Counts, Removal, Role, Roles};
use crate::store::manager::NodeRow;

/// Has the data.
pub(super) const MYSQL: &str = "mysql";
/// Passes connections on.
pub(super) const GLB: &str = "glb";

pub(super) const ROLES: Roles = Roles {
    rules: &[
        Role { name: MYSQL, added_as: MYSQL, removal: Removal::Keep(1) },
        Role { name: GLB, added_as: GLB, removal: Removal::Keep(0) },
    ],
    default: MYSQL,
    at_start: &[(MYSQL, 1)],
    packed: &[],
    separator: "",
};

/// Refuses a removal that would leave two members without a third one that votes: when one of them died, the other
/// could not know that it did.
///
/// # Errors
/// Returns what can be done instead.
pub(super) fn check_removal(nodes: &[NodeRow], counts: &Counts) -> Result<(), MethodError> {
    let asked = |role: &str| counts.iter().filter(|(name, _)| name == role).map(|(_, n)| n).sum::<i64>();
    let left = |role: &str| count(nodes, role) - asked(role);
    if left(MYSQL) != 2 || left(GLB) > 0 || (asked(MYSQL) == 0 && asked(GLB) == 0) {
        return Ok(());
    }
    Err(MethodError::refused(
        "Two mysql nodes would be left without a third vote, and stop to serve when one of them fails: keep three, keep \
         one, or keep a glb node, which votes",
    ))
}

/// Returns how many nodes there are of each role.
pub(super) fn counts_of(nodes: &[NodeRow]) -> Counts {
    ROLES.rules.iter().map(|role| (role.name.to_owned(), count(nodes, role.name))).collect()
}

/// Returns whether a node plays a role.
pub(super) fn plays(node: &NodeRow, role: &str) -> bool {
    ROLES.read(&node.role).plays(role)
}

fn count(nodes: &[NodeRow], role: &str) -> i64 {
    i64::try_from(nodes.iter().filter(|node| plays(node, role)).count()).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::api::NodeView;
    use crate::model::ServiceId;
    use crate::store::manager::NodePhase;

    /// A node with the address 10.0.0.`last`.
    pub(in super::super) fn node(last: u8, role: &str) -> NodeRow {
        let view = NodeView { ip: format!("10.0.0.{last}"), ..NodeView::sample(&format!("n{last}")) };
        NodeRow { sid: ServiceId(1), role: role.to_owned(), phase: NodePhase::Active, view }
    }

    fn refusal(roles: &[&str], asked: &[(&str, i64)]) -> Option<String> {
        let nodes: Vec<NodeRow> = roles.iter().zip(2..).map(|(role, last)| node(last, role)).collect();
        let counts: Counts = asked.iter().map(|(role, n)| ((*role).to_owned(), *n)).collect();
        check_removal(&nodes, &counts).err().map(|error| error.to_string())
    }

    #[test]
    fn no_removal_leaves_two_without_a_third_vote() {
        assert!(refusal(&["mysql"; 3], &[("mysql", 1)]).unwrap().contains("third vote"));
        assert!(refusal(&["mysql", "mysql", "glb"], &[("glb", 1)]).is_some());
        assert_eq!(refusal(&["mysql"; 3], &[("mysql", 2)]), None);
        assert_eq!(refusal(&["mysql"; 4], &[("mysql", 1)]), None);
        assert_eq!(refusal(&["mysql", "mysql", "mysql", "glb"], &[("mysql", 1)]), None);
        assert_eq!(refusal(&["mysql", "mysql"], &[("mysql", 1)]), None);
    }
}
