//! What all clouds that are elsewhere have in common: the marks by which a
//! director finds its own things again, and how often it asks for them.

use std::time::Duration;

use crate::task::poll::Pace;

/// Of which director something is.
pub(crate) const OF_DIRECTOR: &str = "conpaas-director";
/// Of which section of the director's configuration.
pub(crate) const OF_CLOUD: &str = "conpaas-cloud";
/// Which node it is.
pub(crate) const OF_NODE: &str = "conpaas-node";
/// Which volume it is.
pub(crate) const OF_VOLUME: &str = "conpaas-volume";
/// What runs in it.
pub(crate) const OF_ROLE: &str = "conpaas-role";

/// How often a cloud is asked how far it is with something.
pub(crate) const PACE: Pace = Pace::growing(Duration::from_millis(200), Duration::from_secs(5), 10).with_jitter();
