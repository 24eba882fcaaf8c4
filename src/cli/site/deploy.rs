//! `deploy`: a directory comes on the air, whatever is missing for it: application, service, nodes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use clap::Args;
use serde::Serialize;

use super::entry::{self, Seen};
use super::{directory, names};
use crate::api::agent::ScriptStatus;
use crate::api::manager::ScriptsOfNodes;
use crate::api::web::PhpConfiguration;
use crate::api::{Accepted, ApplicationView};
use crate::cli::command::code::NewCode;
use crate::cli::command::{application, code, every_service};
use crate::cli::deployment::{Deployment, Entry, Parcel};
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::{Reply, write_out};
use crate::client::error::Failure;
use crate::client::lookup::{self, FoundService};
use crate::client::pack::{Choice, Form, pack};
use crate::client::session::Session;
use crate::model::{ApplicationId, ServiceId, State};
use crate::sys;
use crate::task::poll::{self, Pace};

/// A script that prepares a node may install programs.
const SCRIPT_LIMIT: Duration = Duration::from_secs(1800);
/// How long a program that is interrupted may take to end.
const INTERRUPT_LIMIT: Duration = Duration::from_secs(60);
const PACE: Pace = Pace::growing(Duration::from_millis(50), Duration::from_secs(1), 10);
/// A program that ends within a second has failed; later its status tells. The last look comes a pause before the end.
const SETTLED: Duration = Duration::from_millis(1100);

/// What is to come on the air.
#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// Directory with the site or the program, or a .war file; this directory when it is left out
    directory: Option<PathBuf>,
    /// Application, made when it is missing; called as the directory when it is left out
    #[arg(short, long, value_name = "APP")]
    app: Option<String>,
    /// Service, where the application has several of the kind
    #[arg(short, long, value_name = "SERVICE")]
    service: Option<String>,
    /// Kind of service; found out by what the directory holds when it is left out
    #[arg(short, long, value_name = "KIND")]
    kind: Option<String>,
    /// Cloud where what is missing will run
    #[arg(short, long, value_name = "CLOUD")]
    cloud: Option<String>,
}

/// What is on the air, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct OnAir {
    pub aid: ApplicationId,
    pub sid: ServiceId,
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(rename = "codeVersionId")]
    pub code_version: String,
    pub urls: Vec<String>,
    /// What the first page answers; absent where it cannot be reached from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

#[async_trait(?Send)]
impl Action for Deploy {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        let directory = self.directory.unwrap_or_else(|| PathBuf::from("."));
        let (deployment, reason) = directory::deployment_of(&directory, self.kind.as_deref())?;
        let parcel = (deployment.parcel)(&directory).map_err(Failure::said)?;
        run.printer.note(&format!("'{}' is for the kind {}: {reason}.", directory.display(), deployment.kind));
        let app = match self.app {
            Some(name) => name,
            None => names::of_directory(&directory)?,
        };
        let cloud = self.cloud.as_deref();
        if let Some(cloud) = cloud {
            lookup::check_cloud(&run.session, cloud).await?;
        }
        let app = running_application(run, &app, cloud).await?;
        let found = service(run, &app, deployment.kind, self.service.as_deref()).await?;
        let state = run.session.service_info(&found).await?.state;
        if !State::CODE_CAN_CHANGE.contains(&state) {
            let (sid, kind) = (found.service, deployment.kind);
            return Err(Failure::said(format!(
                "service {sid} of application '{0}' is {state}, and takes no code: 'conpaas {kind} get_history {0} {sid}' \
                 says why",
                app.name
            )));
        }
        let version = upload(run, &found, parcel).await?;
        let root = document_root(run, &found, deployment, &directory).await?;
        let new = NewCode { version: &version, document_root: root };
        bring_up(run, &app, &found, deployment, new, cloud).await
    }
}

/// Returns the application that is called so, started; makes it when there is none.
async fn running_application(run: &Invocation, name: &str, cloud: Option<&str>) -> Result<ApplicationView, Failure> {
    let session = &run.session;
    let is_it = |app: &ApplicationView| app.name == name || app.aid.to_string() == name;
    let mut app = if session.applications().await?.iter().any(is_it) {
        lookup::application(session, name).await?
    } else {
        let made = session.create_application(name).await?;
        run.printer.note(&format!("Application '{}' created with id {}.", made.name, made.aid));
        made
    };
    if app.status != State::Running {
        let started = match app.status {
            State::Prologue => application::await_start(run, &app, &Accepted::default()).await?,
            _ => application::start(run, &app, cloud).await?,
        };
        settle(run, started)?;
        app = lookup::application(session, &app.aid.to_string()).await?;
    }
    Ok(app)
}

