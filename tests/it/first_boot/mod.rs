//! The first boot below a directory that stands for a board, and its welcome
//! page: real programs, killed at every step.

mod card;
mod crash;
mod login;
mod network;
mod units;
mod welcome;
mod world;
