//! What a user is told of a code version beyond that it was taken.

use super::command::Command;
use super::script_text;
use super::scripts::SCRIPTS;
use super::similar::is_similar;
use crate::archive::Contents;

/// Returns one sentence for each thing that may surprise.
pub(super) fn notes(contents: &Contents) -> Vec<String> {
    let mut notes: Vec<String> = contents.top_note().into_iter().collect();
    let texts = contents.scripts.iter();
    notes.extend(texts.flat_map(|(name, text)| script_text::oddities(text).into_iter().map(|odd| odd.text(name))));
    for script in SCRIPTS.iter().filter(|script| !contents.names.iter().any(|name| name == *script)) {
        // Other programs have scripts of these names in their directories too.
        let is_near = |name: &str| !name.contains('/') || *script == Command::Run.script();
        let meant = contents.names.iter().find(|name| is_near(name) && is_similar(name, script));
        notes.extend(meant.map(|name| {
            format!("there is no '{script}' at the top, but '{name}': rename or move it if that one is meant")
        }));
    }
    if !SCRIPTS.iter().any(|script| contents.names.iter().any(|name| name == script)) {
        notes.push(format!("none of the scripts {} is at the top", SCRIPTS.join(", ")));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_surprise_is_told_and_nothing_else() {
        let of = |top: Option<&str>, names: &[&str], scripts: &[(&str, &[u8])]| {
            notes(&Contents {
                top: top.map(str::to_owned),
                names: names.iter().map(|name| (*name).to_owned()).collect(),
                scripts: scripts.iter().map(|(name, text)| ((*name).to_owned(), text.to_vec())).collect(),
            })
        };
        assert_eq!(of(None, &["init.sh", "lib/x.py"], &[("init.sh", b"echo\n")]), [""; 0]);
        let all = of(Some("app"), &["Run.sh", "init.sh"], &[("init.sh", b"echo\r\n")]);
        assert_eq!(
            all,
            [
                "everything lies in the directory 'app', which nodes leave out",
                "'init.sh' has Windows line ends; nodes run it without them",
                "there is no 'run.sh' at the top, but 'Run.sh': rename or move it if that one is meant",
            ]
        );
        assert!(of(None, &["README"], &[])[0].starts_with("none of the scripts init.sh, "));
    }
}
