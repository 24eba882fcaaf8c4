//! The steps of the first boot. Each may be repeated and comes to the same end.

mod account;
mod director;
mod names;
mod network;
mod password;
mod script;
mod ssh;
mod time;
mod welcome;

pub(crate) use script::forget_script;

pub(crate) use account::belongs_to_system;
pub(crate) use time::ZONES;

use std::path::PathBuf;

use super::settings::{BoardRole, Problem, Settings};
use super::{BoardError, Place};
use crate::sys::chain;
use crate::task::crash_point;

/// What every step needs to know.
pub(crate) struct Board {
    pub place: Place,
    pub settings: Settings,
    /// This very program, for the commands that steps type.
    pub program: PathBuf,
}

impl Board {
    fn has_director(&self) -> bool {
        self.settings.role == BoardRole::Director
    }

    /// The name by which others find this board.
    fn local_name(&self) -> String {
        format!("{}.local", self.settings.hostname)
    }
}

/// What became of a step.
enum Outcome {
    /// It is done, as this line tells.
    Done(String),
    /// There is nothing to do, or not here, as this line tells.
    Skipped(String),
}

fn done(text: impl Into<String>) -> Result<Outcome, BoardError> {
    Ok(Outcome::Done(text.into()))
}

fn skipped(text: impl Into<String>) -> Result<Outcome, BoardError> {
    Ok(Outcome::Skipped(text.into()))
}

/// Carries out all steps, also after one failed, and gives what failed.
pub(crate) async fn carry_out(board: &Board, problems: &[Problem], say: &dyn Fn(&str)) -> Vec<Problem> {
    let mut steps = Steps { say, failed: Vec::new() };
    steps.settle("names", names::ensure(board).await);
    steps.settle("ssh", ssh::ensure(board).await);
    steps.settle("time", time::ensure(board));
    steps.settle("network", network::ensure(board));
    steps.settle("wifi", network::ensure_wifi(board).await);
    steps.settle("account", account::ensure(board).await);
    steps.settle("director", director::ensure(board).await);
    steps.settle("passwords", password::ensure(board).await);
    let n_problems = problems.len() + steps.failed.len();
    steps.settle("welcome", welcome::ensure(board, n_problems));
    steps.failed
}

struct Steps<'a> {
    say: &'a dyn Fn(&str),
    failed: Vec<Problem>,
}

impl Steps<'_> {
    fn settle(&mut self, name: &str, outcome: Result<Outcome, BoardError>) {
        match outcome {
            Ok(Outcome::Done(text)) => (self.say)(&format!("{name}: {text}")),
            Ok(Outcome::Skipped(text)) => (self.say)(&format!("{name}: skipped: {text}")),
            Err(error) => {
                let text = chain(&error);
                (self.say)(&format!("{name}: FAILED: {text}"));
                self.failed.push(Problem::of_key(name, format!("{text}; tried again at the next boot")));
            }
        }
        crash_point(&format!("first-boot.{name}"));
    }
}
