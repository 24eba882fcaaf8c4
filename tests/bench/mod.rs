//! `make bench`: how fast and how big, against floors that are measured in
//! the same run on the same machine.
//!
//! Everything happens in namespaces of its own, without a route out, and is
//! gone afterwards. A missed aim is printed, not failed: the exit code says
//! whether it could be measured.

mod figures;
mod floor;
mod frontend;
mod line;
mod load;
mod parts;
mod product;
mod report;
mod web;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use conpaas::rpc::install_crypto;
use tokio::runtime::Runtime;

use self::figures::Figures;
use self::floor::Floor;
use self::line::Line;
use crate::support::enter::mark;
use crate::support::memory;
use crate::support::namespaces::{self, Inside};
use crate::support::processor_time::ProcessorTime;
use crate::support::product::{Product, RootFileSystem, cloud_directory};

const USAGE: &str = "usage: cargo bench --bench conpaas -- [--json] [--rounds N] [PART …]";
const ROUNDS: usize = 10;
const IDLE_AFTER: Duration = Duration::from_secs(4);
/// What can be measured by itself: nodes, director and manager; a site; pages for browsers.
const PARTS: [&str; 3] = ["nodes", "web", "frontend"];

/// What people choose.
pub(crate) struct Options {
    is_json: bool,
    rounds: usize,
    /// All, if none is named.
    parts: Vec<String>,
}

impl Options {
    fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }
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
    install_crypto();
    let outcome = match (load::hello_directory(), namespaces::state()) {
        (Some(directory), _) => load::serve_hello(&directory),
        (None, Some(state)) => measure(&state, &options).map(|lines| line::print(&lines, options.is_json)),
        (None, None) => {
            let nodes = [("nodes", RootFileSystem::CONTAINERS), ("web", RootFileSystem::ENGINES)];
            let nodes: Vec<_> =
                nodes.into_iter().filter(|(part, _)| options.wants(part)).map(|(_, nodes)| nodes).collect();
            let containers = [floor::CONTAINER];
            namespaces::run_inside(&Inside { name: "bench", words: &words, containers: &containers, nodes: &nodes })
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn options(words: &[String]) -> Result<Options, String> {
    let mut options = Options { is_json: false, rounds: ROUNDS, parts: Vec::new() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            // Cargo adds it to every bench.
            "--bench" => {}
            "--json" => options.is_json = true,
            "--rounds" => {
                let number = words.next().and_then(|number| number.parse().ok()).filter(|number| *number > 0);
                options.rounds = number.ok_or("--rounds wants a number above 0")?;
            }
            part if PARTS.contains(&part) => options.parts.push(part.to_owned()),
            other => return Err(format!("'{other}' is not understood; the parts are {}", PARTS.join(" "))),
        }
    }
    Ok(options)
}

/// Measures the parts that are wanted.
fn measure(state: &Path, options: &Options) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    if options.wants("nodes") {
        lines.extend(report::lines(&measure_nodes(state, options)?));
    }
    if options.wants("web") {
        lines.extend(web::lines(&web::measure(state, options.rounds)?));
    }
    if options.wants("frontend") {
        lines.extend(frontend::lines(&frontend::measure(options.rounds)?));
    }
    Ok(lines)
}

fn measure_nodes(state: &Path, options: &Options) -> anyhow::Result<Figures> {
    // First of all: what is started later is counted with this process.
    let marks = [floor::CONTAINER, &mark(&cloud_directory(state))];
    let name = state.file_name().unwrap_or_default().to_string_lossy();
    let counted = ProcessorTime::count(&name, &marks);
    let used = || counted.as_ref().map(ProcessorTime::used).unwrap_or_default();
    let runtime = Runtime::new()?;
    talk(format_args!("starting a director"));
    let product = Product::up(state, RootFileSystem::CONTAINERS)?;
    product.type_command(&["application", "create", product::APPLICATION])?;
    let floor = Floor::new(state, &product)?;
    let mut figures = Figures { idle_director: memory::of(product.director_pid()?)?, ..Figures::default() };
    for round in 1..=options.rounds {
        talk(format_args!("round {round} of {}: floor, application start, service start", options.rounds));
        // In turns, so that whatever else the machine does disturbs all of them alike.
        let bare = runtime.block_on(floor.run(round, used))?;
        figures.floor.push(bare.answered);
        figures.floor_liblxc.push(bare.liblxc);
        figures.floor_processor.push(bare.processor);
        let before = used();
        figures
            .application_start
            .push(timed(|| product.type_command(&["application", "start", product::APPLICATION]))?);
        figures.application_processor.push(used().saturating_sub(before));
        product.add_service()?;
        let sid = product.service()?;
        let start_service = ["generic", "start", product::APPLICATION, &sid];
        let before = used();
        figures.service_start.push(timed(|| product.type_command(&start_service))?);
        figures.service_processor.push(used().saturating_sub(before));
        figures.in_manager.push(product.time_of_service_start()?);
        if round < options.rounds {
            product.stop_application()?;
        }
    }
    figures.in_director = product.times_of_application_start()?;
    // What has just started is not idle yet.
    std::thread::sleep(IDLE_AFTER);
    figures.manager = memory::of(memory::only_process("manager")?)?;
    figures.agent = memory::of(memory::only_process("agent")?)?;
    for round in 1..=options.rounds.div_ceil(2) {
        talk(format_args!("round {round} of {}: one node, eight nodes", options.rounds.div_ceil(2)));
        figures.one_node.push(product.add_nodes(1)?);
        figures.eight_nodes.push(product.add_nodes(8)?);
    }
    talk(format_args!("parts"));
    parts::measure(&runtime, &product, state, &mut figures).context("cannot measure the parts")?;
    talk(format_args!("requests"));
    let rates = load::compare(&runtime, &product).context("cannot measure requests")?;
    (figures.hello_rate, figures.director_rate) = rates;
    figures.loaded_director = memory::of(product.director_pid()?)?;
    talk(format_args!("logins"));
    load::log_in(&runtime, &product).context("cannot log in")?;
    figures.director_after_logins = memory::of(product.director_pid()?)?;
    product.down()?;
    Ok(figures)
}

fn timed<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<Duration> {
    let began = Instant::now();
    work()?;
    Ok(began.elapsed())
}

/// Progress is talk: it goes to standard error, the figures to standard output.
pub(crate) fn talk(line: std::fmt::Arguments<'_>) {
    eprintln!("bench: {line}");
}
