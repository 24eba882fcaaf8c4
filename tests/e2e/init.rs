//! The first process of a container: supervision, reaping, a clean end.

use std::fs;
use std::time::{Duration, Instant};

use conpaas::cloud::Cloud;

use crate::world;

/// A node in which the program is a stand-in for the roles: it starts `conpaas init` from the context, and as a
/// role it does what the test wants. Until then it is a plain shell script.
fn node_of_stand_in(state: &std::path::Path, role: &str) -> conpaas::cloud::lxc::LxcCloud {
    let mut settings = world::settings(state);
    let base = state.join("base");
    let (upper, work) = (state.join("upper"), state.join("work"));
    for directory in [&base, &upper, &work] {
        fs::create_dir(directory).unwrap();
    }
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        settings.root_file_system.display(),
        upper.display(),
        work.display()
    );
    nix::mount::mount(Some("overlay"), &base, Some("overlay"), nix::mount::MsFlags::empty(), Some(options.as_str()))
        .unwrap();
    // The base gets a program of its own: a role of the real one is replaced by the script.
    fs::write(base.join("usr/local/sbin/stand-in"), role).unwrap();
    settings.root_file_system = base;
    world::cloud(settings)
}
