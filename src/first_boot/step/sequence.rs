//! The steps in their order, each carried out whether or not one before it failed.

use super::machine::Machine;
use super::outcome::Outcome;
use super::{account, director, names, network, password, ssh, time, welcome};
use crate::first_boot::error::FirstBootError;
use crate::first_boot::settings::Problem;
use crate::sys::chain;
use crate::task::crash_point;

/// Carries out all steps, also after one failed, and returns what failed.
pub(crate) async fn carry_out(machine: &Machine, problems: &[Problem], say: &dyn Fn(&str)) -> Vec<Problem> {
    let mut steps = Steps { say, failed: Vec::new() };
    steps.settle("names", names::ensure(machine).await);
    steps.settle("ssh", ssh::ensure(machine).await);
    steps.settle("time", time::ensure(machine));
    steps.settle("network", network::ensure(machine));
    steps.settle("wifi", network::ensure_wifi(machine).await);
    steps.settle("account", account::ensure(machine).await);
    steps.settle("director", director::ensure(machine).await);
    steps.settle("passwords", password::ensure(machine).await);
    let n_problems = problems.len() + steps.failed.len();
    steps.settle("welcome", welcome::ensure(machine, n_problems));
    steps.failed
}

struct Steps<'a> {
    say: &'a dyn Fn(&str),
    failed: Vec<Problem>,
}

impl Steps<'_> {
    fn settle(&mut self, name: &str, outcome: Result<Outcome, FirstBootError>) {
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
