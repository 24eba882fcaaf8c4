//! `make attack`: real containers, a director, a neighbour whose page is
//! served, and somebody who does all that a tenant or a stranger can do.
//!
//! Each attack is one line: how long the neighbour's requests took before,
//! during and after it, and what it left in the director's memory and on the
//! machine. The exit code says whether something did not hold. Times that were
//! longer than they should be are printed as missed: machines are noisy.

mod archives;
mod connections;
mod host;
mod list;
mod passwords;
mod probe;
mod report;
mod scene;
mod tenant;
mod trial;

use std::path::Path;
use std::process::ExitCode;

use anyhow::ensure;

use self::scene::Form;
use self::tenant::Tenant;
use self::trial::Theatre;
use crate::support::namespaces::{self, Inside};

const USAGE: &str = "usage: cargo bench --bench attack -- [--json] [--short] [NAME …]";

/// What people choose.
struct Options {
    is_json: bool,
    form: Form,
    /// All, if none is named.
    names: Vec<String>,
}

pub(crate) fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let options = match options(&words) {
        Ok(options) => options,
        Err(complaint) => {
            eprintln!("{complaint}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let outcome = match namespaces::state() {
        Some(state) => attack(&state, &options),
        None => namespaces::run_inside(&Inside { name: "attack", words: &words, containers: &[] }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("attack: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn options(words: &[String]) -> Result<Options, String> {
    let mut options = Options { is_json: false, form: Form::Full, names: Vec::new() };
    for word in words {
        match word.as_str() {
            // Cargo adds it to every bench.
            "--bench" => {}
            "--json" => options.is_json = true,
            "--short" => options.form = Form::Short,
            name if list::ALL.iter().any(|attack| attack.name == name) => options.names.push(name.to_owned()),
            other => {
                let names: Vec<&str> = list::ALL.iter().map(|attack| attack.name).collect();
                return Err(format!("'{other}' is not understood; the attacks are {}", names.join(" ")));
            }
        }
    }
    Ok(options)
}

fn attack(state: &Path, options: &Options) -> anyhow::Result<()> {
    let is_wanted = |name: &str| options.names.is_empty() || options.names.iter().any(|wanted| wanted == name);
    let product = trial::start_product(state, options.form)?;
    let owner = Tenant::new(&product, "alice")?;
    let theatre = Theatre::new(&product, state, options.form, &owner)?;
    let mut lines = Vec::new();
    if !options.is_json {
        report::print_head();
    }
    for attack in list::ALL.iter().filter(|attack| is_wanted(attack.name)) {
        let line = theatre.play(attack)?;
        if !options.is_json {
            line.print();
        }
        lines.push(line);
    }
    if options.is_json {
        println!("{}", serde_json::to_string_pretty(&lines)?);
    }
    product.down()?;
    let broken: Vec<&str> = lines.iter().filter(|line| !line.broken.is_empty()).map(|line| line.name).collect();
    ensure!(broken.is_empty(), "BROKEN: {}", broken.join(", "));
    Ok(())
}

/// Progress is talk: it goes to standard error, the table to standard output.
fn talk(line: std::fmt::Arguments<'_>) {
    eprintln!("attack: {line}");
}
