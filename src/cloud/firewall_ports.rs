//! The ports that a cloud's firewall must let in.

/// Without these nothing works: managers, agents.
pub(crate) const OWN: [u16; 2] = [crate::api::MANAGER_PORT, crate::api::AGENT_PORT];

/// What ConPaaS's kinds of services offer: SSH of managers, into which code is pushed, the web, PHP and Java behind
/// it, MySQL with Galera, and XtreemFS.
pub(crate) const OF_SERVICES: [u16; 15] =
    [22, 80, 8080, 9000, 3306, 4444, 4567, 4568, 8010, 30636, 30638, 30640, 32636, 32638, 32640];
