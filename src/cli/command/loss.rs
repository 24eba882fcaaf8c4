//! What a command is about to lose for ever, and whether the user agrees.
//!
//! Somebody at a terminal is asked. Without a terminal `--yes` is wanted, but
//! not from the names of ConPaaS 2.0's client: scripts that use them go on.

use std::io::{self, IsTerminal};

use clap::Args;

use crate::api::manager::VolumeView;
use crate::api::{ApplicationView, VolumeState};
use crate::cli::invocation::Invocation;
use crate::cli::output::argparse::ADDITIONS;
use crate::cli::output::prompt;
use crate::client::error::Failure;
use crate::client::lookup::{self, FoundService};
use crate::client::session::Session;
use crate::model::VolumeFate;

/// The code version that every service has from the beginning.
const DEFAULT_CODE: &str = "code-default";

const AGREE: &str = "Add --yes to do it.";
const OR_KEEP: &str = "Add --yes to do it, or --keep-volumes to keep the volumes.";

/// What the user agrees to beforehand.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Consent {
    /// Do not ask, although something is lost
    #[arg(short, long, help_heading = ADDITIONS)]
    yes: bool,
}

/// What becomes of the volumes, as the user says beforehand.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Keeping {
    /// Keep the volumes: 'conpaas volume list' shows them
    #[arg(long = "keep-volumes", alias = "keep_volumes", help_heading = ADDITIONS)]
    keep_volumes: bool,
}

impl Keeping {
    /// Returns what becomes of the volumes.
    pub(crate) fn volumes(self) -> VolumeFate {
        VolumeFate::asked(self.keep_volumes)
    }
}

/// How much of a service goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Its nodes, with the volumes that are attached to them.
    Nodes,
    /// All of it but its volumes.
    WholeButVolumes,
    /// All of it: its code too.
    Whole,
}

/// How an application ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It is stopped, and what is kept stays.
    Stop(VolumeFate),
    /// It is deleted, and what is kept goes too.
    Deletion,
}

/// Asks before the nodes of a service, or all of it, go. `words` say what is about to be done.
///
/// # Errors
/// The user does not agree, cannot be asked, or the manager does not say what there is.
pub(crate) async fn agree_for_service(
    run: &Invocation,
    found: &FoundService,
    extent: Extent,
    words: &str,
    consent: Consent,
) -> Result<(), Failure> {
    if is_agreed(run, consent) {
        return Ok(());
    }
    let remedy = if extent == Extent::Nodes { OR_KEEP } else { AGREE };
    agree(run, words, &of_service(&run.session, found, extent).await?, remedy)
}

/// Asks before the last `n_nodes` nodes of a service go.
///
/// # Errors
/// As [`agree_for_service`].
pub(crate) async fn agree_for_nodes(
    run: &Invocation,
    found: &FoundService,
    n_nodes: i64,
    words: &str,
    consent: Consent,
) -> Result<(), Failure> {
    if is_agreed(run, consent) {
        return Ok(());
    }
    let nodes: Vec<String> = run.session.nodes(found).await?.into_values().flatten().collect();
    let n_left = nodes.len().saturating_sub(usize::try_from(n_nodes).unwrap_or_default());
    // The first node is the last to go; which of the others go only the manager knows.
    let may_go = nodes.get(usize::from(n_left > 0)..).unwrap_or_default();
    let volumes = run.session.volumes(found).await?;
    let lost: Vec<String> = volumes
        .iter()
        .filter(|volume| may_go.contains(&volume.vm_id))
        .map(|volume| {
            format!("volume '{}' ({} MB), if its node {} goes", volume.vol_name, volume.vol_size, volume.vm_id)
        })
        .collect();
    agree(run, words, &lost, AGREE)
}

