//! `conpaas director orphans`, `adopt`, `discard`: what clouds have and no record names.

use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::line::Outcome;
use crate::cli::output::printer::{write_error, write_out};
use crate::cli::output::table::table;
use crate::director::{self, Decision, Fate, Orphan};
use crate::rpc::install_crypto;
use crate::server;

/// An orphan as it is shown.
#[derive(Serialize)]
struct Line {
    kind: &'static str,
    tag: String,
    cloud: String,
    id: String,
    state: &'static str,
}

/// Lists them.
pub(crate) fn list(config: &Path, is_json: bool) -> Outcome {
    install_crypto();
    let found = server::complete(director::list_orphans(config))??;
    let lines: Vec<Line> = found.orphans.iter().map(shown).collect();
    if is_json {
        write_out(&format!("{}\n", serde_json::to_string(&lines)?));
    } else if lines.is_empty() {
        write_out("the records name all that the clouds have\n");
    } else {
        write_out(&format!("{}\n", table(&["kind", "tag", "cloud", "id", "state"], &lines)));
    }
    Ok(told(&found))
}

/// Decides about those of these tags, or all.
pub(crate) fn decide(config: &Path, fate: Fate, tags: &[String]) -> Outcome {
    install_crypto();
    let decided = server::complete(director::decide_orphans(config, fate, tags))??;
    for orphan in &decided.orphans {
        let Line { kind, tag, id, .. } = shown(orphan);
        let what = match fate {
            Fate::Discarded => "will be removed",
            Fate::Kept | Fate::Waiting | Fate::Quarantined => "is kept",
        };
        write_out(&format!("{kind} {id} ({tag}) {what}\n"));
    }
    if decided.orphans.is_empty() {
        write_out("the records name all that the clouds have\n");
    }
    Ok(told(&decided))
}

fn shown(orphan: &Orphan) -> Line {
    Line {
        kind: orphan.kind.as_str(),
        tag: orphan.tag.clone(),
        cloud: orphan.cloud.clone(),
        id: orphan.shown_id.clone(),
        state: orphan.fate.as_str(),
    }
}

fn told(decision: &Decision) -> ExitCode {
    for failure in &decision.failures {
        write_error(&format!("ERROR: {failure}"));
    }
    if decision.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
