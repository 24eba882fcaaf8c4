//! What becomes of volumes when what uses them ends.

/// What becomes of the volumes of nodes that are given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VolumeFate {
    /// They go with their nodes, as ConPaaS 2.0 has it.
    Lost,
    /// They stay, with all that is on them.
    Kept,
}

impl VolumeFate {
    /// Returns the fate that the parameter `keep_volumes` asks for.
    pub(crate) fn asked(keep_volumes: bool) -> Self {
        if keep_volumes { VolumeFate::Kept } else { VolumeFate::Lost }
    }
}
