//! Points at which a test can make this process die, as by `kill -9`.

/// The environment variable that names a crash point, or `<point>#<n>` for
/// its n-th passing (from 1). Read in builds with debug assertions only.
pub const CRASH_VARIABLE: &str = "CONPAAS_CRASH_AT";

/// Marks a step of an operation: `point` is `<operation>.<step>`, after
/// which the step's effect is there and the next step's is not.
///
/// In a build with debug assertions the process kills itself here when
/// [`CRASH_VARIABLE`] says so, and appends each point that it passes to the
/// file named by `CONPAAS_CRASH_LOG`, by which tests learn all points. In a
/// release build this does nothing.
pub(crate) fn crash_point(point: &str) {
    #[cfg(debug_assertions)]
    armed::pass(point);
    #[cfg(not(debug_assertions))]
    let _ = point;
}

#[cfg(debug_assertions)]
mod armed {
    use std::io::Write;
    use std::path::Path;
    use std::sync::atomic::{AtomicU32, Ordering};

    static PASSES: AtomicU32 = AtomicU32::new(0);

    pub(crate) fn pass(point: &str) {
        if let Some(path) = std::env::var_os("CONPAAS_CRASH_LOG") {
            let _only_for_tests = record(Path::new(&path), point);
        }
        let Ok(wanted) = std::env::var(super::CRASH_VARIABLE) else { return };
        let (name, n) = wanted.split_once('#').unwrap_or((&wanted, "1"));
        if name != point {
            return;
        }
        let passes = PASSES.fetch_add(1, Ordering::SeqCst) + 1;
        if n.parse() == Ok(passes) {
            let _does_not_return = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
        }
    }

    /// Calls end side by side: each writes its line at once, or two would run into each other.
    fn record(path: &Path, point: &str) -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(format!("{point}\n").as_bytes())
    }

    #[cfg(test)]
    mod tests {
        use super::record;

        #[test]
        fn points_that_are_passed_at_once_are_recorded_as_whole_lines() {
            let directory = tempfile::tempdir().unwrap();
            let log = directory.path().join("points");
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| (0..500).for_each(|_| record(&log, "start.recorded").unwrap()));
                }
            });
            let text = std::fs::read_to_string(&log).unwrap();
            assert_eq!(text.lines().filter(|line| *line == "start.recorded").count(), 2000);
            assert_eq!(text.lines().count(), 2000);
        }
    }
}