/// Returns the application's service of the kind; adds it when there is none.
async fn service(
    run: &Invocation,
    app: &ApplicationView,
    kind: &str,
    wanted: Option<&str>,
) -> Result<FoundService, Failure> {
    if let Some(wanted) = wanted {
        return lookup::service(&run.session, Some(kind), &app.aid.to_string(), wanted).await;
    }
    let services = lookup::services(&run.session, Some(kind), Some(app.aid)).await?;
    let service = match names::only(app, &format!("services of the kind {kind}"), &services)? {
        Some(one) => one.service.sid,
        None => run.session.add_service(kind, app.aid).await?.service.sid,
    };
    Ok(FoundService { application: app.aid, service })
}

/// Uploads a file as it is, or packs a directory but for what its owner ignores. Returns the code version.
async fn upload(run: &Invocation, found: &FoundService, parcel: Parcel) -> Result<String, Failure> {
    let (directory, form) = match parcel {
        Parcel::File(path) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Ok(code::send(run, found, &path, &name).await?.id);
        }
        Parcel::Directory(directory) => (directory, Form::Tar),
        Parcel::WebApplication(directory) => (directory, Form::War),
    };
    let packed = sys::blocking(move || pack(&directory, Choice::NotIgnored, form)).await?;
    run.printer
        .note(&format!("{} files are packed; what .gitignore and .conpaasignore name is left out.", packed.n_files));
    let version = code::send(run, found, packed.archive.path(), &packed.name).await?;
    Ok(version.id)
}

/// Returns the directory that visitors are to see from now on, if that changes, and says so.
async fn document_root(
    run: &Invocation,
    found: &FoundService,
    deployment: &Deployment,
    directory: &Path,
) -> Result<Option<&'static str>, Failure> {
    let Some(look) = deployment.document_root else { return Ok(None) };
    let set = run.session.service::<PhpConfiguration>(found, "get_configuration").await?.document_root;
    let set = set.as_deref().map(|root| root.trim_matches('/'));
    if let Some(root) = look(directory) {
        run.printer.note(&format!("Visitors see '{root}', as composer.json and {root}/index.php are there."));
        return Ok((set != Some(root)).then_some(root));
    }
    match set.filter(|root| !directory.join(root).is_dir()) {
        Some(root) => {
            run.printer.note(&format!("Visitors do not see '{root}' alone any more, as there is no such directory."));
            Ok(Some(""))
        }
        None => Ok(None),
    }
}

/// Makes a code version the one that runs, starts what does not run yet, and looks whether it answers.
pub(super) async fn bring_up(
    run: &Invocation,
    app: &ApplicationView,
    found: &FoundService,
    deployment: &'static Deployment,
    new: NewCode<'_>,
    cloud: Option<&str>,
) -> Result<Reply, Failure> {
    let (session, version) = (&run.session, new.version);
    let before = session.service_info(found).await?.state;
    if deployment.entry == Entry::Program && before == State::Running {
        end_program(session, app, found).await?;
    }
    settle(run, code::enable(run, found, deployment.kind, deployment.enable_method, new).await?)?;
    if before != State::Running {
        settle(run, every_service::start(run, found, cloud, None).await?)?;
    }
    if deployment.entry == Entry::Program {
        run_program(session, app, found).await?;
    }
    let urls = entry::urls(session, found, deployment.entry).await?;
    let status = match urls.first() {
        None => None,
        Some(url) => look(run, app, found, deployment, url).await?,
    };
    let text = said(app, deployment, version, &urls, status);
    let (aid, sid, kind) = (found.application, found.service, deployment.kind);
    Ok(Reply::line(text, &OnAir { aid, sid, kind, code_version: version.to_owned(), urls, status }))
}

fn said(app: &ApplicationView, deployment: &Deployment, version: &str, urls: &[String], status: Option<u16>) -> String {
    let name = &app.name;
    match (deployment.entry, status) {
        (Entry::Program, None) => {
            let nodes: Vec<&str> =
                urls.iter().map(|url| url.trim_start_matches("http://").trim_end_matches('/')).collect();
            format!("'{name}' runs {version} in {}, where its program listens.", nodes.join(", "))
        }
        _ => format!("'{name}' serves {version}: {}", urls.join(" ")),
    }
}

/// Returns the status of a page; none where it is no page, or cannot be reached from this machine.
async fn look(
    run: &Invocation,
    app: &ApplicationView,
    found: &FoundService,
    deployment: &Deployment,
    url: &str,
) -> Result<Option<u16>, Failure> {
    let complaint = |what: String| {
        let (kind, name, sid) = (deployment.kind, &app.name, found.service);
        Err(Failure::said(format!(
            "{url} {what}: 'conpaas {kind} list_nodes {name} {sid}' shows the nodes, and 'conpaas {kind} list_agent_logs {name} \
             {sid} NODE' their logs; 'conpaas rollback {name}' goes back"
        )))
    };
    match (entry::see(url).await, deployment.entry) {
        (Seen::Answer(status), Entry::Site(_)) if status >= 500 => complaint(format!("answers {status}")),
        (Seen::Answer(status), _) => Ok(Some(status)),
        (Seen::Silent(reason), Entry::Site(_)) => complaint(format!("is no page: {reason}")),
        (Seen::Unreachable, Entry::Site(_)) => {
            run.printer.note(&format!("{url} cannot be reached from this machine, so nobody has looked at it."));
            Ok(None)
        }
        (Seen::Silent(_) | Seen::Unreachable, Entry::Program) => Ok(None),
    }
}

