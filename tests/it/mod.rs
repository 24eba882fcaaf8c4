//! What needs no root.

mod cli;
mod compute;
mod cross;
mod daemon;
mod director;
mod dist;
mod ec2;
mod first_boot;
mod frontend;
mod machines;
mod new_kind;
mod node;
mod nutshell;
mod recipes;
mod shipped;
mod tidy;
mod time;
