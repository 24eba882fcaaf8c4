//! Pages of section 1: the program, and each of its commands with everything below it.

use std::io;

use clap::Command;
use clap_mangen::Man;
use roff::{Roff, bold, roman};

use super::source::source;

/// Variables that more than one command looks at.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("DIRECTOR_CFG", "The director's configuration, where no option names one."),
    ("CONPAAS_LOG", "What a role writes to its log: a level such as debug, or module=level, separated by commas."),
    ("NO_COLOR", "When it is set, nothing is printed in colour."),
];

const FILES: &[(&str, &str)] = &[
    ("/etc/cpsdirector/director.cfg", "The director's configuration, see director.cfg(5)."),
    ("/var/lib/conpaas", "Containers, volumes, images, and the last recorded time."),
    ("/etc/cps-tools/cps-tools.conf", "Settings of the client for all users of a machine, see cps-tools.conf(5)."),
    ("~/.conpaas", "A user's own settings, his certificate and key."),
];

/// The commands that have a page of their own.
pub(crate) fn commands(whole: &Command) -> impl Iterator<Item = &Command> {
    whole.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help")
}

/// The name of a command's page.
pub(crate) fn name(command: &Command) -> String {
    format!("conpaas-{}", command.get_name())
}

/// `conpaas(1)`.
pub(crate) fn of_program(whole: &Command) -> io::Result<Vec<u8>> {
    let mut roff = Roff::new();
    roff.control("SH", ["NAME"]);
    roff.text([roman("conpaas, cps-tools - ConPaaS on small clusters: director, nodes and command line client")]);
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([bold("conpaas"), roman(" COMMAND ...")]);
    roff.control("SH", ["DESCRIPTION"]);
    verbatim_after_first_paragraph(&mut roff, &whole.get_about().map(ToString::to_string).unwrap_or_default());
    roff.control("SH", ["COMMANDS"]);
    for command in commands(whole) {
        roff.control("TP", []);
        roff.text([bold(name(command)), roman("(1)")]);
        roff.text([roman(about(command))]);
    }
    for (heading, rows) in [("FILES", FILES), ("ENVIRONMENT", ENVIRONMENT)] {
        roff.control("SH", [heading]);
        for (term, text) in rows {
            roff.control("TP", []);
            roff.text([bold(*term)]);
            roff.text([roman(*text)]);
        }
    }
    roff.control("SH", ["EXIT STATUS"]);
    roff.text([roman("0 when it is done, 1 when it failed, 2 when the command line was not understood.")]);
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman("director.cfg(5), cps-tools.conf(5), conpaas.txt(5)")]);
    let mut page = title("conpaas")?;
    page.extend(roff.to_roff().into_bytes());
    Ok(page)
}

/// `conpaas-<command>(1)`.
pub(crate) fn of_command(command: &Command) -> io::Result<Vec<u8>> {
    let page_name = name(command);
    let mut roff = Roff::new();
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{page_name} - {}", about(command).trim_end_matches('.')))]);
    let mut page = title(&page_name)?;
    page.extend(roff.to_roff().into_bytes());
    let man = Man::new(command.clone());
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if command.get_arguments().any(|arg| !arg.is_hide_set()) {
        man.render_options_section(&mut page)?;
    }
    if command.get_subcommands().any(|below| !below.is_hide_set()) {
        page.extend(b".SH COMMANDS\n");
        for below in command.get_subcommands() {
            add_command(&mut page, below)?;
        }
    }
    page.extend(b".SH SEE ALSO\nconpaas(1)\n");
    Ok(page)
}

/// A part of the page for one command, and for those below it.
fn add_command(page: &mut Vec<u8>, command: &Command) -> io::Result<()> {
    if command.is_hide_set() || command.get_name() == "help" {
        return Ok(());
    }
    let mut heading = Roff::new();
    heading.control("SS", [command.get_bin_name().unwrap_or_else(|| command.get_name())]);
    page.extend(heading.to_roff().into_bytes());
    let man = Man::new(command.clone());
    let mut parts = Vec::new();
    man.render_synopsis_section(&mut parts)?;
    parts.extend(b".PP\n");
    man.render_description_section(&mut parts)?;
    man.render_options_section(&mut parts)?;
    // They are parts of this part, not of the page.
    for line in parts.split_inclusive(|byte| *byte == b'\n').filter(|line| !line.starts_with(b".SH ")) {
        page.extend(line);
    }
    command.get_subcommands().try_for_each(|below| add_command(page, below))
}

fn title(name: &str) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = Man::new(Command::new(name.to_owned())).title(name.to_uppercase()).source(source()).manual("ConPaaS");
    man.render_title(&mut page)?;
    Ok(page)
}

fn about(command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    about.lines().next().unwrap_or_default().to_owned()
}

/// The lines after the first paragraph are examples, which keep their form.
fn verbatim_after_first_paragraph(roff: &mut Roff, text: &str) {
    let (first, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    roff.text([roman(first)]);
    if rest.is_empty() {
        return;
    }
    roff.control("PP", []);
    roff.control("nf", []);
    for line in rest.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
}
