//! Where the programs of a mysql service listen.

/// Where a member serves.
pub(super) const MYSQL: u16 = 3306;
/// Where a balancer serves, besides a member's port.
pub(super) const BALANCER: u16 = 8010;
/// Where an agent says whether its member serves.
pub(super) const HEALTH: u16 = 9200;
/// Where members talk with each other.
pub(super) const CLUSTER: u16 = 4567;
