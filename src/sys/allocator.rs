//! The C library's allocator, told to give memory back.
//!
//! By itself it takes more and more from heaps that it never gives back, once something large was freed: 19 MB
//! for each password that is looked at, for each thread. It reads how it should behave from the environment,
//! before the program's first instruction. So a program that wants that runs itself once more.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// Few heaps; large pieces come from the kernel and go back to it; what is free at a heap's end goes back too.
const SETTINGS: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "2"), ("MALLOC_MMAP_THRESHOLD_", "131072"), ("MALLOC_TRIM_THRESHOLD_", "131072")];

/// Runs this program once more, with the same arguments and as the same process, unless the environment has the
/// settings already. Must be called before anything was begun. Returns if it need not, or cannot: then the
/// program does the same with more memory.
pub(crate) fn give_memory_back() {
    let missing: Vec<(&str, &str)> =
        SETTINGS.into_iter().filter(|(name, _)| std::env::var_os(name).is_none()).collect();
    let mut arguments = std::env::args_os();
    let (Some(name), Ok(program)) = (arguments.next(), std::env::current_exe()) else { return };
    if !missing.is_empty() {
        let _goes_on_as_it_is = Command::new(program).arg0(name).args(arguments).envs(missing).exec();
    }
}
