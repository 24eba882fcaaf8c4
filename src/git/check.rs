//! What a push may not bring. The objects that are looked at are in quarantine: git forgets them when one is refused.

use std::path::PathBuf;

use crate::archive;
use crate::service::git::{Pushed, Rules};
use crate::sys::{chain, file, program};

/// The mode of a directory's entry that is a revision of another repository.
const SUB_MODULE: &str = "160000";
/// Branches and tags of a repository.
const MAX_REFERENCES: usize = 1000;
/// How long git may take to write the code of a service.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(300);

/// Refuses a push that brings what the rules do not allow, or what agents would not unpack.
///
/// # Errors
/// The sentence for the user.
pub(super) async fn check(pushed: &Pushed, rules: &Rules) -> Result<(), String> {
    let n_updates = pushed.updates.len();
    if n_updates > rules.max_updates {
        let most = rules.max_updates;
        return Err(format!("the push changes {n_updates} branches and tags, and at most {most} can be at once"));
    }
    let n_new = pushed.updates.iter().filter(|update| !update.is_removal()).count();
    let references = ask(&["for-each-ref", "--count=1001", "--format=x"]).await?.lines().count();
    if references + n_new > MAX_REFERENCES {
        return Err(format!("the repository would have more than {MAX_REFERENCES} branches and tags: remove some"));
    }
    let n_objects = count_objects(&ask(&["count-objects", "-v"]).await?) + count_kept_objects().await?;
    if n_objects > rules.max_objects {
        let most = rules.max_objects;
        return Err(format!(
            "the repository would have {n_objects} objects, and the memory of the manager's node is enough for {most}: \
             push without the history ('git commit-tree HEAD^{{tree}} -m Code' makes a revision that has none)"
        ));
    }
    for revision in pushed.revisions() {
        check_revision(revision, rules).await?;
    }
    Ok(())
}

async fn check_revision(revision: &str, rules: &Rules) -> Result<(), String> {
    let entries = ask(&["ls-tree", "-r", "-z", "--full-tree", revision]).await?;
    if let Some(path) = sub_module(&entries) {
        return Err(format!(
            "'{path}' is a sub-module, whose files are in another repository: they would be missing in the nodes. Add \
             the files themselves ('git rm --cached {path}', then 'git add {path}/')"
        ));
    }
    for directory in code_directories(&ask(&["ls-tree", "-d", "-z", "--name-only", "--full-tree", revision]).await?) {
        check_code(revision, directory, rules).await?;
    }
    Ok(())
}

/// The code of a service is checked as an archive that is uploaded.
async fn check_code(revision: &str, directory: &str, rules: &Rules) -> Result<(), String> {
    let written = tempfile::tempfile_in("/var/tmp").map_err(|error| format!("cannot make a file: {error}"))?;
    let complaint =
        tempfile::NamedTempFile::new_in("/var/tmp").map_err(|error| format!("cannot make a file: {error}"))?;
    let stdout = written.try_clone().map_err(|error| error.to_string())?;
    let stderr = complaint.reopen().map_err(|error| error.to_string())?;
    let tree = format!("{revision}:{directory}");
    let words = ["archive", "--format=tar", "--end-of-options", &tree];
    let done = program::run_into("git", &words, &PathBuf::from("."), stdout, stderr, LIMIT).await;
    if let Err(error) = done {
        let said = file::read_tail(complaint.path(), 1000).unwrap_or_default();
        return Err(format!("the directory '{directory}' cannot be read: {}: {}", chain(&error), said.trim()));
    }
    use std::os::fd::AsRawFd;
    // It has no name, so that nothing is left of it, however this process ends.
    let path = PathBuf::from(format!("/proc/self/fd/{}", written.as_raw_fd()));
    let contents = archive::validate(&path, &rules.archive(), &[]);
    contents.map(drop).map_err(|error| format!("the directory '{directory}' cannot be code of a service: {error}"))
}

/// Returns how many objects the repository has without those of the push.
async fn count_kept_objects() -> Result<u64, String> {
    let variables = ["GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH"];
    let without = variables.iter().flat_map(|name| ["-u", name]);
    let words: Vec<&str> = without.chain(["git", "count-objects", "-v"]).collect();
    let said = program::run("env", &words, LIMIT).await.map_err(|error| chain(&error))?;
    Ok(count_objects(&said))
}

async fn ask(words: &[&str]) -> Result<String, String> {
    program::run("git", words, LIMIT).await.map_err(|error| chain(&error))
}

/// Returns the path of the first sub-module among entries as `git ls-tree -z` prints them.
fn sub_module(entries: &str) -> Option<String> {
    let path = entries.split('\0').find_map(|entry| entry.strip_prefix(SUB_MODULE)?.split_once('\t'))?.1;
    Some(path.chars().filter(|c| !c.is_control()).take(200).collect())
}

/// Returns the directories that may be named after a service, among names as `git ls-tree -z` prints them.
fn code_directories(names: &str) -> impl Iterator<Item = &str> {
    names
        .split('\0')
        .filter(|name| !name.is_empty() && name.len() < 10 && name.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns how many objects there are, of what `git count-objects -v` prints.
fn count_objects(text: &str) -> u64 {
    let number =
        |line: &str| ["count: ", "in-pack: "].iter().find_map(|word| line.strip_prefix(word)?.parse::<u64>().ok());
    text.lines().filter_map(number).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_modules_and_directories_of_services_are_found_in_what_git_prints() {
        let entries = "100644 blob aa\t1/run.sh\x00160000 commit bb\t1/lib\x00";
        assert_eq!(sub_module(entries).as_deref(), Some("1/lib"));
        assert_eq!(sub_module("100644 blob aa\t160000 x\x00"), None);
        assert_eq!(code_directories("1\x00docs\x0012\x001a\x00").collect::<Vec<_>>(), ["1", "12"]);
        assert_eq!(count_objects("count: 3\nsize: 9\nin-pack: 40\npacks: 1\n"), 43);
    }
}
