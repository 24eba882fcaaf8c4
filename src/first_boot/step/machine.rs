//! The machine of this first boot, as every step sees it.

use std::path::PathBuf;

use crate::first_boot::place::Place;
use crate::first_boot::settings::{MachineRole, Settings};

/// The machine that steps work on, and what is wanted of it.
pub(crate) struct Machine {
    /// Its file systems.
    pub place: Place,
    /// What its owner wants.
    pub settings: Settings,
    /// This very program, for the commands that steps type.
    pub program: PathBuf,
}

impl Machine {
    /// Returns whether it has a director of its own.
    pub(crate) fn has_director(&self) -> bool {
        self.settings.role == MachineRole::Director
    }

    /// Returns the name by which others find this machine.
    pub(crate) fn local_name(&self) -> String {
        format!("{}.local", self.settings.hostname)
    }
}
