//! Whether a director that runs does what it should, for administrators.
//!
//! # Guarantees
//! - One look at a time, and none sooner than a while after the last: whoever asks often costs nothing.
//!
//! Must not know: requests and answers.

use super::administrator::expect_administrator;
use super::check;
use super::error::Failure;
use super::state::{Director, OperationKey};
use crate::api::{CheckView, CloudView, FindingVerdict, FindingView};
use crate::model::{Finding, UserId, Verdict};
use crate::store::Transaction;
use crate::store::director::node::{self, Phase};
use crate::store::director::volume;

/// Returns what is to be said of the director and its clouds, the worst first.
pub(crate) async fn look(director: &Director, caller: UserId) -> Result<CheckView, Failure> {
    director.store.read(move |tx| expect_administrator(tx, caller)).await?;
    let _one_at_a_time = director.operations.hold(&OperationKey::Health).await;
    if let Some(view) = director.last_look.fresh() {
        return Ok(view);
    }
    let findings = check::of_running(director).await;
    let counted: Vec<(String, String)> =
        director.clouds.all().map(|cloud| (cloud.name().to_string(), cloud.driver().to_owned())).collect();
    let clouds = director.store.read(move |tx| count(tx, counted)).await?;
    let mut findings: Vec<FindingView> = findings.into_iter().map(view).collect();
    findings.sort_by_key(|finding| match finding.verdict {
        FindingVerdict::Bad => 0,
        FindingVerdict::Warning => 1,
        FindingVerdict::Good => 2,
    });
    let view = CheckView { findings, clouds };
    director.last_look.keep(view.clone());
    Ok(view)
}

fn count(tx: &Transaction<'_>, clouds: Vec<(String, String)>) -> Result<Vec<CloudView>, Failure> {
    let (nodes, volumes) = (node::all(tx)?, volume::all(tx)?);
    let of = |(name, driver): (String, String)| {
        let own = || nodes.iter().filter(|node| node.wanted.cloud.to_string() == name);
        let n_up = own().filter(|node| node.phase == Phase::Up).count();
        CloudView {
            nodes: n_up,
            passing: own().count() - n_up,
            volumes: volumes.iter().filter(|volume| volume.wanted.cloud.to_string() == name).count(),
            name,
            driver,
        }
    };
    Ok(clouds.into_iter().map(of).collect())
}

fn view(finding: Finding) -> FindingView {
    let verdict = match finding.verdict {
        Verdict::Good => FindingVerdict::Good,
        Verdict::Warning => FindingVerdict::Warning,
        Verdict::Bad => FindingVerdict::Bad,
    };
    FindingView { verdict, text: finding.text, remedy: finding.remedy }
}
