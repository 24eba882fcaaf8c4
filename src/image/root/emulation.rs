//! Programs of other architectures on this machine: QEMU, which the kernel
//! calls for them (`binfmt_misc`).

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use nix::mount::MsFlags;

use crate::image::recipe::architecture::Architecture;
use crate::sys::{mount, program};

const REGISTRY: &str = "/proc/sys/fs/binfmt_misc";

/// Sees to it that programs of `architecture` run here. What it registers stays until the machine is restarted. Blocking.
///
/// # Errors
/// QEMU is not installed, or the kernel cannot be told of it.
pub(crate) fn ensure(architecture: Architecture) -> Result<()> {
    let native = Architecture::of_this_machine();
    // The 64-bit processors of these boards run 32-bit programs too.
    let is_native =
        native == Some(architecture) || (native, architecture) == (Some(Architecture::Arm64), Architecture::Armhf);
    if is_native {
        return Ok(());
    }
    let name = interpreter(architecture);
    let entry = Path::new(REGISTRY).join(name);
    if !entry.exists() {
        register(architecture, name)?;
    }
    let state = fs::read_to_string(&entry).with_context(|| format!("cannot read {}", entry.display()))?;
    let has_flag = state.lines().any(|line| line.starts_with("flags:") && line.contains('F'));
    if !state.starts_with("enabled") {
        bail!(
            "{architecture} programs cannot run here: {} is switched off; `echo 1 > {0}` switches it on",
            entry.display()
        );
    }
    if !has_flag {
        bail!(
            "{architecture} programs cannot run in another root directory: {} has no flag F; install qemu-user-static, \
             which registers it with one",
            entry.display()
        );
    }
    Ok(())
}

fn interpreter(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Amd64 => "qemu-x86_64",
        Architecture::Arm64 => "qemu-aarch64",
        Architecture::Armhf => "qemu-arm",
    }
}

fn register(architecture: Architecture, name: &str) -> Result<()> {
    if program::find(&format!("{name}-static")).is_none() {
        bail!("{architecture} programs cannot run here without QEMU: apt-get install qemu-user-static");
    }
    let path = format!("/usr/lib/binfmt.d/{name}.conf");
    let line = fs::read_to_string(&path)
        .with_context(|| format!("cannot read {path}, which qemu-user-static brings: install it again"))?;
    if !Path::new(REGISTRY).join("register").exists() {
        let registry = Path::new(REGISTRY);
        mount::mount(Path::new("binfmt_misc"), registry, "binfmt_misc", MsFlags::empty(), "").with_context(|| {
            format!("the kernel cannot be told of QEMU, so {architecture} programs cannot run here")
        })?;
    }
    match fs::write(Path::new(REGISTRY).join("register"), line.trim()) {
        // Another build may have been faster.
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error)
            .with_context(|| format!("the kernel does not take {path}, so {architecture} programs cannot run here")),
        _ => Ok(()),
    }
}
