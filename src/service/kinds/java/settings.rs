//! What is set of a java service.

use serde::{Deserialize, Serialize};

use crate::api::web::Hooks;
use crate::service::role::Counts;
use crate::service::settings::Settings;
use crate::service::web::{SiteSettings, Weights};

/// What is set of a java service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct JavaSettings {
    /// Weights of nodes that serve static files.
    pub web_weights: Weights,
    /// Weights of backends.
    pub backend_weights: Weights,
    /// How many nodes of each role the next start makes.
    pub counts: Counts,
    /// What its user adds to the configuration of nginx.
    pub hooks: Hooks,
}

impl Settings for JavaSettings {}

impl SiteSettings for JavaSettings {
    fn weights(&mut self) -> (&mut Weights, &mut Weights) {
        (&mut self.web_weights, &mut self.backend_weights)
    }

    fn counts(&mut self) -> &mut Counts {
        &mut self.counts
    }

    fn hooks(&mut self) -> &mut Hooks {
        &mut self.hooks
    }
}
