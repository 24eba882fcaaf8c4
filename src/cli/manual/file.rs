//! Pages of section 5: a configuration file that comes with the program holds
//! every key after lines that tell its meaning, and becomes the page as it is.

use roff::{Roff, bold, roman};

use super::source::source;

/// The page of the file `name` whose shipped text is `text`.
pub(crate) fn page(name: &str, about: &str, text: &str) -> String {
    let mut roff = Roff::new();
    roff.control("TH", [name, "5", "", &source(), "ConPaaS"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{name} - {about}"))]);
    roff.control("SH", ["DESCRIPTION"]);
    let mut prose: Vec<&str> = Vec::new();
    for line in text.lines() {
        let bare = line.strip_prefix('#').map_or(line, |line| line.strip_prefix(' ').unwrap_or(line)).trim_end();
        if let Some(section) = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            roff.control("SH", [format!("[{section}]").as_str()]);
            add_prose(&mut roff, &mut prose);
        } else if let Some(heading) = bare.strip_prefix("----- ") {
            add_prose(&mut roff, &mut prose);
            roff.control("SH", [heading]);
        } else if let Some((key, value)) = option(bare) {
            roff.control("TP", []);
            let default = if value.is_empty() { String::new() } else { format!(" = {value}") };
            roff.text([bold(key), roman(default)]);
            let meaning = std::mem::take(&mut prose).join(" ");
            roff.text([roman(meaning)]);
        } else if bare.is_empty() {
            add_prose(&mut roff, &mut prose);
        } else {
            prose.push(bare);
        }
    }
    add_prose(&mut roff, &mut prose);
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman("conpaas(1)")]);
    roff.to_roff()
}

/// `NAME = value`.
fn option(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim_end();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| (name, value.trim()))
}

fn add_prose(roff: &mut Roff, prose: &mut Vec<&str>) {
    if !prose.is_empty() {
        roff.control("PP", []);
        roff.text([roman(std::mem::take(prose).join(" "))]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_keys_and_their_meaning_are_found_commented_out_or_not() {
        let text = "# About.\n#\n# More.\n\n# The first.\n[a]\n\n# What it\n# means.\n# KEY = 5\n\n# Other.\nempty =\n";
        let page = page("x.cfg", "a file", text);
        let body = page.split_once(".SH DESCRIPTION\n").unwrap().1;
        assert_eq!(
            body,
            ".PP\nAbout.\n.PP\nMore.\n.SH [a]\n.PP\nThe first.\n.TP\n\\fBKEY\\fR = 5\nWhat it means.\n\
             .TP\n\\fBempty\\fR\nOther.\n.SH \"SEE ALSO\"\nconpaas(1)\n"
        );
    }
}
