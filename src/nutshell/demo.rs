//! Runs the example program on two nodes and looks at its pages.

use std::path::Path;

use serde::Deserialize;

use super::client::Client;
use super::daemon::Daemon;
use super::error::NutshellError;
use super::place::Place;
use super::say::Say;
use super::{daemon, example, page};
use crate::api::ApplicationView;
use crate::api::manager::CodeVersion;
use crate::model::{ApplicationId, ServiceId, State};
use crate::sys::file;
use crate::task::poll;

const APPLICATION: &str = "hello";
const ARCHIVE: &str = "hello-web.tar";
const N_NODES: usize = 2;
const LIST_APPLICATIONS: [&str; 2] = ["application", "list"];

/// Runs the example program in the nutshell.
///
/// # Errors
/// The nutshell is down, or as [`run_example`].
pub(crate) async fn demo(place: &Place, say: Say<'_>) -> Result<(), NutshellError> {
    if daemon::running(place, Daemon::Director).is_none() {
        return Err(NutshellError::NotUp);
    }
    let running = run_example(&Client::of_nutshell(place), &place.directory.join(ARCHIVE), say).await?;
    let program = program_as_typed(&place.program);
    let options = place.options();
    say("");
    say("Try next:");
    say(&format!("    {program} nutshell shell{options}     # a shell in which all of this works:"));
    suggest(&running, say);
    if daemon::running(place, Daemon::Frontend).is_some() {
        let (address, port) = (place.director_ip(), place.pages_listen().port());
        say(&format!("All of this in your browser: https://{address}:{port}/ as the user nutshell"));
    }
    say(&format!("And when you have seen enough: {program} nutshell down{options}"));
    Ok(())
}

/// Runs the example program with the director of the caller's own configuration.
///
/// # Errors
/// As [`run_example`].
pub(crate) async fn demo_of_caller(say: Say<'_>) -> Result<(), NutshellError> {
    let program = std::env::current_exe()
        .map_err(|source| file::FileError::new("find this program", Path::new("/proc/self/exe"), source))?;
    let scratch = tempfile::tempdir()
        .map_err(|source| file::FileError::new("make a directory in", &std::env::temp_dir(), source))?;
    let running = run_example(&Client::of_caller(program), &scratch.path().join(ARCHIVE), say).await?;
    say("");
    say("Try next:");
    suggest(&running, say);
    Ok(())
}

/// The example program as it runs.
struct Running {
    aid: String,
    sid: String,
    urls: Vec<String>,
}

/// A row of `generic list`.
#[derive(Deserialize)]
struct ServiceRow {
    aid: ApplicationId,
    sid: ServiceId,
    status: String,
}

/// A row of `generic list_nodes`.
#[derive(Deserialize)]
struct NodeRow {
    ip: String,
}

/// Creates and starts an application with a generic service, uploads the
/// example program to it (by way of the file `archive`), runs it on two nodes
/// and fetches its page from both. May be repeated: what is there already is used.
///
/// # Errors
/// The first step that failed.
async fn run_example(client: &Client, archive: &Path, say: Say<'_>) -> Result<Running, NutshellError> {
    let aid = ensure_application(client, say).await?;
    let sid = ensure_service(client, say, &aid).await?;
    let ips = ensure_nodes(client, say, &aid, &sid).await?;
    ensure_code(client, archive, say, &aid, &sid).await?;
    if page::fetch(&ips).await.is_err() {
        wait_for_scripts(client, &aid, &sid).await?;
        typed(client, say, &["generic", "run", &aid, &sid, "-p", &page::PORT.to_string()]).await?;
        page::wait(&ips).await?;
    }
    say("");
    say("Your program answers from both nodes:");
    let urls: Vec<String> = ips.iter().map(|ip| page::url(ip)).collect();
    for (url, line) in urls.iter().zip(page::fetch(&ips).await?) {
        say(&format!("    {url}    {line}"));
    }
    Ok(Running { aid, sid, urls })
}

async fn ensure_application(client: &Client, say: Say<'_>) -> Result<String, NutshellError> {
    if application(client).await?.is_none() {
        typed(client, say, &["application", "create", APPLICATION]).await?;
    }
    let missing = || NutshellError::unexpected(&LIST_APPLICATIONS, "the new application is not in it");
    let app = application(client).await?.ok_or_else(missing)?;
    let aid = app.aid.to_string();
    if app.status != State::Running {
        typed(client, say, &["application", "start", &aid]).await?;
    }
    Ok(aid)
}

