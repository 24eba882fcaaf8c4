//! Files of a code version that its author may have meant to be one of the five scripts.

use std::path::Path;

/// So many are named.
const MOST_NAMED: usize = 5;
/// So many files are looked at.
const MOST_LOOKED_AT: usize = 20_000;

/// Returns whether a path in the code is like the script `name`, but not it: written otherwise
/// (`Run.sh`, `run.sh.txt`, `run.bash`), or in a directory.
pub(super) fn is_similar(path: &str, name: &str) -> bool {
    let stem = name.strip_suffix(".sh").unwrap_or(name);
    match path.rsplit_once('/') {
        Some((_, last)) => last.eq_ignore_ascii_case(name),
        None => {
            let last = path.trim().to_lowercase();
            let is_stem = last.strip_prefix(stem).is_some_and(|rest| ["", ".bash", ".txt"].contains(&rest));
            let is_copy = last.strip_prefix(stem).is_some_and(|rest| rest.starts_with(" (") && rest.ends_with(".sh"));
            path != name && (last.starts_with(name) || is_stem || is_copy)
        }
    }
}

/// Returns the files at the top of `code`, and in the directories there, that are like the script `name`. Blocking.
pub(super) fn find(code: &Path, name: &str) -> Vec<String> {
    let entries = |directory: &Path| std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut n_looked_at = 0;
    let mut found = Vec::new();
    for entry in entries(code) {
        let shown = entry.file_name().to_string_lossy().into_owned();
        let is_directory = entry.file_type().is_ok_and(|sort| sort.is_dir());
        let below = is_directory.then(|| entries(&entry.path())).into_iter().flatten();
        let below = below.map(|file| format!("{shown}/{}", file.file_name().to_string_lossy()));
        let paths = std::iter::once(shown.clone()).filter(|_| !is_directory).chain(below);
        for path in paths.take(MOST_LOOKED_AT - n_looked_at) {
            n_looked_at += 1;
            if is_similar(&path, name) {
                found.push(path);
            }
        }
    }
    found.sort_unstable();
    found.truncate(MOST_NAMED);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_may_be_meant_is_found() {
        for path in ["Run.sh", "run.sh.txt", "RUN.SH", "run", "run.bash", "app/run.sh", "run (1).sh", "run.sh "] {
            assert!(is_similar(path, "run.sh"), "{path}");
        }
        for path in ["run.sh", "runner.sh", "init.sh", "app/init.sh", "prerun.sh", "run.py", "app/run.bash"] {
            assert!(!is_similar(path, "run.sh"), "{path}");
        }
        let code = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(code.path().join("app/deep")).unwrap();
        for name in ["Run.sh", "init.sh", "app/run.sh", "app/deep/run.sh"] {
            std::fs::write(code.path().join(name), "").unwrap();
        }
        assert_eq!(find(code.path(), "run.sh"), ["Run.sh", "app/run.sh"]);
        assert!(find(&code.path().join("nope"), "run.sh").is_empty());
    }
}
