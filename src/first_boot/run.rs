//! The composition root of the first boot.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use super::check::summary;
use super::fit::fit;
use super::gather::{IMAGE_DEFAULTS, gather, look};
use super::place::Place;
use super::settings::Problem;
use super::step::machine::Machine;
use super::step::sequence::carry_out;
use super::{card, record};
use crate::server;
use crate::sys::chain;
use crate::task::crash_point;

/// The options of the first boot.
#[derive(Debug, Clone)]
pub(crate) struct RunOptions {
    /// The machine.
    pub place: Place,
    /// Only say what would be done.
    pub is_dry: bool,
}

/// Makes the machine what its owner wants. Ends well even where some of it
/// failed: that is told, and tried again at the next boot.
#[must_use]
pub(crate) fn run(options: &RunOptions) -> ExitCode {
    crate::rpc::install_crypto();
    let outcome = server::complete(first_boot(options)).context("cannot start").and_then(|outcome| outcome);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ERROR: first boot: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn first_boot(options: &RunOptions) -> anyhow::Result<()> {
    let place = &options.place;
    let say = |text: &str| println!("first boot: {text}");
    if record::is_done(place) {
        say("it is over: nothing to do");
        return Ok(());
    }
    if place.is_live() && !place.path(IMAGE_DEFAULTS).exists() {
        anyhow::bail!(
            "this machine was not made of an image of ConPaaS ({IMAGE_DEFAULTS} is missing), and its name, accounts \
             and addresses are not touched: to set up a director here, run 'conpaas director init'"
        );
    }
    if options.is_dry {
        let mut gathered = look(place);
        fit(place, &mut gathered.settings, &mut gathered.problems);
        summary(&gathered.settings).iter().for_each(|line| say(line));
        gathered.problems.iter().for_each(|problem| say(&format!("PROBLEM: {problem}")));
        return Ok(());
    }
    place.ensure_state()?;
    // Everything was applied, and the power failed while the mark was made.
    if record::Record::load(place).is_finished() {
        return Ok(record::finish(place)?);
    }
    let mut gathered = gather(place)?;
    let mut problems = std::mem::take(&mut gathered.problems);
    fit(place, &mut gathered.settings, &mut problems);
    let program: PathBuf = std::env::current_exe().context("cannot find this program")?;
    let machine = Machine { place: place.clone(), settings: gathered.settings, program };
    let mut failed = carry_out(&machine, &problems, &say).await;
    if card::is_missing(place) {
        let text = "cannot be reached: these are defaults, and its settings are looked for again at the next boot";
        failed.push(Problem::of_key("the card", text));
    }
    let is_whole = failed.is_empty();
    problems.extend(failed);
    tell(place, &problems, &say);
    crash_point("first-boot.told");
    if !is_whole {
        say("not all of it worked: it is tried again at the next boot");
        return Ok(());
    }
    record::finish(place)?;
    say("over");
    Ok(())
}

/// Tells problems on the console and on the card.
fn tell(place: &Place, problems: &[Problem], say: &dyn Fn(&str)) {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.iter().for_each(|line| say(&format!("PROBLEM: {line}")));
    if let Err(error) = card::tell_problems(place, &lines) {
        say(&format!("PROBLEM: {}", chain(&error)));
    }
}
