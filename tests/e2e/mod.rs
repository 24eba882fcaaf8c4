//! What makes containers, disks and networks.

mod clouds;
mod confined;
mod device;
mod disk;
mod exec;
mod filter;
mod git;
mod house;
mod image;
mod init;
mod java;
mod join;
mod kept_volume;
mod limits;
mod lxc;
mod mysql;
mod neighbours;
mod nutshell;
mod package;
mod php;
mod power;
mod tenants;
mod visited;
mod wars;
mod wordpress;
mod world;
