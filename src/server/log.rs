//! The log of a process that a service manager keeps: lines on standard error.
//! Nodes have a file of their own instead (`node/log.rs`).

use std::io::IsTerminal;

use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::log_limits::{BoundedStderr, Colours, LogRate};

/// The environment variable that says what is logged, such as `debug` or `conpaas::cloud=debug`.
const LOG_VARIABLE: &str = "CONPAAS_LOG";

/// Whether lines carry the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    /// They do.
    Shown,
    /// They do not: the journal has it.
    Hidden,
}

/// Starts the log at `level`, unless the environment asks for another one.
pub(crate) fn start(level: LevelFilter, times: Times) {
    let asked = std::env::var(LOG_VARIABLE).ok().and_then(|text| text.parse().ok());
    let filter: Targets = asked.unwrap_or_else(|| Targets::new().with_target("conpaas", level));
    let use_colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let colours = if use_colour { Colours::Used } else { Colours::Unused };
    let lines = tracing_subscriber::fmt::layer().with_writer(move || BoundedStderr(colours)).with_ansi(use_colour);
    let lines = match times {
        Times::Shown => lines.boxed(),
        Times::Hidden => lines.without_time().boxed(),
    };
    let rate = LogRate::new(Box::new(|text| eprintln!("{text}")));
    let _a_log_started_before_stays =
        tracing_subscriber::registry().with(lines.with_filter(rate)).with(filter).try_init();
}
