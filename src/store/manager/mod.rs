//! What the manager of an application keeps: services, their nodes, code
//! versions, volumes and history, and the operations under way.
//!
//! A function fails where the database does; what else it refuses stands with it.

mod applied;
mod care;
mod code;
mod json_column;
mod link;
mod migrations;
mod mount;
mod node;
mod operation;
mod outcome;
mod service;
mod volume;

pub(crate) use super::Transaction;

pub(crate) use applied::{AppliedRow, begin_applied, delete_applied, end_applied, list_applied};
pub(crate) use care::{find_care, set_care};
pub(crate) use code::{CodeRow, delete_code, enabled_codes, find_code, insert_code, list_codes, set_active_code};
pub(crate) use link::{
    LinkPlace, LinkRow, delete_link, find_link, insert_link, list_links, service_environment, set_link_phase,
    set_link_place, set_link_shown, set_service_environment,
};
pub(crate) use migrations::MIGRATIONS;
pub(crate) use mount::{MountRow, delete_mount, insert_mount, list_mounts, set_mount_host};
pub(crate) use node::{NodePhase, NodeRow, delete_nodes, insert_nodes, list_nodes, set_node_phase, set_node_role};
pub(crate) use operation::{
    OperationRow, delete_operation, insert_operation, list_operations, save_operation, set_operation_failure,
};
pub(crate) use outcome::{Outcome, find_outcome, insert_outcome};
pub(crate) use service::{
    EventError, HistoryRow, NumberedHistory, ServiceRow, auto_enable, delete_service, find_service, has_noted, history,
    history_after, insert_service, list_services, note_event, record_event, service_settings, set_auto_enable,
    set_last_failure, set_service_settings,
};
pub(crate) use volume::{
    VolumeRow, delete_volume, find_volume, insert_volume, list_volumes, set_volume_id, set_volume_in_use,
    set_volume_size, set_volumes_kept,
};

#[cfg(test)]
mod tests;
