//! `make bench`: how fast and how big the program is.

mod bench;
/// What test binaries share.
#[expect(dead_code, reason = "other test binaries use the rest")]
#[expect(clippy::unwrap_used, reason = "what cannot be started cannot be measured")]
mod support {
    pub(crate) mod ask_from;
    pub(crate) mod control_groups;
    pub(crate) mod director;
    pub(crate) mod enter;
    pub(crate) mod frontend;
    pub(crate) mod memory;
    pub(crate) mod namespaces;
    pub(crate) mod processor_time;
    pub(crate) mod product;
    pub(crate) mod wait;
}

use std::process::ExitCode;

fn main() -> ExitCode {
    bench::main()
}
