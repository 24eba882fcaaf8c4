//! Changes one option in the text of a file and keeps the rest, comments
//! and all, as people left it.

/// The `director.cfg` that comes with the program: every key with its
/// meaning and its default, most of them commented out.
pub(crate) const SHIPPED_DIRECTOR_CFG: &str = include_str!("../../config/director.cfg");

/// The `cps-tools.conf` that comes with the program.
pub(crate) const SHIPPED_CPS_TOOLS_CONF: &str = include_str!("../../config/cps-tools.conf");

/// `text` with `key = value` in `[section]`: in the place of the option
/// where it is given, else where it stands commented out, else at the end
/// of the section, which is added when it is not there.
#[must_use]
pub(crate) fn with_option(text: &str, section: &str, key: &str, value: &str) -> String {
    let option = format!("{key} = {value}");
    let mut lines: Vec<&str> = text.lines().collect();
    let header = format!("[{section}]");
    let Some(start) = lines.iter().position(|line| line.trim() == header) else {
        let gap = if text.is_empty() { "" } else { "\n" };
        return format!("{}{gap}{header}\n\n{option}\n", text.trim_end_matches('\n').to_owned() + gap);
    };
    let length = lines[start + 1..].iter().take_while(|line| !line.starts_with('[')).count();
    let end = start + 1 + length;
    let names = |line: &str, is_comment: bool| {
        let line = if is_comment { line.strip_prefix('#').unwrap_or_default() } else { line };
        line.split(['=', ':']).next().is_some_and(|name| name.trim().eq_ignore_ascii_case(key))
    };
    let find = |is_comment: bool| (start + 1..end).find(|&at| names(lines[at], is_comment));
    match find(false).or_else(|| find(true)) {
        Some(at) => lines[at] = &option,
        None => lines.insert(end, &option),
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::DirectorConfig;

    #[test]
    fn the_option_takes_the_place_of_what_was_there() {
        let table = [
            ("[a]\nx=1\nkey: 2\ny=3\n", "[a]\nx=1\nkEy = v\ny=3\n"),
            ("[a]\n# KEY =\nx=1\n[b]\nkey=1\n", "[a]\nkEy = v\nx=1\n[b]\nkey=1\n"),
            ("[a]\n# KEY =\nkey=1\n", "[a]\n# KEY =\nkEy = v\n"),
            ("[b]\nkey=1\n[a]\nx=1\n[c]\n", "[b]\nkey=1\n[a]\nx=1\nkEy = v\n[c]\n"),
            ("[b]\nkey=1\n", "[b]\nkey=1\n\n[a]\n\nkEy = v\n"),
            ("", "[a]\n\nkEy = v\n"),
        ];
        for (before, after) in table {
            assert_eq!(with_option(before, "a", "kEy", "v"), after, "{before:?}");
        }
    }

    #[test]
    fn the_shipped_file_takes_any_option() {
        let text = with_option(SHIPPED_DIRECTOR_CFG, "director", "DIRECTOR_URL", "https://h:5555");
        let text = with_option(&text, "iaas", "NETWORK", "10.9.0.0/24");
        let config = DirectorConfig::parse(Path::new("/x"), &text).unwrap();
        assert_eq!(config.director_url.map(|url| url.to_string()).as_deref(), Some("https://h:5555"));
        assert!(text.contains("\nDIRECTOR_URL = https://h:5555\n") && !text.contains("# DIRECTOR_URL ="));
        assert_eq!(text.lines().count(), SHIPPED_DIRECTOR_CFG.lines().count());
    }
}
