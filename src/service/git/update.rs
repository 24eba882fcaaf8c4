//! What a push changed: as git tells it to hooks, and as the hook tells it to the manager.

use serde::{Deserialize, Serialize};

/// What one push changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pushed {
    /// Its branches and tags.
    pub updates: Vec<Update>,
}

/// One branch or tag that a push changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Update {
    /// Its full name, such as `refs/heads/main`.
    pub reference: String,
    /// The revision that it names now; zeros when it was removed.
    pub new: String,
}

impl Pushed {
    /// Reads the lines `<old> <new> <reference>` that git gives to its hooks; `None` if one is no such line.
    #[must_use]
    pub(crate) fn of_lines(text: &str) -> Option<Self> {
        let updates = text.lines().map(|line| {
            let mut words = line.splitn(3, ' ');
            let (_old, new, reference) = (words.next()?, words.next()?, words.next()?);
            Some(Update { reference: reference.to_owned(), new: new.to_owned() })
        });
        updates.collect::<Option<Vec<Update>>>().map(|updates| Pushed { updates })
    }

    /// Returns the revisions that become code versions: those of `main` and `master`.
    pub(crate) fn revisions(&self) -> impl Iterator<Item = &str> {
        self.updates.iter().filter(|update| update.is_of_code()).map(|update| update.new.as_str())
    }
}

impl Update {
    /// The branches whose revisions become code versions.
    pub(crate) const BRANCHES: [&str; 2] = ["refs/heads/main", "refs/heads/master"];

    /// Returns whether its revision becomes a code version.
    #[must_use]
    pub(crate) fn is_of_code(&self) -> bool {
        let is_revision = matches!(self.new.len(), 40 | 64) && self.new.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_revision && !self.is_removal() && Update::BRANCHES.contains(&self.reference.as_str())
    }

    /// Returns whether the branch or tag was removed.
    #[must_use]
    pub(crate) fn is_removal(&self) -> bool {
        self.new.bytes().all(|byte| byte == b'0')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_revisions_of_the_two_branches_become_code() {
        let (zero, new) = ("0".repeat(40), "a".repeat(40));
        let text = format!(
            "{zero} {new} refs/heads/main\n{new} {zero} refs/heads/master\n{zero} {new} refs/heads/x y\n\
             {zero} --output=x refs/heads/master\n"
        );
        let pushed = Pushed::of_lines(&text).unwrap();
        assert_eq!(pushed.updates.len(), 4);
        assert_eq!(pushed.revisions().collect::<Vec<_>>(), [new.as_str()]);
        assert!(pushed.updates[1].is_removal() && pushed.updates[2].reference == "refs/heads/x y");
        assert_eq!(Pushed::of_lines("a b\n"), None);
    }
}
