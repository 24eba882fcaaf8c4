//! Roles: what the nodes of a service play, and how that changes.
//!
//! A kind declares its roles as data ([`Roles`]). A node plays one role, or
//! several that are *packed* on it: while no node plays a packable role
//! alone, the first node of the carrying role plays it, too.
//!
//! ```text
//!   start                     one node:  proxy+backend+web
//!   add 1 backend             packed:    proxy+web          alone: backend
//!   add 1 web                 packed:    proxy              alone: backend, web
//!   remove the backend        packed:    proxy+backend      alone: web
//! ```
//!
//! A packable role of which at least one has to stay ([`Removal::Keep`]) never leaves the node that carries it from the
//! start on: that one has the data.
//!
//! Everything here is pure. It must not know: clouds, agents, the store.

use std::fmt;

use crate::store::manager::NodeRow;

/// How many nodes of each role, in the order in which they were asked for.
pub(crate) type Counts = Vec<(String, i64)>;

/// The roles of a kind.
#[derive(Debug)]
pub(crate) struct Roles {
    /// Every role, in the order in which callers see them.
    pub rules: &'static [Role],
    /// The role that is meant when a caller names none.
    pub default: &'static str,
    /// The nodes of a first start, by role. The first of them carries what is packed.
    pub at_start: &'static [(&'static str, i64)],
    /// Roles that the first node of the carrying role plays while no node plays them alone,
    /// in the order in which the packed name lists them.
    pub packed: &'static [&'static str],
    /// What stands between two roles in the packed name, as upstream writes it.
    pub separator: &'static str,
}

/// One role of a kind.
#[derive(Debug)]
pub(crate) struct Role {
    /// The word that callers use.
    pub name: &'static str,
    /// The role that a node gets that is added under this name.
    pub added_as: &'static str,
    /// Whether nodes of this role leave, and what a caller is told.
    pub removal: Removal,
}

/// Whether nodes of a role can be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    /// The last ones go, but at least so many stay.
    Keep(usize),
    /// Never; the text says so.
    Never(&'static str),
}

/// The roles that one node plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoleSet(Vec<&'static str>);

/// A node as the plans here see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Player {
    /// The node's id.
    pub id: String,
    /// What it plays.
    pub roles: RoleSet,
}

/// Why a change of roles makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RoleError {
    /// A role whose nodes never leave; the kind's text.
    Never(&'static str),
    /// More nodes than can go.
    TooMany {
        /// The role, as shown; empty where the kind has one removable role.
        role: &'static str,
        /// How many were asked for.
        asked: i64,
        /// How many can go.
        can: usize,
    },
    /// The kind has no such role.
    Unknown(String),
}

impl fmt::Display for RoleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RoleError::Never(text) => f.write_str(text),
            RoleError::TooMany { role, asked, can } => {
                let role = if role.is_empty() { String::new() } else { format!(" {role}") };
                let can = if *can == 0 { "none".to_owned() } else { format!("only {can}") };
                write!(f, "Requesting to delete {asked}{role} nodes while {can} can be removed")
            }
            RoleError::Unknown(role) => write!(f, "unknown role '{role}'"),
        }
    }
}

impl std::error::Error for RoleError {}

impl RoleSet {
    /// Returns whether the node plays `role`, alone or beside others.
    #[must_use]
    pub(crate) fn plays(&self, role: &str) -> bool {
        self.0.contains(&role)
    }
}

impl Player {
    /// Returns how the plans here see a node of a kind with these roles.
    #[must_use]
    pub(crate) fn of(node: &NodeRow, roles: &Roles) -> Self {
        Player { id: node.view.id.clone(), roles: roles.read(&node.role) }
    }
}

impl Roles {
    /// Returns how many nodes a start makes: those that the last one had, or the first ones.
    #[must_use]
    pub(crate) fn start_counts(&self, kept: &Counts) -> Counts {
        let at_start = self.at_start.iter().map(|(role, n)| ((*role).to_owned(), *n));
        if kept.is_empty() { at_start.collect() } else { kept.clone() }
    }

    /// Returns what a start makes that is told how many nodes it is to make: a service never lacks its first nodes.
    #[must_use]
    pub(crate) fn with_first_nodes(&self, asked: &Counts) -> Counts {
        let is_asked = |role: &str| asked.iter().any(|(name, n)| name == role && *n > 0);
        let first = self.at_start.iter().filter(|(role, _)| !is_asked(role)).map(|(role, n)| ((*role).to_owned(), *n));
        first.chain(asked.iter().filter(|(_, n)| *n > 0).cloned()).collect()
    }