/// Interrupts what runs: a manager enables no code beside it.
async fn end_program(session: &Session, app: &ApplicationView, found: &FoundService) -> Result<(), Failure> {
    let is_over = |status: &ScriptsOfNodes| {
        let mut all = status.agents.values().flat_map(|scripts| scripts.values());
        all.all(|status| *status != ScriptStatus::Running)
    };
    if is_over(&session.script_status(found).await?) {
        return Ok(());
    }
    session.execute_script(found, "interrupt", "").await?;
    if is_over(&until(session, found, INTERRUPT_LIMIT, is_over).await?) {
        return Ok(());
    }
    let (name, sid) = (&app.name, found.service);
    Err(Failure::said(format!(
        "the program goes on although it was interrupted: 'conpaas generic interrupt {name} {sid}' a second time kills it"
    )))
}

/// Waits until `init.sh` has ended on all nodes, starts `run.sh`, and looks whether it goes on.
async fn run_program(session: &Session, app: &ApplicationView, found: &FoundService) -> Result<(), Failure> {
    let is_prepared = |status: &ScriptsOfNodes| all(status, "init.sh", |status| *status != ScriptStatus::Running);
    let status = until(session, found, SCRIPT_LIMIT, is_prepared).await?;
    expect_no_failure(app, found, &status, "init.sh")?;
    session.execute_script(found, "run", "").await?;
    let is_over = |status: &ScriptsOfNodes| all(status, "run.sh", |status| matches!(status, ScriptStatus::Stopped(_)));
    let status = until(session, found, SETTLED, is_over).await?;
    expect_no_failure(app, found, &status, "run.sh")
}

fn all(status: &ScriptsOfNodes, script: &str, is_so: impl Fn(&ScriptStatus) -> bool) -> bool {
    status.agents.values().all(|scripts| scripts.get(script).is_none_or(&is_so))
}

/// Returns the status once it is so, or at the end of the time.
async fn until(
    session: &Session,
    found: &FoundService,
    limit: Duration,
    is_so: impl Fn(&ScriptsOfNodes) -> bool,
) -> Result<ScriptsOfNodes, Failure> {
    let ask = async || Ok::<_, Failure>(Some(session.script_status(found).await?).filter(&is_so));
    match poll::until(PACE, limit, ask).await? {
        Some(status) => Ok(status),
        None => session.script_status(found).await,
    }
}

fn expect_no_failure(
    app: &ApplicationView,
    found: &FoundService,
    status: &ScriptsOfNodes,
    script: &str,
) -> Result<(), Failure> {
    for (node, scripts) in &status.agents {
        if let Some(ScriptStatus::Stopped(code)) = scripts.get(script)
            && *code != 0
        {
            let (name, sid) = (&app.name, found.service);
            return Err(Failure::said(format!(
                "{script} ended with code {code} in node {node}: 'conpaas generic get_agent_log {name} {sid} {node} -f agent.out' \
                 shows what it said"
            )));
        }
    }
    Ok(())
}

/// Shows the end of a step; a step that failed ends all.
fn settle(run: &Invocation, step: Reply) -> Result<(), Failure> {
    if !run.printer.is_json {
        write_out(&step.text);
    }
    step.failure.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_script_that_failed_in_one_node_is_named_with_its_log() {
        let of = |status| BTreeMap::from([("run.sh".to_owned(), status)]);
        let agents = BTreeMap::from([
            ("iaasi-1".to_owned(), of(ScriptStatus::Running)),
            ("iaasi-2".to_owned(), of(ScriptStatus::Stopped(3))),
        ]);
        let status = ScriptsOfNodes { agents };
        assert!(!all(&status, "run.sh", |status| matches!(status, ScriptStatus::Stopped(_))));
        let app = ApplicationView::sample(2, "shop");
        let found = FoundService { application: ApplicationId(2), service: ServiceId(1) };
        let text = expect_no_failure(&app, &found, &status, "run.sh").unwrap_err().text;
        let start = "run.sh ended with code 3 in node iaasi-2: 'conpaas generic get_agent_log shop 1 iaasi-2";
        assert!(text.starts_with(start), "{text}");
        assert!(expect_no_failure(&app, &found, &status, "init.sh").is_ok());
    }
}
