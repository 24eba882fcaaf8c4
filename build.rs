//! Tells the program when it was built, and links it statically when asked.
//!
//! - `SOURCE_DATE_EPOCH`: the time of the build, in seconds since 1970, so that
//!   builds are repeatable. The clock is never believed when it says an earlier
//!   time.
//! - `CONPAAS_STATIC_LIBRARIES`: a directory with liblxc.a and the C library it
//!   was built for, and no shared library. `cross/build` sets it; without it
//!   the system's shared liblxc is linked.
//! - `CONPAAS_STATIC_STUBS`: cross/stubs.c, compiled for the target.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

fn main() {
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed=Cargo.lock");
    // Addresses that are relative to the program's own take a bit each instead of 24 bytes. Debian's
    // C library reads such a table since version 12; a linker that cannot write it passes over the word.
    println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse::<u64>().ok());
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    println!("cargo:rustc-env=CONPAAS_BUILD_TIME={}", given.unwrap_or_else(now));
    if let (Some(libraries), Some(stubs)) = (path("CONPAAS_STATIC_LIBRARIES"), path("CONPAAS_STATIC_STUBS")) {
        link_statically(&libraries, &stubs);
    }
}

fn path(variable: &str) -> Option<PathBuf> {
    println!("cargo:rerun-if-env-changed={variable}");
    let path = PathBuf::from(std::env::var_os(variable)?);
    println!("cargo:rerun-if-changed={}", path.display());
    Some(path)
}

fn link_statically(libraries: &std::path::Path, stubs: &std::path::Path) {
    let argument = |text: &str| println!("cargo:rustc-link-arg-bins={text}");
    // The program's first instructions come with the C library: -B finds them.
    argument(&format!("-B{}", libraries.display()));
    argument(&format!("-L{}", libraries.display()));
    argument(&stubs.display().to_string());
    argument("-Wl,--wrap=__libc_dlopen_mode");
    // The libraries need each other, so that the linker has to look more than once.
    argument("-Wl,--start-group");
    for library in ["lxc", "seccomp", "cap", "c", "gcc", "gcc_eh"] {
        argument(&format!("-l{library}"));
    }
    argument("-Wl,--end-group");
}
