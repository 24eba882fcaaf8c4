//! What a visitor of the SSH server asks for.

use crate::service::git::place;

/// How a repository is called by users, besides its path.
const NAMES: [&str; 4] = ["code", "/code", "~/code", place::REPOSITORY];

/// What somebody does with the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    /// Clones or fetches.
    Fetch,
    /// Pushes.
    Push,
}

/// Reads the words that a git client sends.
///
/// # Errors
/// The sentence for the user: it is no git, or another repository.
pub(super) fn read(asked: &str) -> Result<Service, String> {
    let words = shlex::split(asked).unwrap_or_default();
    let (name, repository) = match words.as_slice() {
        [] => return Err("this door is for git only: clone with 'git clone git@<manager>:code'".to_owned()),
        [git, name, repository] if git == "git" => (format!("git-{name}"), repository),
        [name, repository] => (name.clone(), repository),
        _ => return Err(refusal(asked)),
    };
    let service = match name.as_str() {
        "git-upload-pack" => Service::Fetch,
        "git-receive-pack" => Service::Push,
        _ => return Err(refusal(asked)),
    };
    let plain = repository.trim_end_matches('/');
    let plain = plain.strip_suffix(".git").unwrap_or(plain);
    if NAMES.contains(&plain) {
        return Ok(service);
    }
    Err(format!("there is no repository '{}' here: the only one is 'code'", shown(repository)))
}

fn refusal(asked: &str) -> String {
    format!("'{}' is refused: this door is for 'git clone', 'git fetch' and 'git push' only", shown(asked))
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_git_and_only_its_own_repository_are_served() {
        for (asked, wanted) in [
            ("git-upload-pack 'code'", Service::Fetch),
            ("git upload-pack '/home/git/code'", Service::Fetch),
            ("git-receive-pack '~/code.git'", Service::Push),
            ("git-receive-pack 'code/'", Service::Push),
        ] {
            assert_eq!(read(asked), Ok(wanted), "{asked}");
        }
        for asked in [
            "",
            "id",
            "sh -c 'id'",
            "git-upload-pack '/etc'",
            "git-upload-pack '../../etc/code'",
            "git-upload-archive 'code'",
            "git-receive-pack code; id",
            "git-receive-pack 'code' --x",
            "git-receive-pack '--upload-pack=id'",
        ] {
            assert!(read(asked).is_err(), "{asked}");
        }
    }
}
