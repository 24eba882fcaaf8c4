//! `manual`: the manual pages, made of what the program itself understands
//! and of the configuration files that come with it, so that they cannot
//! tell anything else.

mod file;
mod page;
mod source;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, Command, value_parser};

use super::built_in;
use crate::config::{SHIPPED_CPS_TOOLS_CONF, SHIPPED_DIRECTOR_CFG};

/// The command's name.
pub(crate) const NAME: &str = "manual";

const BOARD_SETTINGS: &str = include_str!("../../../config/conpaas.txt");

/// The clap tree of the command itself.
pub(crate) fn command() -> Command {
    let directory = Arg::new("directory").value_name("DIR").required(true).value_parser(value_parser!(PathBuf));
    Command::new(NAME)
        .about("Write the manual pages below a directory, as man looks for them there")
        .arg(directory.help("Such as /usr/local/share/man; man1 and man5 are made in it"))
}

/// Reads `words` and writes the pages of `whole`, the program with all that it understands.
pub(crate) fn run(program: &str, words: &[String], whole: Command) -> ExitCode {
    let complaint = "say which directory the pages shall be in";
    match built_in::read(command(), program, words, "[-h] DIR", complaint) {
        Ok(matches) => match matches.get_one::<PathBuf>("directory") {
            Some(directory) => built_in::written(directory, write(whole, directory)),
            None => ExitCode::from(2),
        },
        Err(code) => code,
    }
}

/// Writes one page for `whole`, one for each of its commands, and one for each configuration file.
///
/// # Errors
/// The directory cannot be made or written.
fn write(mut whole: Command, directory: &Path) -> io::Result<()> {
    whole.build();
    let (programs, files) = (directory.join("man1"), directory.join("man5"));
    fs::create_dir_all(&programs)?;
    fs::create_dir_all(&files)?;
    fs::write(programs.join("conpaas.1"), page::of_program(&whole)?)?;
    for command in page::commands(&whole) {
        fs::write(programs.join(format!("{}.1", page::name(command))), page::of_command(command)?)?;
    }
    for (name, about, text) in [
        ("conpaas.txt", "settings of a machine that was made of a ConPaaS image", BOARD_SETTINGS),
        ("director.cfg", "configuration of a ConPaaS director", SHIPPED_DIRECTOR_CFG),
        ("cps-tools.conf", "settings of the ConPaaS command line client", SHIPPED_CPS_TOOLS_CONF),
    ] {
        fs::write(files.join(format!("{name}.5")), file::page(name, about, text))?;
    }
    Ok(())
}
