//! The memory of this program's own code, given back once it has started.
//!
//! Whoever starts runs much code that is never run again, and the kernel maps 64 kB around each place of it. What is needed
//! later is mapped again from the file, which stays in the kernel's cache as long as there is room for it.

#![expect(unsafe_code, reason = "neither std, nix nor rustix has a madvise that is known to be harmless")]

use std::io;
use std::os::unix::ffi::OsStrExt;

use super::file;

/// Has the kernel forget which pages of the program's code this process has run. Blocking, for less than a millisecond.
///
/// # Errors
/// The kernel does not say where the code is, or refuses.
pub(crate) fn give_back() -> io::Result<()> {
    let program = std::fs::read_link("/proc/self/exe")?;
    let maps = file::read_text("/proc/self/maps".as_ref()).map_err(io::Error::other)?;
    for line in maps.lines().filter(|line| line.as_bytes().ends_with(program.as_os_str().as_bytes())) {
        if let Some((begin, end)) = code(line) {
            // SAFETY: the range is a private mapping of a file that may be read and run, but not written, so that each
            // page of it is the file's. One that is needed again is read from there.
            let outcome = unsafe { libc::madvise(begin as *mut libc::c_void, end - begin, libc::MADV_DONTNEED) };
            if outcome != 0 {
                return Err(io::Error::last_os_error());
            }
        }
    }
    Ok(())
}

/// Reads a line of `/proc/self/maps`; returns where code begins and ends, if it is that.
fn code(line: &str) -> Option<(usize, usize)> {
    let mut words = line.split(' ');
    let (range, rights) = (words.next()?, words.next()?);
    let (begin, end) = range.split_once('-').filter(|_| rights == "r-xp")?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    address(begin).zip(address(end)).filter(|(begin, end)| begin < end)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn only_code_that_nobody_may_write_is_given_back() {
        assert_eq!(code("55d0-55f0 r-xp 00001000 fe:00 123    /usr/bin/conpaas"), Some((0x55d0, 0x55f0)));
        for other in
            ["55d0-55f0 r--p 0 fe:00 1 /x", "55d0-55f0 rwxp 0 fe:00 1 /x", "55d0-55d0 r-xp 0 fe:00 1 /x", "", "x"]
        {
            assert_eq!(code(other), None, "{other}");
        }
    }

    #[test]
    fn the_program_goes_on_with_less_memory() {
        let resident = || {
            let text = std::fs::read_to_string("/proc/self/statm").unwrap();
            text.split(' ').nth(2).unwrap().parse::<u64>().unwrap()
        };
        // As if much of it had been run.
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let program = std::fs::read_link("/proc/self/exe").unwrap();
        let own = maps.lines().filter(|line| line.ends_with(program.to_str().unwrap()));
        let (begin, end) = own.filter_map(code).max_by_key(|(begin, end)| end - begin).unwrap();
        let memory = std::fs::File::open("/proc/self/mem").unwrap();
        let mut bytes = vec![0; (end - begin).min(8 << 20)];
        memory.read_exact_at(&mut bytes, begin as u64).unwrap();
        let before = resident();
        give_back().unwrap();
        let after = resident();
        assert!(after + 500 < before, "{before} pages of files before, {after} after");
    }
}
