//! The director through its own door: real TLS, real SQLite, a real process,
//! and the process cloud. Needs no root.

mod bad_input;
mod clock;
mod crash;
mod crowd;
mod damaged;
mod events;
mod full_disk;
mod join;
mod kept_volume;
mod manifest;
mod matrix;
mod old_client;
mod orphan;
mod published;
mod reconcile;
mod recorded;
mod relocation;
mod removed_node;
mod renewal;
mod service_removal;
mod stop_nodes;
mod stopped;
mod users;
