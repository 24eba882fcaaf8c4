//! The roles of nodes of a web service, and which changes make sense (`docs/reference/manager-api.md` §5.4).

use crate::service::error::MethodError;
use crate::service::role::{Counts, Removal, Role, Roles};
use crate::store::manager::NodeRow;

/// Takes requests of visitors.
pub(crate) const PROXY: &str = "proxy";
/// Serves static files.
pub(crate) const WEB: &str = "web";
/// Runs the user's program.
pub(crate) const BACKEND: &str = "backend";

/// The roles: the first proxy carries what no node plays alone.
pub(crate) const ROLES: Roles = Roles {
    rules: &[
        Role { name: PROXY, added_as: PROXY, removal: Removal::Keep(1) },
        Role { name: WEB, added_as: WEB, removal: Removal::Keep(0) },
        Role { name: BACKEND, added_as: BACKEND, removal: Removal::Keep(0) },
    ],
    default: BACKEND,
    at_start: &[(PROXY, 1)],
    packed: &[BACKEND, WEB],
    separator: "",
};

/// Refuses an addition of proxies that would leave a packed node among several proxies.
///
/// # Errors
/// Returns the text of ConPaaS 2.0.
pub(crate) fn check_addition(nodes: &[NodeRow], counts: &Counts) -> Result<(), MethodError> {
    let after = |role: &str| alone(nodes, role) + asked(counts, role);
    if after(PROXY) > 1 && (after(WEB) == 0 || after(BACKEND) == 0) {
        return Err(MethodError::refused(
            "Cannot add more proxy servers without at least one stand-alone 'web' node and one stand-alone 'backend' node",
        ));
    }
    Ok(())
}

/// Refuses a removal that takes more nodes than there are, or leaves several proxies without others.
///
/// # Errors
/// Returns the text of ConPaaS 2.0.
pub(crate) fn check_removal(nodes: &[NodeRow], counts: &Counts) -> Result<(), MethodError> {
    let left = |role: &str| alone(nodes, role) - asked(counts, role);
    let least_of_others = i64::from(left(PROXY) > 1);
    for (role, least) in [(PROXY, 1), (WEB, least_of_others), (BACKEND, least_of_others)] {
        if left(role) < least {
            return Err(MethodError::refused(format!("Not enough '{role}' nodes will be left")));
        }
    }
    Ok(())
}

/// Returns how many nodes were made for each role.
#[must_use]
pub(crate) fn counts_of(nodes: &[NodeRow]) -> Counts {
    ROLES.rules.iter().map(|role| (role.name.to_owned(), alone(nodes, role.name))).collect()
}

/// Counts the nodes that were made for a role: a packed node was made as a proxy.
fn alone(nodes: &[NodeRow], role: &str) -> i64 {
    let of_role = nodes.iter().filter(|node| {
        let roles = ROLES.read(&node.role);
        roles.plays(role) && (role == PROXY || !roles.plays(PROXY))
    });
    i64::try_from(of_role.count()).unwrap_or(i64::MAX)
}

fn asked(counts: &Counts, role: &str) -> i64 {
    counts.iter().filter(|(name, _)| name == role).map(|(_, count)| count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::web::plan::tests::node;

    fn nodes(roles: &[&str]) -> Vec<NodeRow> {
        roles.iter().enumerate().map(|(i, role)| node(&format!("n{i}"), i as u8 + 2, role)).collect()
    }

    fn counts(of: &[(&str, i64)]) -> Counts {
        of.iter().map(|(role, count)| ((*role).to_owned(), *count)).collect()
    }

    #[test]
    fn several_proxies_need_others_to_pass_requests_to() {
        let packed = nodes(&["proxybackendweb"]);
        assert!(check_addition(&packed, &counts(&[("backend", 2)])).is_ok());
        assert!(check_addition(&packed, &counts(&[("proxy", 1)])).is_err());
        assert!(check_addition(&packed, &counts(&[("proxy", 1), ("web", 1)])).is_err());
        assert!(check_addition(&packed, &counts(&[("proxy", 1), ("web", 1), ("backend", 1)])).is_ok());
        assert!(check_addition(&nodes(&["proxy", "web", "backend"]), &counts(&[("proxy", 3)])).is_ok());
    }

    #[test]
    fn no_role_loses_more_nodes_than_it_has() {
        let text = |roles: &[&str], of| check_removal(&nodes(roles), &counts(of)).unwrap_err().to_string();
        assert_eq!(text(&["proxybackendweb"], &[("proxy", 1)]), "Not enough 'proxy' nodes will be left");
        assert_eq!(text(&["proxybackendweb"], &[("backend", 1)]), "Not enough 'backend' nodes will be left");
        assert_eq!(text(&["proxyweb", "backend"], &[("web", 1)]), "Not enough 'web' nodes will be left");
        let apart = ["proxy", "proxy", "web", "backend"];
        assert_eq!(text(&apart, &[("web", 1)]), "Not enough 'web' nodes will be left");
        assert!(check_removal(&nodes(&apart), &counts(&[("proxy", 1), ("web", 1)])).is_ok());
        assert!(check_removal(&nodes(&["proxyweb", "backend"]), &counts(&[("backend", 1)])).is_ok());
    }
}
