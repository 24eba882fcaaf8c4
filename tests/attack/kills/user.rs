//! Somebody who goes on whatever dies: acts on one application, and holds the director to what it acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::actions::Action;
use super::facts::Facts;
use super::random::Random;
use crate::attack::talk;
use crate::attack::tenant::Tenant;
use crate::support::wait::try_until_within;

/// How long an application may take until nothing is being done any more, whatever died.
const REST: Duration = Duration::from_secs(180);

/// What a user has seen.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// By kind: how many were acknowledged, and how many were not.
    pub(crate) actions: BTreeMap<&'static str, (usize, usize)>,
    pub(crate) broken: Vec<String>,
    /// Why actions failed, each once.
    pub(crate) reasons: BTreeSet<String>,
}

/// Acts until `is_over`, and once more looks whether all is as it was acknowledged.
pub(crate) fn act_until(
    tenant: &Tenant<'_>,
    application: &str,
    code: &Path,
    mut random: Random,
    is_over: &AtomicBool,
) -> Story {
    let (mut facts, mut unsure, mut story) = (Facts::default(), BTreeSet::new(), Story::default());
    loop {
        let is_last = is_over.load(Ordering::SeqCst);
        if is_last || !unsure.is_empty() {
            let Some(seen) = try_until_within(REST, || Facts::ask(tenant, application)) else {
                let rows = tenant.rows(&["application", "list"]);
                story.broken.push(format!("{application} does not come to rest: {rows:?}"));
                return story;
            };
            for text in facts.differences(&seen, &unsure) {
                talk(format_args!("{text}"));
                story.broken.push(text);
            }
            (facts, unsure) = (seen, BTreeSet::new());
        }
        if is_last {
            return story;
        }
        let action = Action::choose(&facts, application, &mut random);
        let count = story.actions.entry(action.kind()).or_default();
        match action.act(tenant, application, code) {
            Ok(said) => {
                count.0 += 1;
                action.record(&mut facts, application, &said);
            }
            Err(error) => {
                count.1 += 1;
                let text = format!("{error:#}");
                let reason = text.lines().find(|line| line.contains("ERROR")).unwrap_or_default();
                let reason = reason.split("ERROR").nth(1).unwrap_or(reason);
                story.reasons.insert(format!("{}{reason}", action.kind()));
                unsure.insert(action.thing(application));
            }
        }
    }
}
