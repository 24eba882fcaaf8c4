//! Runs the example program on two nodes and looks at its pages.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::client::{Client, field};
use super::{NutshellError, Place, Say, daemon, example};
use crate::sys::file;

const APPLICATION: &str = "hello";
const ARCHIVE: &str = "hello-web.tar";
const N_NODES: usize = 2;
const PORT: u16 = 8080;
/// How long the program may take until its first page.
const PAGE_LIMIT: Duration = Duration::from_secs(60);

/// Runs the example program in the nutshell.
///
/// # Errors
/// The nutshell is down, or as [`run_example`].
pub(crate) async fn demo(place: &Place, say: Say<'_>) -> Result<(), NutshellError> {
    if daemon::running(place).is_none() {
        return Err(NutshellError::NotUp);
    }
    let running = run_example(&Client::of_nutshell(place), &place.directory.join(ARCHIVE), say).await?;
    let program = program_as_typed(&place.program);
    let options = place.options();
    say("");
    say("Try next:");
    say(&format!("    {program} nutshell shell{options}     # a shell in which all of this works:"));
    suggest(&running, say);
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

/// Creates and starts an application with a generic service, gives it the
/// example program (by way of the file `archive`), runs it on two nodes and
/// fetches its page from both. May be repeated: what is there already is used.
///
/// # Errors
/// The first step that failed.
async fn run_example(client: &Client, archive: &Path, say: Say<'_>) -> Result<Running, NutshellError> {
    let aid = ensure_application(client, say).await?;
    let sid = ensure_service(client, say, &aid).await?;
    let nodes = ensure_nodes(client, say, &aid, &sid).await?;
    ensure_code(client, archive, say, &aid, &sid).await?;
    let urls: Vec<String> = nodes.iter().map(|node| format!("http://{}:{PORT}/", field(node, "ip"))).collect();
    if fetch(&nodes).await.is_err() {
        wait_for_scripts(client, &aid, &sid).await?;
        typed(client, say, &["generic", "run", &aid, &sid, "-p", &PORT.to_string()]).await?;
        wait_for_pages(&nodes).await?;
    }
    say("");
    say("Your program answers from both nodes:");
    for (url, line) in urls.iter().zip(fetch(&nodes).await?) {
        say(&format!("    {url}    {line}"));
    }
    Ok(Running { aid, sid, urls })
}

async fn ensure_application(client: &Client, say: Say<'_>) -> Result<String, NutshellError> {
    if application(client).await?.is_none() {
        typed(client, say, &["application", "create", APPLICATION]).await?;
    }
    let found = application(client).await?;
    let row = found.ok_or_else(|| unexpected("application list", "the new application is not in it"))?;
    let aid = field(&row, "aid");
    if field(&row, "status") != "RUNNING" {
        typed(client, say, &["application", "start", &aid]).await?;
    }
    Ok(aid)
}

async fn ensure_service(client: &Client, say: Say<'_>, aid: &str) -> Result<String, NutshellError> {
    if service(client, aid).await?.is_none() {
        typed(client, say, &["generic", "add", aid]).await?;
    }
    let found = service(client, aid).await?;
    let row = found.ok_or_else(|| unexpected("generic list", "the new service is not in it"))?;
    let sid = field(&row, "sid");
    if field(&row, "status") != "RUNNING" {
        typed(client, say, &["generic", "start", aid, &sid]).await?;
    }
    Ok(sid)
}

async fn ensure_nodes(client: &Client, say: Say<'_>, aid: &str, sid: &str) -> Result<Vec<Value>, NutshellError> {
    let list = ["generic", "list_nodes", aid, sid];
    let nodes = client.rows(&list).await?;
    if nodes.len() >= N_NODES {
        return Ok(nodes);
    }
    let count = (N_NODES - nodes.len()).to_string();
    typed(client, say, &["generic", "add_nodes", "--count", &count, aid, sid]).await?;
    client.rows(&list).await
}

async fn ensure_code(client: &Client, archive: &Path, say: Say<'_>, aid: &str, sid: &str) -> Result<(), NutshellError> {
    let versions = client.rows(&["generic", "list_codes", aid, sid]).await?;
    let is_ours = |row: &&Value| field(row, "filename") == ARCHIVE;
    if versions.iter().filter(is_ours).any(is_current) {
        return Ok(());
    }
    let content = example::archive().map_err(|source| file::FileError::new("write", archive, source))?;
    file::write_atomic(archive, &content, 0o644)?;
    typed(client, say, &["generic", "upload_code", aid, sid, &archive.to_string_lossy()]).await?;
    let versions = client.rows(&["generic", "list_codes", aid, sid]).await?;
    let version = versions.iter().find(is_ours);
    let version = version.ok_or_else(|| unexpected("generic list_codes", "the uploaded code is not in it"))?;
    typed(client, say, &["generic", "enable_code", aid, sid, &field(version, "codeVersionId")]).await
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
        return Err(unexpected(&words.join(" "), output.trim()));
    }
    Ok(())
}

async fn application(client: &Client) -> Result<Option<Value>, NutshellError> {
    let applications = client.rows(&["application", "list"]).await?;
    Ok(applications.into_iter().find(|row| field(row, "name") == APPLICATION))
}

async fn service(client: &Client, aid: &str) -> Result<Option<Value>, NutshellError> {
    let services = client.rows(&["generic", "list", "-a", aid]).await?;
    Ok(services.into_iter().find(|row| field(row, "aid") == aid))
}

fn is_current(row: &Value) -> bool {
    match row.get("current") {
        Some(Value::Bool(is_current)) => *is_current,
        _ => field(row, "current").contains('*'),
    }
}

/// The code's init.sh may run yet, and until it has ended nothing else may.
async fn wait_for_scripts(client: &Client, aid: &str, sid: &str) -> Result<(), NutshellError> {
    let end = Instant::now() + PAGE_LIMIT;
    while client.type_command(&["generic", "get_script_status", aid, sid]).await?.contains("RUNNING") {
        if Instant::now() >= end {
            return Ok(()); // The next command tells what still runs.
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

async fn wait_for_pages(nodes: &[Value]) -> Result<(), NutshellError> {
    let end = Instant::now() + PAGE_LIMIT;
    loop {
        match fetch(nodes).await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() >= end => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// What the page of each node says about itself.
async fn fetch(nodes: &[Value]) -> Result<Vec<String>, NutshellError> {
    let mut lines = Vec::new();
    for node in nodes {
        let ip = field(node, "ip");
        let fail = |reason: String| NutshellError::Page { url: format!("http://{ip}:{PORT}/json"), reason };
        let answer =
            timeout(Duration::from_secs(5), get(&ip)).await.map_err(|_| fail("no answer in 5 s".to_owned()))?;
        let answer = answer.map_err(|error| fail(error.to_string()))?;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let facts: Value = serde_json::from_str(body).map_err(|error| fail(error.to_string()))?;
        let n_peers = facts["peers"].as_array().map_or(0, Vec::len);
        lines.push(format!("Hello from {}, role {}, {n_peers} peer(s)", field(&facts, "ip"), field(&facts, "role")));
    }
    Ok(lines)
}

async fn get(ip: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((ip, PORT)).await?;
    stream.write_all(format!("GET /json HTTP/1.0\r\nHost: {ip}:{PORT}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(1 << 20).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
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

fn unexpected(command: &str, answer: &str) -> NutshellError {
    NutshellError::Answer { command: command.to_owned(), answer: answer.to_owned() }
}