/// Asks before an application stops or goes.
///
/// # Errors
/// As [`agree_for_service`].
pub(crate) async fn agree_for_application(
    run: &Invocation,
    app: &ApplicationView,
    end: End,
    words: &str,
    consent: Consent,
) -> Result<(), Failure> {
    if is_agreed(run, consent) {
        return Ok(());
    }
    let mut lost = Vec::new();
    let extent = if end == End::Stop(VolumeFate::Kept) { Extent::WholeButVolumes } else { Extent::Whole };
    for found in lookup::services(&run.session, None, Some(app.aid)).await? {
        let (service, kind) = (&found.service, &found.service.kind);
        lost.push(format!("service {} '{}' of type {kind}", service.sid, service.name));
        let place = FoundService { application: app.aid, service: service.sid };
        match of_service(&run.session, &place, extent).await {
            Ok(parts) => lost.extend(parts),
            Err(_) => {
                lost.push(format!("volumes and code of service {}: its manager does not list them now", service.sid));
            }
        }
    }
    if let (false, Ok(info)) = (lost.is_empty(), run.session.app_info(app.aid).await)
        && !info.nodes.is_empty()
    {
        lost.push(format!("what is on its nodes: {}", info.nodes.join(", ")));
    }
    if end == End::Deletion {
        // An older director keeps none.
        let volumes = run.session.owned_volumes().await.unwrap_or_default();
        let kept = volumes.iter().filter(|volume| volume.app_id == app.aid && volume.state == VolumeState::Kept);
        lost.extend(kept.map(|volume| format!("kept volume '{}' ({} MB)", volume.name, volume.size)));
    }
    let remedy = if end == End::Stop(VolumeFate::Lost) { OR_KEEP } else { AGREE };
    agree(run, words, &lost, remedy)
}

/// Asks before what `lost` names goes.
///
/// # Errors
/// The user does not agree, or cannot be asked.
pub(crate) fn agree_for(run: &Invocation, words: &str, lost: &[String], consent: Consent) -> Result<(), Failure> {
    if is_agreed(run, consent) { Ok(()) } else { agree(run, words, lost, AGREE) }
}

async fn of_service(session: &Session, found: &FoundService, extent: Extent) -> Result<Vec<String>, Failure> {
    let sid = found.service;
    let mut lost = Vec::new();
    if extent != Extent::WholeButVolumes {
        let volumes = session.volumes(found).await?;
        let line =
            |volume: &VolumeView| format!("volume '{}' ({} MB) of service {sid}", volume.vol_name, volume.vol_size);
        lost.extend(volumes.iter().map(line));
    }
    if extent != Extent::Nodes {
        // A kind without code does not know the question.
        let versions = session.code_versions(found).await.unwrap_or_default();
        let uploaded = versions.iter().filter(|version| version.id != DEFAULT_CODE);
        lost.extend(uploaded.map(|version| format!("code '{}' ({}) of service {sid}", version.id, version.filename)));
    }
    Ok(lost)
}

fn is_agreed(run: &Invocation, consent: Consent) -> bool {
    consent.yes || (run.has_old_name && !can_ask(run))
}

fn can_ask(run: &Invocation) -> bool {
    !run.printer.is_json && io::stdin().is_terminal() && io::stderr().is_terminal()
}

fn agree(run: &Invocation, words: &str, lost: &[String], remedy: &str) -> Result<(), Failure> {
    if lost.is_empty() {
        return Ok(());
    }
    let text = told(words, lost);
    if !can_ask(run) {
        return Err(Failure::usage(format!("{text}\nNothing was done. {remedy}")));
    }
    run.printer.note(&text);
    let answer = prompt::ask_line("Go on? [y/N] ")?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::said("nothing was done")),
    }
}

fn told(words: &str, lost: &[String]) -> String {
    let mut text = format!("{words} loses for ever:");
    for line in lost {
        text.push_str(&format!("\n  {line}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_that_is_lost_has_a_line() {
        let lost = ["volume 'data' (10 MB) of service 1".to_owned(), "code 'code-x' (a.tar) of service 1".to_owned()];
        let text = "Removing service 1 loses for ever:\n  volume 'data' (10 MB) of service 1\n  \
                    code 'code-x' (a.tar) of service 1";
        assert_eq!(told("Removing service 1", &lost), text);
    }
}
