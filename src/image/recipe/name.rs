//! Which texts may name recipes, packages, words of apt's sources and places in a root.
//!
//! Names go into paths and command lines, so they are checked where they are read.

use std::path::{Component, Path};

/// Returns whether this can name a recipe, a part or a kind.
pub(crate) fn is_name(text: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(is_inner)
}

/// Returns whether this can be a word in a line of apt's sources.
pub(super) fn is_archive_word(text: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || "-./_".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(is_inner)
}

/// Returns whether this can name a package, by Debian's rule.
pub(crate) fn is_package_name(text: &str) -> bool {
    let is_first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() > 1 && text.starts_with(is_first) && text.chars().all(|c| is_first(c) || "+-.".contains(c))
}

/// Returns whether this is an absolute path without `.` and `..`, and not the root itself.
pub(super) fn is_plain_absolute(path: &Path) -> bool {
    let mut components = path.components();
    let is_absolute = components.next() == Some(Component::RootDir);
    let steps: Vec<Component<'_>> = components.collect();
    // `components` passes over `.` and doubled slashes; the text must not have them either.
    let is_normal = !steps.is_empty() && steps.iter().all(|step| matches!(step, Component::Normal(_)));
    is_absolute && is_normal && !path.to_string_lossy().split('/').any(|step| step == ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_nothing_that_a_path_or_a_shell_would_read() {
        assert!(is_name("rpi-standalone") && is_name("a1"));
        for wrong in ["", "1a", "-a", "A", "a/b", "..", "a b", "a_b"] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }

    #[test]
    fn packages_are_named_by_debians_rule() {
        assert!(is_package_name("g++-12") && is_package_name("7zip") && is_package_name("libc6.1"));
        for wrong in ["", "a", "Git", "-a", "a_b", "a b"] {
            assert!(!is_package_name(wrong), "{wrong}");
        }
    }

    #[test]
    fn words_of_apts_sources_hold_no_spaces_and_no_options() {
        assert!(is_archive_word("bookworm-backports") && is_archive_word("non-free_firmware/x"));
        for wrong in ["", "-x", "[trusted=yes]", "a b", "a\n"] {
            assert!(!is_archive_word(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_place_in_the_root_leads_nowhere_else() {
        assert!(is_plain_absolute(Path::new("/usr/share/x")));
        for wrong in ["/", "a", "/a/../b", "/a/./b", "/..", ""] {
            assert!(!is_plain_absolute(Path::new(wrong)), "{wrong}");
        }
    }
}