    /// Returns how many nodes were made for each role.
    #[must_use]
    pub(crate) fn counts_of(&self, nodes: &[Player]) -> Counts {
        let count = |name: &str| nodes.iter().filter(|node| self.main(&node.roles) == name).count();
        let counts = self.rules.iter().map(|role| (role.name.to_owned(), count(role.name) as i64));
        counts.filter(|(_, n)| *n > 0).collect()
    }

    /// Returns the rule of a role.
    #[must_use]
    pub(crate) fn find(&self, name: &str) -> Option<&'static Role> {
        self.rules.iter().find(|role| role.name == name)
    }

    /// Returns the roles in a node's recorded name, such as `proxybackendweb`.
    ///
    /// A name that this kind does not know is the default role: a node is
    /// never lost because a program forgot a word.
    #[must_use]
    pub(crate) fn read(&self, text: &str) -> RoleSet {
        let mut rest = text;
        let mut roles = Vec::new();
        while let Some(name) = self.packed_order().find(|name| !roles.contains(name) && rest.starts_with(name)) {
            roles.push(name);
            rest = rest[name.len()..].trim_start_matches(self.separator);
        }
        if roles.is_empty() || !rest.is_empty() {
            roles = vec![self.find(text).map_or(self.default, |role| role.name)];
        }
        RoleSet(roles)
    }

    /// Returns the one word for a set of roles, as upstream writes it and [`Roles::read`] reads it.
    #[must_use]
    pub(crate) fn name(&self, roles: &RoleSet) -> String {
        let in_order: Vec<&str> = self.packed_order().filter(|name| roles.plays(name)).collect();
        in_order.join(self.separator)
    }

    /// Plans the nodes of a start with `counts`: packed where a count is zero.
    #[must_use]
    pub(crate) fn plan_start(&self, counts: &[(String, i64)]) -> Vec<RoleSet> {
        let mut sets = self.single(counts, |role| role.name);
        let carrier = self.carrier();
        if let Some(first) = sets.iter_mut().find(|set| set.plays(carrier)) {
            first.0.extend(self.packed.iter().filter(|role| self.stays(role)));
        }
        self.repack_sets(&mut sets);
        sets
    }

    /// Plans the nodes that an addition makes, one set of roles for each, in the order of the rules.
    /// [`Roles::repack`] says what becomes of the nodes that are there.
    ///
    /// # Errors
    /// Returns an error if the kind has no such role.
    pub(crate) fn plan_addition(&self, counts: &[(String, i64)]) -> Result<Vec<RoleSet>, RoleError> {
        if let Some((unknown, _)) = counts.iter().find(|(name, _)| self.find(name).is_none()) {
            return Err(RoleError::Unknown(unknown.clone()));
        }
        let of_rule = |role: &'static Role| counts.iter().filter(|(name, _)| name == role.name).cloned();
        let in_order: Counts = self.rules.iter().flat_map(of_rule).collect();
        Ok(self.single(&in_order, |role| role.added_as))
    }

    /// Returns the role that a node with these roles was made for: what is packed on it comes and goes.
    #[must_use]
    pub(crate) fn main(&self, roles: &RoleSet) -> &'static str {
        let first = roles.0.first().copied().unwrap_or(self.default);
        if roles.plays(self.carrier()) { self.carrier() } else { first }
    }

    /// Returns whether one of `nodes` can play what no node plays alone.
    #[must_use]
    pub(crate) fn can_carry(&self, nodes: &[Player]) -> bool {
        nodes.iter().any(|node| node.roles.plays(self.carrier()))
    }

    /// Chooses the nodes that a removal takes: of each role the last ones that were made for it.
    ///
    /// # Errors
    /// Returns an error if a role has too few nodes to give, or gives none.
    pub(crate) fn plan_removal(&self, nodes: &[Player], counts: &[(String, i64)]) -> Result<Vec<String>, RoleError> {
        self.expect_enough(nodes, counts)?;
        let mut wanted = Vec::new();
        for (name, n) in counts.iter().filter(|(_, n)| *n > 0) {
            let role = self.find(name).ok_or_else(|| RoleError::Unknown(name.clone()))?;
            match role.removal {
                Removal::Never(text) => return Err(RoleError::Never(text)),
                Removal::Keep(keep) => wanted.push((role, keep, *n)),
            }
        }
        let mut ids = Vec::new();
        for (role, keep, n) in wanted {
            let of_role: Vec<&Player> = nodes.iter().filter(|node| self.is_mainly(&node.roles, role.name)).collect();
            let can = of_role.len().saturating_sub(keep.saturating_sub(self.n_carried(nodes, role.name)));
            let asked = usize::try_from(n).unwrap_or(usize::MAX);
            if asked > can {
                let shown = if self.n_removable_roles() == 1 { "" } else { role.name };
                return Err(RoleError::TooMany { role: shown, asked: n, can });
            }
            ids.extend(of_role.iter().rev().take(asked).map(|node| node.id.clone()));
        }
        Ok(ids)
    }

    /// Moves packable roles onto and off the first carrying node; returns the nodes whose roles differ now.
    #[must_use]
    pub(crate) fn repack(&self, nodes: &[Player]) -> Vec<Player> {
        let mut sets: Vec<RoleSet> = nodes.iter().map(|node| node.roles.clone()).collect();
        self.repack_sets(&mut sets);
        let pairs = std::iter::zip(nodes, sets);
        pairs
            .filter(|(node, roles)| node.roles != *roles)
            .map(|(node, roles)| Player { id: node.id.clone(), roles })
            .collect()
    }

    fn repack_sets(&self, sets: &mut [RoleSet]) {
        if self.packed.is_empty() {
            return;
        }
        let carrier = self.carrier();
        let is_alone = |role: &&'static str| sets.iter().any(|set| set.plays(role) && !set.plays(carrier));
        let has_it =
            |role: &&'static str| sets.iter().find(|set| set.plays(carrier)).is_some_and(|set| set.plays(role));
        let is_carried = |role: &&'static str| !is_alone(role) || (self.stays(role) && has_it(role));
        let carried: Vec<&'static str> = self.packed.iter().copied().filter(is_carried).collect();
        let mut carriers = sets.iter_mut().filter(|set| set.plays(carrier));
        if let Some(first) = carriers.next() {
            first.0 = std::iter::once(carrier).chain(carried).collect();
        }
        for other in carriers {
            other.0 = vec![carrier];
        }
    }

    /// One node of one role for each that `counts` asks for.
    fn single(&self, counts: &[(String, i64)], gets: fn(&Role) -> &'static str) -> Vec<RoleSet> {
        let of_role = |(name, n): &(String, i64)| {
            let role = self.find(name).map_or(self.default, gets);
            std::iter::repeat_n(RoleSet(vec![role]), usize::try_from(*n).unwrap_or(0))
        };
        counts.iter().flat_map(of_role).collect()
    }

    /// Whether a node was made for `role`: what is packed on a carrying node leaves with its own nodes only.
    fn is_mainly(&self, roles: &RoleSet, role: &str) -> bool {
        roles.plays(role) && (role == self.carrier() || !roles.plays(self.carrier()))
    }

    fn carrier(&self) -> &'static str {
        self.at_start.first().map_or(self.default, |(name, _)| name)
    }

    /// The carrier, what is packed on it, then all other roles.
    fn packed_order(&self) -> impl Iterator<Item = &'static str> {
        let carrier = self.carrier();
        let packed = self.packed;
        let others = self.rules.iter().map(|role| role.name);
        let others = others.filter(move |name| *name != carrier && !packed.contains(name));
        std::iter::once(carrier).chain(packed.iter().copied()).chain(others)
    }

    /// Refuses more than can go of the one role whose nodes leave; nodes of all roles count, before it
    /// is looked whether theirs leave.
    fn expect_enough(&self, nodes: &[Player], counts: &[(String, i64)]) -> Result<(), RoleError> {
        let removable: Vec<&Role> = self.rules.iter().filter(|role| matches!(role.removal, Removal::Keep(_))).collect();
        let [role] = removable[..] else { return Ok(()) };
        let Removal::Keep(keep) = role.removal else { return Ok(()) };
        let asked = counts.iter().fold(0_i64, |sum, (_, n)| sum.saturating_add(*n));
        let of_role = nodes.iter().filter(|node| self.is_mainly(&node.roles, role.name)).count();
        let can = of_role.saturating_sub(keep.saturating_sub(self.n_carried(nodes, role.name)));
        if usize::try_from(asked).unwrap_or_default() > can {
            return Err(RoleError::TooMany { role: "", asked, can });
        }
        Ok(())
    }

    /// Whether a role never leaves the node that carries it.
    fn stays(&self, role: &str) -> bool {
        self.find(role).is_some_and(|role| matches!(role.removal, Removal::Keep(1..) | Removal::Never(_)))
    }

    /// How many nodes carry a role that stays, beside that for which they were made.
    fn n_carried(&self, nodes: &[Player], role: &str) -> usize {
        let is_packed = role != self.carrier() && self.packed.contains(&role) && self.stays(role);
        let carries = |node: &&Player| node.roles.plays(role) && node.roles.plays(self.carrier());
        if is_packed { nodes.iter().filter(carries).count() } else { 0 }
    }

    fn n_removable_roles(&self) -> usize {
        self.rules.iter().filter(|role| matches!(role.removal, Removal::Keep(_))).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn role(name: &'static str, keep: usize) -> Role {
        Role { name, added_as: name, removal: Removal::Keep(keep) }
    }

    const WEB: Roles = Roles {
        rules: &[role("proxy", 1), role("web", 0), role("backend", 0)],
        default: "backend",
        at_start: &[("proxy", 1)],
        packed: &["backend", "web"],
        separator: "",
    };
    const MASTERED: Roles = Roles {
        rules: &[
            Role { name: "master", added_as: "node", removal: Removal::Never("Cannot remove the master node.") },
            role("node", 0),
        ],
        default: "node",
        at_start: &[("master", 1)],
        packed: &[],
        separator: "",
    };

    fn counts(counts: &[(&str, i64)]) -> Counts {
        counts.iter().map(|(role, n)| ((*role).to_owned(), *n)).collect()
    }

    fn players(roles: &Roles, names: &[&str]) -> Vec<Player> {
        let player = |(i, name): (usize, &&str)| Player { id: format!("n{i}"), roles: roles.read(name) };
        names.iter().enumerate().map(player).collect()
    }

    fn names(roles: &Roles, sets: &[RoleSet]) -> Vec<String> {
        sets.iter().map(|set| roles.name(set)).collect()
    }

    /// Adds to `nodes` and returns what all of them play then.
    fn added(nodes: &[&str], more: &[(&str, i64)]) -> Vec<String> {
        let mut all = players(&WEB, nodes);
        for (i, roles) in WEB.plan_addition(&counts(more)).unwrap().into_iter().enumerate() {
            all.push(Player { id: format!("new{i}"), roles });
        }
        repacked(&all)
    }

    fn repacked(nodes: &[Player]) -> Vec<String> {
        let changed = WEB.repack(nodes);
        let now = |node: &Player| changed.iter().find(|other| other.id == node.id).unwrap_or(node).clone();
        nodes.iter().map(|node| WEB.name(&now(node).roles)).collect()
    }

    #[test]
    fn a_start_packs_the_roles_that_nobody_plays_alone() {
        assert_eq!(names(&WEB, &WEB.plan_start(&counts(&[("proxy", 1)]))), ["proxybackendweb"]);
        assert_eq!(names(&WEB, &WEB.plan_start(&counts(&[("proxy", 1), ("web", 1)]))), ["proxybackend", "web"]);
        let apart = WEB.plan_start(&counts(&[("proxy", 2), ("web", 1), ("backend", 2)]));
        assert_eq!(names(&WEB, &apart), ["proxy", "proxy", "web", "backend", "backend"]);
    }

    #[test]
    fn the_first_node_that_plays_a_role_alone_takes_it_from_the_packed_one() {
        assert_eq!(added(&["proxybackendweb"], &[("backend", 2)]), ["proxyweb", "backend", "backend"]);
        assert_eq!(added(&["proxyweb", "backend"], &[("web", 1)]), ["proxy", "backend", "web"]);
        assert_eq!(added(&["proxybackendweb"], &[("web", 1), ("backend", 1)]), ["proxy", "web", "backend"]);
        assert_eq!(added(&["proxy", "web", "backend"], &[("proxy", 1)]), ["proxy", "web", "backend", "proxy"]);
    }

    #[test]
    fn a_role_whose_last_node_goes_is_packed_again() {
        let mut nodes = players(&WEB, &["proxy", "backend", "web"]);
        let gone = WEB.plan_removal(&nodes, &counts(&[("backend", 1)])).unwrap();
        assert_eq!(gone, ["n1"]);
        nodes.retain(|node| !gone.contains(&node.id));
        assert_eq!(repacked(&nodes), ["proxybackend", "web"]);
    }

    #[test]
    fn nodes_whose_roles_stay_are_not_named_as_changed() {
        assert_eq!(WEB.repack(&players(&WEB, &["proxyweb", "backend", "backend"])), []);
        assert_eq!(MASTERED.repack(&players(&MASTERED, &["master", "node"])), []);
    }

    #[test]
    fn the_last_nodes_of_a_role_go_and_never_more_than_can() {
        let nodes = players(&MASTERED, &["master", "node", "node", "node"]);
        assert_eq!(MASTERED.plan_removal(&nodes, &counts(&[("node", 2)])).unwrap(), ["n3", "n2"]);
        let refusal = |of: &[(&str, i64)]| MASTERED.plan_removal(&nodes, &counts(of)).unwrap_err().to_string();
        assert_eq!(refusal(&[("node", 4)]), "Requesting to delete 4 nodes while only 3 can be removed");
        assert_eq!(refusal(&[("master", 1)]), "Cannot remove the master node.");
        assert_eq!(refusal(&[("master", 2), ("node", 2)]), "Requesting to delete 4 nodes while only 3 can be removed");
        let alone = players(&MASTERED, &["master"]);
        let refusal_alone = MASTERED.plan_removal(&alone, &counts(&[("master", 1)])).unwrap_err().to_string();
        assert_eq!(refusal_alone, "Requesting to delete 1 nodes while none can be removed");
        assert_eq!(refusal(&[("other", 1)]), "unknown role 'other'");
        let web = players(&WEB, &["proxyweb", "proxy", "backend"]);
        assert_eq!(WEB.plan_removal(&web, &counts(&[("proxy", 1)])).unwrap(), ["n1"]);
        let web = players(&WEB, &["proxybackendweb"]);
        let refusal = WEB.plan_removal(&web, &counts(&[("proxy", 1)])).unwrap_err().to_string();
        assert_eq!(refusal, "Requesting to delete 1 proxy nodes while none can be removed");
    }

    #[test]
    fn a_name_reads_back_as_it_was_written() {
        for name in ["proxybackendweb", "proxyweb", "proxybackend", "proxy", "web", "backend"] {
            assert_eq!(WEB.name(&WEB.read(name)), name);
        }
        const SPACED: Roles = Roles {
            rules: &[role("dir", 1), role("mrc", 1), role("osd", 1)],
            default: "osd",
            at_start: &[("dir", 1)],
            packed: &["mrc", "osd"],
            separator: "_",
        };
        assert_eq!(SPACED.name(&SPACED.read("dir_mrc_osd")), "dir_mrc_osd");
        assert!(SPACED.read("dir_mrc_osd").plays("mrc"));
        assert_eq!(SPACED.read("strange"), SPACED.read("osd"));
    }

    #[test]
    fn a_role_that_stays_never_leaves_the_node_that_carries_it() {
        const STORAGE: Roles = Roles {
            rules: &[role("osd", 1), role("mrc", 1), role("dir", 1)],
            default: "osd",
            at_start: &[("dir", 1)],
            packed: &["mrc", "osd"],
            separator: "_",
        };
        assert_eq!(names(&STORAGE, &STORAGE.plan_start(&counts(&[("dir", 1)]))), ["dir_mrc_osd"]);
        let several = STORAGE.plan_start(&counts(&[("dir", 1), ("osd", 2)]));
        assert_eq!(names(&STORAGE, &several), ["dir_mrc_osd", "osd", "osd"]);
        let nodes = players(&STORAGE, &["dir_mrc_osd", "osd", "osd", "dir"]);
        assert_eq!(STORAGE.repack(&nodes), []);
        assert_eq!(STORAGE.plan_removal(&nodes, &counts(&[("osd", 2)])).unwrap(), ["n2", "n1"]);
        assert!(STORAGE.plan_removal(&nodes, &counts(&[("osd", 3)])).is_err());
        assert_eq!(STORAGE.plan_removal(&nodes, &counts(&[("dir", 1)])).unwrap(), ["n3"]);
        // Another node takes the place of the first: it has no data, and others have.
        let changed = STORAGE.repack(&nodes[1..]);
        assert_eq!(names(&STORAGE, &[changed[0].roles.clone()]), ["dir_mrc"]);
    }

    #[test]
    fn whatever_is_added_as_a_master_is_a_node() {
        let added = MASTERED.plan_addition(&counts(&[("master", 1), ("node", 1)])).unwrap();
        assert_eq!(names(&MASTERED, &added), ["node", "node"]);
        assert_eq!(names(&MASTERED, &MASTERED.plan_start(&counts(MASTERED.at_start))), ["master"]);
        assert_eq!(MASTERED.plan_addition(&counts(&[("x", 1)])), Err(RoleError::Unknown("x".to_owned())));
    }
}
