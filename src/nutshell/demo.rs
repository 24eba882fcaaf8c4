//! Runs the example program on two nodes and looks at its pages.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::client::{field, rows, type_command};
use super::{NutshellError, Place, Say, daemon, example};
use crate::sys::file;

const APPLICATION: &str = "hello";
const ARCHIVE: &str = "hello-web.tar";
const N_NODES: usize = 2;
const PORT: u16 = 8080;
/// How long the program may take until its first page.
const PAGE_LIMIT: Duration = Duration::from_secs(60);

/// Creates and starts an application with a generic service, gives it the
/// example program, runs it on two nodes and fetches its page from both. May
/// be repeated: what is there already is used.
///
/// # Errors
/// The first step that failed.
pub(super) async fn demo(place: &Place, say: Say<'_>) -> Result<(), NutshellError> {
    if daemon::running(place).is_none() {
        return Err(NutshellError::NotUp);
    }
    let aid = ensure_application(place, say).await?;
    let sid = ensure_service(place, say, &aid).await?;
    let nodes = ensure_nodes(place, say, &aid, &sid).await?;
    ensure_code(place, say, &aid, &sid).await?;
    let urls: Vec<String> = nodes.iter().map(|node| format!("http://{}:{PORT}/", field(node, "ip"))).collect();
    if fetch(&nodes).await.is_err() {
        typed(place, say, &["generic", "run", &aid, &sid, "-p", &PORT.to_string()]).await?;
        wait_for_pages(&nodes).await?;
    }
    say("");
    say("Your program answers from both nodes:");
    for (url, line) in urls.iter().zip(fetch(&nodes).await?) {
        say(&format!("    {url}    {line}"));
    }
    invite(place, say, &urls, &aid, &sid);
    Ok(())
}

async fn ensure_application(place: &Place, say: Say<'_>) -> Result<String, NutshellError> {
    if application(place).await?.is_none() {
        typed(place, say, &["application", "create", APPLICATION]).await?;
    }
    let found = application(place).await?;
    let row = found.ok_or_else(|| unexpected("application list", "the new application is not in it"))?;
    let aid = field(&row, "aid");
    if field(&row, "status") != "RUNNING" {
        typed(place, say, &["application", "start", &aid]).await?;
    }
    Ok(aid)
}

async fn ensure_service(place: &Place, say: Say<'_>, aid: &str) -> Result<String, NutshellError> {
    if service(place, aid).await?.is_none() {
        typed(place, say, &["generic", "add", aid]).await?;
    }
    let found = service(place, aid).await?;
    let row = found.ok_or_else(|| unexpected("generic list", "the new service is not in it"))?;
    let sid = field(&row, "sid");
    if field(&row, "status") != "RUNNING" {
        typed(place, say, &["generic", "start", aid, &sid]).await?;
    }
    Ok(sid)
}

async fn ensure_nodes(place: &Place, say: Say<'_>, aid: &str, sid: &str) -> Result<Vec<Value>, NutshellError> {
    let list = ["generic", "list_nodes", aid, sid];
    let nodes = rows(place, &list).await?;
    if nodes.len() >= N_NODES {
        return Ok(nodes);
    }
    let count = (N_NODES - nodes.len()).to_string();
    typed(place, say, &["generic", "add_nodes", "--count", &count, aid, sid]).await?;
    rows(place, &list).await
}

async fn ensure_code(place: &Place, say: Say<'_>, aid: &str, sid: &str) -> Result<(), NutshellError> {
    let versions = rows(place, &["generic", "list_codes", aid, sid]).await?;
    let is_ours = |row: &&Value| field(row, "filename") == ARCHIVE;
    if versions.iter().filter(is_ours).any(is_current) {
        return Ok(());
    }
    let path = place.directory.join(ARCHIVE);
    let archive = example::archive().map_err(|source| file::FileError::new("write", &path, source))?;
    file::write_atomic(&path, &archive, 0o644)?;
    typed(place, say, &["generic", "upload_code", aid, sid, &path.to_string_lossy()]).await?;
    let versions = rows(place, &["generic", "list_codes", aid, sid]).await?;
    let version = versions.iter().find(is_ours);
    let version = version.ok_or_else(|| unexpected("generic list_codes", "the uploaded code is not in it"))?;
    typed(place, say, &["generic", "enable_code", aid, sid, &field(version, "codeVersionId")]).await
}

/// Types a command and shows it, so that people can do the same by hand.
async fn typed(place: &Place, say: Say<'_>, words: &[&str]) -> Result<(), NutshellError> {
    say(&format!("$ conpaas {}", words.join(" ")));
    let output = type_command(place, words).await?;
    for line in output.lines() {
        say(line);
    }
    // A command of ConPaaS 2.0 could fail and still end well.
    if output.contains("FAILED!") {
        return Err(unexpected(&words.join(" "), output.trim()));
    }
    Ok(())
}

async fn application(place: &Place) -> Result<Option<Value>, NutshellError> {
    let applications = rows(place, &["application", "list"]).await?;
    Ok(applications.into_iter().find(|row| field(row, "name") == APPLICATION))
}

async fn service(place: &Place, aid: &str) -> Result<Option<Value>, NutshellError> {
    let services = rows(place, &["generic", "list", "-a", aid]).await?;
    Ok(services.into_iter().find(|row| field(row, "aid") == aid))
}

fn is_current(row: &Value) -> bool {
    match row.get("current") {
        Some(Value::Bool(is_current)) => *is_current,
        _ => field(row, "current").contains('*'),
    }
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

fn invite(place: &Place, say: Say<'_>, urls: &[String], aid: &str, sid: &str) {
    let options = place.options();
    let program = program_as_typed(place);
    let url = urls.first().map_or("", String::as_str);
    say("");
    say("Try next:");
    say(&format!("    {program} nutshell shell{options}     # a shell in which all of this works:"));
    say(&format!("    curl {url}"));
    say(&format!("    conpaas generic add_nodes --count 1 {aid} {sid}"));
    say(&format!("    conpaas generic get_script_status {aid} {sid}"));
    say("    conpaas cloud list_resources");
    say(&format!("    conpaas application stop {aid}"));
    say(&format!("And when you have seen enough: {program} nutshell down{options}"));
}

/// What a person has to type to run this program: its name, if the shell
/// finds it by that, else its file.
fn program_as_typed(place: &Place) -> String {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let is_found = std::env::split_paths(&search)
        .any(|directory| directory.join("conpaas").canonicalize().is_ok_and(|found| found == place.program));
    if is_found { "conpaas".to_owned() } else { place.program.display().to_string() }
}

fn unexpected(command: &str, answer: &str) -> NutshellError {
    NutshellError::Answer { command: command.to_owned(), answer: answer.to_owned() }
}
