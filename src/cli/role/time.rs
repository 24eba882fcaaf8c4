//! `conpaas time run|restore|save|check`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use chrono::SecondsFormat;
use clap::{Args, Parser, Subcommand};
use serde::Serialize;

use super::line::{Outcome, RoleLine};
use crate::cli::output::printer::write_out;
use crate::cli::output::table::value_of;
use crate::clock::{self, Clock, ClockSettings, ClockVerdict, Memory};
use crate::server;
use crate::time;

/// Keep the last known time of a machine whose clock has no battery
#[derive(Debug, Parser)]
#[command(name = "conpaas time", disable_help_subcommand = true)]
pub(crate) struct TimeLine {
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

/// A verdict as `--json` prints it.
#[derive(Serialize)]
struct VerdictLine {
    is_good: bool,
    verdict: String,
    now: String,
    floor: String,
    floor_is: String,
}

impl RoleLine for TimeLine {
    fn run(self) -> Outcome {
        let machine = Memory::default();
        let memory = Memory {
            record: self.place.record.unwrap_or(machine.record),
            epoch: self.place.epoch.unwrap_or(machine.epoch),
        };
        match self.command {
            TimeCommand::Run => Ok(time::run(&memory)),
            TimeCommand::Restore => restore(&memory),
            TimeCommand::Save => save(&memory),
            TimeCommand::Check { server, json } => check(&memory, server, json),
        }
    }
}

fn restore(memory: &Memory) -> Outcome {
    write_out(&format!("{}\n", clock::restore(memory, &Clock::system())?));
    Ok(ExitCode::SUCCESS)
}

fn save(memory: &Memory) -> Outcome {
    let now = Clock::system().now();
    if now < clock::build_time() || now > clock::ceiling() {
        return Err("the clock is certainly wrong, so its time is not written down: see 'conpaas time check'".into());
    }
    clock::record_beyond(&memory.record, now, Duration::ZERO)?;
    Ok(ExitCode::SUCCESS)
}

fn check(memory: &Memory, servers: Vec<String>, is_json: bool) -> Outcome {
    let (clock, floor) = (Clock::system(), memory.floor());
    let settings = ClockSettings::new(servers);
    let verdict = match server::complete(clock::check(&settings, &clock))? {
        ClockVerdict::Unchecked(_) if clock.now() < floor.at() => {
            ClockVerdict::Implausible { now: clock.now(), floor: floor.clone() }
        }
        verdict => verdict,
    };
    let is_good = matches!(verdict, ClockVerdict::Right { .. } | ClockVerdict::Unchecked(_));
    if is_json {
        let time = |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let line = VerdictLine {
            is_good,
            verdict: verdict.to_string(),
            now: time(clock.now()),
            floor: time(floor.at()),
            floor_is: floor.to_string(),
        };
        write_out(&format!("{}\n", value_of(&line)));
    } else {
        write_out(&format!("{verdict}\nIt is certainly later than {floor}.\n"));
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
