//! Commands of one word for people with a directory that is to be a site: `deploy` brings it on the air, `status`
//! and `open` say where it is, `rollback` goes back to the version before, `logs` and `exec` look into its nodes.
//!
//! They type what the groups of commands have for one who would else type five of them. Must not know: kinds by
//! name; `cli/kind` says how each comes on the air.

mod deploy;
mod directory;
pub(crate) mod entry;
mod events;
mod exec;
mod exec_input;
mod logs;
mod metrics;
mod names;
mod open;
mod publish;
mod published;
mod rollback;
mod source;
mod status;
mod unpublish;

use super::group::Group;

/// The commands.
pub(crate) const COMMANDS: &[Group] = &[
    Group::of_one::<deploy::Deploy>(
        "deploy",
        "Bring a directory on the air as a site or a program, or its next version.",
    ),
    Group::of_one::<open::Open>("open", "Show where an application answers, and open it in a browser."),
    Group::of_one::<publish::Publish>(
        "publish",
        "Let others reach a service: by a port of the machine, and by a name.",
    ),
    Group::of_one::<unpublish::Unpublish>("unpublish", "Let nobody reach a published service any more."),
    Group::of_one::<published::Published>("published", "Show what is published, and where it is found."),
    Group::of_one::<rollback::Rollback>("rollback", "Enable the code version that was there before the present one."),
    Group::of_one::<logs::Logs>(
        "logs",
        "Show the logs of an application's nodes and of its manager, also as they grow.",
    ),
    Group::of_one::<events::Events>(
        "events",
        "Show what happened to applications and services, and why, also as it happens.",
    ),
    Group::of_one::<metrics::Metrics>("metrics", "Show what the nodes of a service use: processors, memory, disks."),
    Group::of_one::<exec::Exec>("exec", "Run a command in a node."),
    Group::of_one::<status::Status>("status", "Show applications, services, and where they answer."),
];
