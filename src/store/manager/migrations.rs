//! The form of the manager's database, as numbered steps forward.

/// The numbered migrations of the manager's database.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("0001_begin.sql"),
    include_str!("0002_plan.sql"),
    include_str!("0003_outcome.sql"),
    include_str!("0004_code_notes.sql"),
    include_str!("0005_kept_volume.sql"),
    include_str!("0006_auto_enable.sql"),
    include_str!("0007_care.sql"),
    include_str!("0008_link.sql"),
    include_str!("0009_enabled_code.sql"),
    include_str!("0010_mount.sql"),
];
