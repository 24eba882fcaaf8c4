//! `rollback`: back to the code version before the present one.

use async_trait::async_trait;
use clap::Args;

use super::deploy::bring_up;
use super::names::SiteNames;
use crate::api::manager::CodeVersion;
use crate::cli::command::code::NewCode;
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;

/// What goes back.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    names: SiteNames,
}

#[async_trait(?Send)]
impl Action for Rollback {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        let (app, found, deployment) = self.names.find(&run.session).await?;
        let versions = run.session.code_versions(&found).await?;
        let version = before(&versions).ok_or_else(|| {
            Failure::said(format!("application '{}' has no older code version to go back to", app.name))
        })?;
        let new = NewCode { version: &version.id, document_root: None };
        bring_up(run, &app, &found, deployment, new, None).await
    }
}

/// Returns the newest version that is older than the one that runs.
fn before(versions: &[CodeVersion]) -> Option<&CodeVersion> {
    let current = versions.iter().find(|version| version.current)?;
    let older = versions.iter().filter(|version| version.time < current.time);
    older.max_by(|one, other| one.time.total_cmp(&other.time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_before_the_present_one_is_meant_and_not_a_newer_one() {
        let version = |time: f64, current| CodeVersion {
            id: format!("code-{time}"),
            filename: String::new(),
            description: String::new(),
            time,
            current,
            notes: vec![],
        };
        let of = |versions: &[CodeVersion]| before(versions).map(|version| version.id.clone());
        let third_is_new = [version(3.0, false), version(2.0, true), version(1.0, false), version(0.5, false)];
        assert_eq!(of(&third_is_new).as_deref(), Some("code-1"));
        assert_eq!(of(&[version(3.0, false), version(2.0, true)]), None);
        assert_eq!(of(&[version(2.0, false)]), None);
    }
}
