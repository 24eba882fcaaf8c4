//! `conpaas time run|restore|save|check`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use chrono::SecondsFormat;
use clap::{Args, Command, CommandFactory, Parser, Subcommand};
use serde_json::json;

use crate::cli::output::printer::write_out;
use crate::clock::{self, Clock, ClockSettings, ClockVerdict, Memory};
use crate::sys::chain;
use crate::time;

/// Keep the last known time of a machine whose clock has no battery
#[derive(Debug, Parser)]
#[command(name = "conpaas time", disable_help_subcommand = true)]
struct TimeLine {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: TimeCommand,
}

#[derive(Debug, Args)]
struct Place {
    /// The last known time [default: /var/lib/conpaas/last-time]
    #[arg(long, value_name = "FILE", global = true)]
    record: Option<PathBuf>,
    /// A file whose date is the time at which the system was made [default: /usr/lib/clock-epoch]
    #[arg(long, value_name = "FILE", global = true)]
    epoch: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum TimeCommand {
    /// Be the service: set the clock forward to the last known time, then write the time down every hour and at the end
    Run,
    /// Set the clock forward to the last known time, if it is behind that
    Restore,
    /// Write the time down
    Save,
    /// Say whether the clock can be right; ends with 1 when it cannot
    Check {
        /// A time server to compare with, host or host:port; may be repeated
        #[arg(long, value_name = "HOST")]
        server: Vec<String>,
        /// Print one JSON value
        #[arg(long)]
        json: bool,
    },
}

/// What the role understands.
pub(crate) fn tree() -> Command {
    TimeLine::command()
}

pub(crate) fn run(words: &[String]) -> ExitCode {
    let line = match TimeLine::try_parse_from(std::iter::once("conpaas time").chain(words.iter().map(String::as_str))) {
        Ok(line) => line,
        Err(error) => error.exit(),
    };
    let machine = Memory::default();
    let memory = Memory {
        record: line.place.record.unwrap_or(machine.record),
        epoch: line.place.epoch.unwrap_or(machine.epoch),
    };
    match line.command {
        TimeCommand::Run => time::run(&memory),
        TimeCommand::Restore => restore(&memory),
        TimeCommand::Save => save(&memory),
        TimeCommand::Check { server, json } => check(&memory, server, json),
    }
}

fn restore(memory: &Memory) -> ExitCode {
    match clock::restore(memory, &Clock::system()) {
        Ok(restored) => {
            println!("{restored}");
            ExitCode::SUCCESS
        }
        Err(error) => complain(&chain(&error)),
    }
}

fn save(memory: &Memory) -> ExitCode {
    let now = Clock::system().now();
    if now < clock::build_time() || now > clock::ceiling() {
        return complain("the clock is certainly wrong, so its time is not written down: see 'conpaas time check'");
    }
    match clock::record_beyond(&memory.record, now, Duration::ZERO) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&chain(&error)),
    }
}

fn check(memory: &Memory, servers: Vec<String>, is_json: bool) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("cannot start: {error}")),
    };
    let (clock, floor) = (Clock::system(), memory.floor());
    let verdict = match runtime.block_on(clock::check(&ClockSettings::new(servers), &clock)) {
        ClockVerdict::Unchecked(_) if clock.now() < floor.at() => {
            ClockVerdict::Implausible { now: clock.now(), floor: floor.clone() }
        }
        verdict => verdict,
    };
    let is_good = matches!(verdict, ClockVerdict::Right { .. } | ClockVerdict::Unchecked(_));
    if is_json {
        let time = |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let value = json!({
            "is_good": is_good, "verdict": verdict.to_string(), "now": time(clock.now()),
            "floor": time(floor.at()), "floor_is": floor.to_string(),
        });
        write_out(&format!("{value}\n"));
    } else {
        write_out(&format!("{verdict}\nIt is certainly later than {floor}.\n"));
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn complain(text: &str) -> ExitCode {
    eprintln!("ERROR: {text}");
    ExitCode::FAILURE
}