async fn ensure_service(client: &Client, say: Say<'_>, aid: &str) -> Result<String, NutshellError> {
    if service(client, aid).await?.is_none() {
        typed(client, say, &["generic", "add", aid]).await?;
    }
    let missing = || NutshellError::unexpected(&["generic", "list"], "the new service is not in it");
    let row = service(client, aid).await?.ok_or_else(missing)?;
    let sid = row.sid.to_string();
    if row.status != State::Running.as_str() {
        typed(client, say, &["generic", "start", aid, &sid]).await?;
    }
    Ok(sid)
}

/// Returns the addresses of the nodes.
async fn ensure_nodes(client: &Client, say: Say<'_>, aid: &str, sid: &str) -> Result<Vec<String>, NutshellError> {
    let list = ["generic", "list_nodes", aid, sid];
    let mut nodes: Vec<NodeRow> = client.rows(&list).await?;
    if nodes.len() < N_NODES {
        let count = (N_NODES - nodes.len()).to_string();
        typed(client, say, &["generic", "add_nodes", "--count", &count, aid, sid]).await?;
        nodes = client.rows(&list).await?;
    }
    Ok(nodes.into_iter().map(|node| node.ip).collect())
}

async fn ensure_code(client: &Client, archive: &Path, say: Say<'_>, aid: &str, sid: &str) -> Result<(), NutshellError> {
    let list = ["generic", "list_codes", aid, sid];
    let is_example = |version: &&CodeVersion| version.filename == ARCHIVE;
    let versions: Vec<CodeVersion> = client.rows(&list).await?;
    if versions.iter().filter(is_example).any(|version| version.current) {
        return Ok(());
    }
    let content = example::archive().map_err(|source| file::FileError::new("write", archive, source))?;
    file::write_atomic(archive, &content, 0o644)?;
    typed(client, say, &["generic", "upload_code", aid, sid, &archive.to_string_lossy()]).await?;
    let versions: Vec<CodeVersion> = client.rows(&list).await?;
    let missing = || NutshellError::unexpected(&list[..2], "the uploaded code is not in it");
    let version = versions.iter().find(is_example).ok_or_else(missing)?;
    typed(client, say, &["generic", "enable_code", aid, sid, &version.id]).await
}

/// Types a command and shows it, so that people can do the same by hand.
async fn typed(client: &Client, say: Say<'_>, words: &[&str]) -> Result<(), NutshellError> {
    say(&format!("$ conpaas {}", words.join(" ")));
    let output = client.type_command(words).await?;
    for line in output.lines() {
        say(line);
    }
    // A command of ConPaaS 2.0 could fail and still end well.
    if output.contains("FAILED!") {
        return Err(NutshellError::unexpected(words, output.trim()));
    }
    Ok(())
}

async fn application(client: &Client) -> Result<Option<ApplicationView>, NutshellError> {
    let applications: Vec<ApplicationView> = client.rows(&LIST_APPLICATIONS).await?;
    Ok(applications.into_iter().find(|app| app.name == APPLICATION))
}

async fn service(client: &Client, aid: &str) -> Result<Option<ServiceRow>, NutshellError> {
    let services: Vec<ServiceRow> = client.rows(&["generic", "list", "-a", aid]).await?;
    Ok(services.into_iter().find(|row| row.aid.to_string() == aid))
}

/// The code's init.sh may run yet, and until it has ended nothing else may.
async fn wait_for_scripts(client: &Client, aid: &str, sid: &str) -> Result<(), NutshellError> {
    let ask = async || {
        let status = client.type_command(&["generic", "get_script_status", aid, sid]).await?;
        Ok::<_, NutshellError>((!status.contains("RUNNING")).then_some(()))
    };
    let _the_next_command_tells_what_still_runs = poll::until(page::PACE, page::LIMIT, ask).await?;
    Ok(())
}

fn suggest(running: &Running, say: Say<'_>) {
    let Running { aid, sid, urls } = running;
    say(&format!("    curl {}", urls.first().map_or("", String::as_str)));
    say(&format!("    conpaas generic add_nodes --count 1 {aid} {sid}"));
    say(&format!("    conpaas generic get_script_status {aid} {sid}"));
    say("    conpaas cloud list_resources");
    say(&format!("    conpaas application stop {aid}"));
}

/// What a person has to type to run this program: its name, if the shell
/// finds it by that, else its file.
fn program_as_typed(program: &Path) -> String {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let is_found = std::env::split_paths(&search)
        .any(|directory| directory.join("conpaas").canonicalize().is_ok_and(|found| found == program));
    if is_found { "conpaas".to_owned() } else { program.display().to_string() }
}
