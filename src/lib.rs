#![doc = include_str!("ARCHITECTURE.md")]

// Rung 0: pure, no I/O, no clock.
pub mod model;
// Rung 1: doors, each hides one thing of the outside.
pub mod api;
pub mod clock;
pub mod config;
pub mod pki;
pub mod sys;
mod template;
// Rung 2: machinery, knows doors, not roles.
mod archive;
mod client;
pub mod cloud;
mod manifest;
pub mod node;
pub mod rpc;
mod server;
pub mod service;
mod store;
pub mod supervise;
pub mod task;
// Rung 3: roles, each with one composition root.
mod agent;
pub mod director;
pub mod first_boot;
mod frontend;
mod git;
pub mod image;
mod ingress;
pub mod init;
mod manager;
mod nutshell;
mod time;
mod welcome;
// Rung 4: faces.
pub mod cli;
