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
mod kills;
mod list;
mod passwords;
mod probe;
mod report;
mod scene;
mod tenant;
mod trial;

use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::SystemTime;

use anyhow::ensure;

use self::scene::Form;
use self::tenant::Tenant;
use self::trial::Theatre;
use crate::support::namespaces::{self, Inside};
use crate::support::product::{Product, RootFileSystem};

const USAGE: &str = "usage: cargo bench --bench attack -- [--json] [--short] [--kills N] [--seed N] [NAME …]";

/// What people choose.
struct Options {
    is_json: bool,
    form: Form,
    /// How often something is killed, if that is wanted.
    n_kills: Option<usize>,
    seed: Option<u64>,
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
        None => namespaces::run_inside(&Inside {
            name: "attack",
            words: &words,
            containers: &[],
            nodes: &[RootFileSystem::CONTAINERS],
        }),
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
    let mut options = Options { is_json: false, form: Form::Full, n_kills: None, seed: None, names: Vec::new() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            // Cargo adds it to every bench.
            "--bench" => {}
            "--json" => options.is_json = true,
            "--short" => options.form = Form::Short,
            "--kills" => options.n_kills = Some(number(words.next(), "--kills")?),
            "--seed" => options.seed = Some(number(words.next(), "--seed")?),
            name if names().any(|known| known == name) => options.names.push(name.to_owned()),
            other => {
                let names: Vec<&str> = names().collect();
                return Err(format!("'{other}' is not understood; the attacks are {}", names.join(" ")));
            }
        }
    }
    Ok(options)
}

fn number<T: FromStr>(word: Option<&String>, option: &str) -> Result<T, String> {
    word.and_then(|word| word.parse().ok()).ok_or_else(|| format!("{option} wants a number"))
}

fn names() -> impl Iterator<Item = &'static str> {
    list::ALL.iter().map(|attack| attack.name).chain([kills::NAME])
}

fn attack(state: &Path, options: &Options) -> anyhow::Result<()> {
    let is_wanted = |name: &str| options.names.is_empty() || options.names.iter().any(|wanted| wanted == name);
    let product = trial::start_product(state, options.form)?;
    let mut broken = Vec::new();
    if list::ALL.iter().any(|attack| is_wanted(attack.name)) {
        broken.extend(play_all(&product, state, options, &is_wanted)?);
    }
    if is_wanted(kills::NAME) {
        let n = options.n_kills.unwrap_or(options.form.choose(300, 10));
        let seed = options.seed.unwrap_or_else(|| u64::from(std::process::id()) ^ now());
        if let Err(error) = kills::play(&product, state, n, seed) {
            eprintln!("attack: {error:#}");
            broken.push(kills::NAME);
        }
    }
    product.down()?;
    ensure!(broken.is_empty(), "BROKEN: {}", broken.join(", "));
    Ok(())
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// Makes all attacks that are wanted; returns those that something did not hold against.
fn play_all(
    product: &Product,
    state: &Path,
    options: &Options,
    is_wanted: &dyn Fn(&str) -> bool,
) -> anyhow::Result<Vec<&'static str>> {
    let owner = Tenant::new(product, "alice")?;
    let theatre = Theatre::new(product, state, options.form, &owner)?;
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
    theatre.end()?;
    Ok(lines.iter().filter(|line| !line.broken.is_empty()).map(|line| line.name).collect())
}

/// Progress is talk: it goes to standard error, the table to standard output.
fn talk(line: std::fmt::Arguments<'_>) {
    eprintln!("attack: {line}");
}
