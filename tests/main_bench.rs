//! `make bench`: how fast and how big the program is.

mod bench;
/// What test binaries share.
mod support {
    pub(crate) mod ask_from;
    pub(crate) mod control_groups;
}

use std::process::ExitCode;

fn main() -> ExitCode {
    bench::main()
}
